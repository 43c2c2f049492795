// The unit under the cursor: its map large, its optimised picture beside it.

import { useEffect, useState } from "preact/hooks";
import { useSource } from "../context";
import { useLoaded } from "../load";
import { href, Link } from "../router";
import type { Firing, LayerDoc, MapsDoc } from "../types";
import { Thumb, TileImage } from "../ui";
import { number, percent, short } from "../words";
import { Cut, tileOf } from "./maps";
import { pictureOf } from "./unitpicture";

const SIDE = 144;
const REST = 150; // ms that a cursor rests before its unit is asked for

interface Props {
  maps: MapsDoc; image: HTMLImageElement | null; channel: number; network: string; layerDoc: LayerDoc | undefined;
  name: string;
  firing: Firing | undefined;
}

/** A value once it has not changed for a while. */
function useRested<T>(value: T): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), REST);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}

export function Inspector({ maps, image, channel, network, layerDoc, name, firing }: Props) {
  const value = maps.values[channel];
  return (
    <aside class="live-inspect" aria-label="The unit under the cursor">
      <h3>{name}</h3>
      <div class="live-inspect-pair">
        <figure><Cut image={image} box={tileOf(maps, channel)} across={SIDE} label={`activation map of ${name}`} />
          <figcaption class="dim live-note">
            fires {number(value)}{firing?.share != null ? `, ${percent(firing.share)} of its natural maximum` : ""}
          </figcaption></figure>
        <figure><Optimised network={network} layer={maps.layer} channel={channel} layerDoc={layerDoc} />
          <figcaption class="dim live-note">optimised picture</figcaption></figure>
      </div>
      <Link class="button" to={href("n", short(network), maps.layer, channel)}>Open the unit</Link>
    </aside>
  );
}

/** At once as large as its tile is sharp, then the picture itself. */
function Optimised({ network, layer, channel, layerDoc }: {
  network: string; layer: string; channel: number; layerDoc: LayerDoc | undefined;
}) {
  const source = useSource();
  const line = layerDoc?.units[channel];
  const rested = useRested(channel);
  // Most units of most layers have no picture: only those with a tile are asked for.
  const wanted = rested === channel && line?.tile != null;
  const { data } = useLoaded(() => (wanted ? source.unit(network, layer, channel) : Promise.resolve(null)),
    [source, network, layer, channel, wanted]);
  const picture = pictureOf(data);
  if (picture) {
    const alt = `optimised picture of ${picture.target}`;
    return <Thumb url={picture.url} w={picture.width} h={picture.height} size={SIDE} alt={alt} eager />;
  }
  if (line?.tile && layerDoc) {
    const alt = `optimised picture of ${line.unit}`;
    return <TileImage tile={line.tile} sheets={layerDoc.sheets} side={layerDoc.tile} size={SIDE} alt={alt} />;
  }
  return <span class="live-blank live-inspect-none" style={{ width: `${SIDE}px`, height: `${SIDE}px` }}>not made</span>;
}
