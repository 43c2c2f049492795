// Units side by side, also of different networks. The address holds them all.

import { useId, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { Page } from "../frame";
import { useKeys } from "../keys";
import { exampleOf } from "../live/networks";
import { compareRoute, spotOf, spotText, useList, type Spot } from "../list";
import { useLoaded } from "../load";
import { go, href, Link } from "../router";
import type { DataSource } from "../source";
import type { NetworkLine, Picture, UnitDoc } from "../types";
import { Copy, Failed, Say, StripImage, Thumb, Waiting } from "../ui";
import { number, percent, short, STATES } from "../words";
import { called, positioned } from "./unit/real";
import { InColumn } from "./unit/made";
import { Bars, endsOf } from "./unit/spectrum";
import { averaged, downward, placed } from "./unit/trust";
import { useRoom } from "./unit/viewer";

const KINDS = ["positive", "negative", "diverse"] as const;

/** The unit of a text such as mixed4b:11 or logit:goldfish; throws one line, with an example of the network's own. */
async function spotFrom(source: DataSource, network: string, text: string): Promise<Spot> {
  const spot = spotOf(text.trim());
  if (spot) return spot;
  const found = /^"?(.+?)"?:\s*"?([^:"]+)"?$/.exec(text.trim());
  const known = await source.network(network);
  if (!found) throw new Error(`${text} is no unit's address; write one such as ${exampleOf(known)}`);
  if (!known.layers.some((line) => line.name === found[1])) throw new Error(`${known.model} has no layer ${found[1]}`);
  const layer = await source.layer(network, found[1]!);
  const word = found[2]!.toLowerCase();
  const unit = /^\d+$/.test(word) ? layer.units[Number(word)]
    : layer.units.find((one) => one.name?.toLowerCase() === word) ?? layer.units.find((one) => one.name?.toLowerCase().includes(word));
  if (!unit) throw new Error(`${layer.layer} has ${layer.units.length} units, none is ${found[2]}`);
  return { network: layer.network, layer: layer.layer, channel: unit.channel };
}

function Add({ spots }: { spots: readonly Spot[] }) {
  const source = useSource();
  const { networks } = useSite();
  const id = useId();
  const [net, setNet] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const last = spots[spots.length - 1];
  const network = net ?? networks.find((line) => last && line.id.startsWith(last.network))?.id ?? networks[0]?.id;
  const layers = useLoaded(() => (network ? source.network(network) : Promise.reject(new Error("no network"))), [network]);
  if (!network) return null;
  const add = async () => {
    try {
      const spot = await spotFrom(source, network, text);
      setText("");
      setWrong(null);
      go(compareRoute([...spots.filter((one) => spotText(one) !== spotText(spot)), spot]));
    } catch (error) {
      setWrong(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form class="add" onSubmit={(event) => {
      event.preventDefault();
      void add();
    }}>
      <div class="bar">
        {networks.length > 1 && (
          <label>network
            <select value={network} onChange={(event) => setNet(event.currentTarget.value)}>
              {networks.map((line) => <option value={line.id}>{line.model} {short(line.id).slice(0, 6)}</option>)}
            </select>
          </label>
        )}
        <label class="field">unit
          <input id={id} type="text" value={text} placeholder={exampleOf(layers.data)} list={`${id}-layers`} autocomplete="off"
            spellcheck={false} aria-invalid={wrong !== null} aria-describedby={`${id}-wrong`}
            onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <datalist id={`${id}-layers`}>
          {layers.data?.layers.map((line) => <option value={`${line.name}:`} />)}
        </datalist>
        <button type="submit" disabled={text.trim() === ""}>Add</button>
      </div>
      <p class="wrong" id={`${id}-wrong`} role="alert">{wrong}</p>
    </form>
  );
}

/** The same channel of another network, where it has one. */
function Same({ spot, line, spots }: { spot: Spot; line: NetworkLine; spots: readonly Spot[] }) {
  const source = useSource();
  const found = useLoaded(() => source.network(line.id), [source, line.id]);
  const layer = found.data?.layers.find((one) => one.name === spot.layer);
  if (!layer || layer.units <= spot.channel) return null;
  const other = { ...spot, network: line.id };
  if (spots.some((one) => spotText(one) === spotText(other))) return null;
  const at = spots.findIndex((one) => spotText(one) === spotText(spot));
  return <Link class="button" to={compareRoute([...spots.slice(0, at + 1), other, ...spots.slice(at + 1)])}>
    same in {line.model} <code>{short(line.id).slice(0, 6)}</code></Link>;
}

function Shown({ doc, picture, kind }: { doc: UnitDoc; picture: Picture | undefined; kind: string }) {
  const [room, wide] = useRoom();
  const width = Math.min(wide || 240, 256); // the same for all, whatever their pixels
  return (
    <div ref={room} class="versus-picture">
      {picture ? <Thumb url={picture.url} w={picture.width} h={picture.height} size={width} alt={`${kind} picture of ${doc.unit} in ${doc.model}`} />
        : <InColumn doc={doc} kind={kind} size={width} />}
    </div>
  );
}

function Numbers({ doc, picture }: { doc: UnitDoc; picture: Picture | undefined }) {
  const natural = picture?.evidence.natural;
  const down = picture !== undefined && downward(picture), place = picture ? placed(picture) : null;
  const by = picture && averaged(picture, doc) ? " (mean)" : "";
  const beyond = natural ? (down ? 100 - natural.percentile : natural.percentile) : null;
  const rows: [string, string][] = [
    ["outcome", picture ? `${STATES[picture.status]?.sign} ${STATES[picture.status]?.word ?? picture.status}`.trim() : "not in the store"],
    ["score", number(picture?.score.clean)], ["robust", number(picture?.score.robust)],
    [place?.down ? "rank from below" : "rank", place?.value ?? "–"],
    [`beyond real${by}`, beyond === null ? "–" : `${number(Math.floor(beyond * 100) / 100)} %`],
    [`to natural ${down ? "minimum" : "maximum"}${by}`, natural?.ratio == null ? "–" : `${number(natural.ratio)} ×`],
    ["fires on", doc.facts ? percent(doc.facts.density) : "–"], [positioned(doc) ? "real maximum (strongest position)" : "real maximum", number(doc.facts?.maximum)],
  ];
  return <dl class="numbers">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

type Ends = ReadonlyMap<string, readonly [number, number]>;

/** One axis for the spectra of each layer, by the layer's name: from the least to the greatest of all shown. */
function useEnds(spots: readonly Spot[]): Ends {
  const source = useSource();
  const { data } = useLoaded(() => Promise.all(
    spots.map((spot) => source.unit(spot.network, spot.layer, spot.channel).catch(() => null))),
  [source, spots.map(spotText).join(",")]);
  const ends = new Map<string, [number, number]>();
  for (const doc of data ?? []) {
    if (!doc?.facts?.shares.length) continue;
    const [low, high] = endsOf(doc.facts), known = ends.get(doc.layer);
    ends.set(doc.layer, known ? [Math.min(known[0], low), Math.max(known[1], high)] : [low, high]);
  }
  return ends;
}

function Column({ spot, spots, kind, ends }: { spot: Spot; spots: readonly Spot[]; kind: string; ends: Ends }) {
  const source = useSource();
  const { networks } = useSite();
  const found = useLoaded(() => source.unit(spot.network, spot.layer, spot.channel), [source, spotText(spot)]);
  const doc = found.data;
  const line = networks.find((one) => one.id.startsWith(spot.network));
  const rest = spots.filter((one) => one !== spot);
  const title = doc?.unit ?? `${spot.layer}:${spot.channel}`;
  const picture = doc?.pictures.find((one) => one.kind === kind);
  const top = doc?.examples?.strips.top;
  return (
    <li class="versus-one">
      <div class="versus-head">
        <div><h2><Link to={href("n", short(spot.network), spot.layer, spot.channel)}>{title}</Link></h2>
          <p class="dim">{doc?.name ? `${doc.name} · ` : ""}{line?.model ?? "unknown network"} <code>{spot.network.slice(0, 6)}</code></p></div>
        <button type="button" class="quiet" aria-label={`Remove ${title}`} onClick={() => go(compareRoute(rest))}>✕</button>
      </div>
      {!doc ? <div class="versus-wait">{found.trouble ? <Failed trouble={found.trouble} again={found.again} what="unit" />
        : <Waiting what={`Reading ${title}`} />}</div> : (
        <>
          <Shown doc={doc} picture={picture} kind={kind} />
          <Numbers doc={doc} picture={picture} />
          {top && doc.examples ? (
            <div><h3>Top real pictures</h3>
              <ol class="versus-top">
                {doc.examples.top.slice(0, 9).map((shot, index) => (
                  <li key={index} title={called(shot)}><StripImage strip={top} index={index} size={56} alt={`${called(shot)}, ${number(shot.value)}`} /></li>
                ))}
              </ol>
            </div>
          ) : <p class="dim">No real pictures were kept.</p>}
          {doc.facts && doc.facts.shares.length > 0
            ? <div><h3>Spectrum {spots.filter((one) => one.layer === spot.layer).length > 1
                && <span class="dim">one axis for {doc.layer}</span>}</h3><Bars facts={doc.facts} marks={[]} logarithmic positions={positioned(doc)} height={64} range={ends.get(doc.layer)} /></div>
            : <p class="dim">No spectrum: not scanned.</p>}
        </>
      )}
      <div class="bar">
        {networks.filter((other) => other !== line).map((other) => <Same key={other.id} spot={spot} line={other} spots={spots} />)}
      </div>
    </li>
  );
}

export function ComparePage({ texts }: { texts: readonly string[] }) {
  const list = useList();
  const [kind, setKind] = useState<string>("positive");
  const spots = texts.map(spotOf).filter((spot) => spot !== null);
  const wrong = texts.filter((text) => spotOf(text) === null);
  const ends = useEnds(spots);
  const chosen = list.spots.filter((spot) => !spots.some((one) => spotText(one) === spotText(spot)));
  useKeys("Compare", {
    "1": ["positive pictures", () => setKind("positive")],
    "2": ["negative pictures", () => setKind("negative")],
    "3": ["diverse pictures", () => setKind("diverse")],
    a: ["add a unit", () => document.querySelector<HTMLInputElement>(".add input")?.focus()],
    Escape: ["back", () => history.back()],
  });
  return (
    <Page wide title="Compare" actions={spots.length > 0 && <>
      <div class="choices" role="group" aria-label="Which pictures">
        {KINDS.map((name) => <button type="button" aria-pressed={kind === name} onClick={() => setKind(name)}>{name}</button>)}
      </div>
      <Copy text={location.href} label="link" />
    </>}>
      <Add spots={spots} />
      {wrong.length > 0 && (
        <Say small kind="missing" title="A part of the address names no unit" text={`${wrong.join(", ")}: a unit is NETWORK:LAYER:CHANNEL.`} />
      )}
      {chosen.length > 0 && (
        <p><Link class="button" to={compareRoute([...spots, ...chosen])}>Add the {chosen.length} selected</Link></p>
      )}
      {spots.length === 0
        ? <Say kind="empty" title="Nothing to compare yet"
            text="Write a unit's address above, or select units in a layer (x) and come back." />
        : <ul class="versus">{spots.map((spot) => <Column key={spotText(spot)} spot={spot} spots={spots} kind={kind} ends={ends} />)}</ul>}
    </Page>
  );
}
