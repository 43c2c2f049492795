// What a network makes of a picture: classes, and the units of each layer that fire most.

import { href, Link } from "../router";
import type { Fired, Firing, LayerDoc, Prediction } from "../types";
import { TileImage } from "../ui";
import { number, percent } from "../words";

export function Predictions({ list }: { list: Prediction[] }) {
  if (list.length === 0) return <p class="dim live-note">This network has no classes.</p>;
  return (
    <ol class="live-bars" aria-label="Predictions">
      {list.map((one) => (
        <li key={one.channel}>
          <span class="live-bar-name">{one.name ?? `class ${one.channel}`}</span>
          <span class="live-bar" aria-hidden="true"><span style={{ width: `${100 * one.value}%` }} /></span>
          <span class="live-bar-value">{percent(one.value)}</span>
        </li>
      ))}
    </ol>
  );
}

interface FiringProps {
  network: string; fired: Fired[]; docs: ReadonlyMap<string, LayerDoc>; shown: string | null; show(layer: string): void;
}

/** A line per layer, in the order of the forward. */
export function FiringUnits({ network, fired, docs, shown, show }: FiringProps) {
  return (
    <ul class="live-fired">
      {fired.map(({ layer, units }) => {
        const doc = docs.get(layer);
        return <li key={layer}>
          <h3>
            <button type="button" class="quiet" aria-pressed={layer === shown} title={`show the maps of ${layer}`}
              onClick={() => show(layer)}>{layer}</button>
          </h3>
          {units.length === 0 ? <p class="dim live-note">Nothing fires here.</p> : (
            <ol class="live-fired-units">
              {units.map((one) => (
                <li key={one.channel}><FiringUnit network={network} layer={layer} one={one} doc={doc} /></li>
              ))}
            </ol>
          )}
        </li>;
      })}
    </ul>
  );
}

/** How strongly a unit fires against the strongest it ever did on real pictures, where that is known. */
export function strength(one: Firing): string {
  return one.share === null ? number(one.value) : `${number(one.value)}, ${percent(one.share)} of its natural maximum`;
}

interface UnitProps { network: string; layer: string; one: Firing; doc: LayerDoc | undefined }

function FiringUnit({ network, layer, one, doc }: UnitProps) {
  const tile = doc?.units[one.channel]?.tile;
  const size = innerWidth < 560 ? 56 : 64; // five stand side by side on a phone
  return (
    <Link to={href("n", network.slice(0, 12), layer, one.channel)} class="live-firing"
      title={`${one.unit}: ${strength(one)}`}>
      {doc && tile
        ? <TileImage tile={tile} sheets={doc.sheets} side={doc.tile} size={size} alt="" />
        : <span class="live-blank live-firing-blank" style={{ width: `${size}px`, height: `${size}px` }}>not made</span>}
      <span class="live-firing-name">{one.name ?? one.channel}</span>
      <span class="live-firing-value">{one.share === null ? number(one.value) : percent(one.share)}</span>
    </Link>
  );
}
