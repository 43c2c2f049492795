// Image: what a network sees in a photo or through the camera.

import { useEffect, useId, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { useKeys } from "../keys";
import { useLoaded } from "../load";
import { go, href, Link, useRoute, withQuery } from "../router";
import type { LayerDoc, LookDoc, NetworkDoc, NetworkLine } from "../types";
import { announce, Failed, Say, Waiting } from "../ui";
import { short } from "../words";
import { Frame } from "./frame";
import { PickNetwork, useChoices } from "./form";
import { Inspector } from "./inspector";
import { useLooks } from "./looks";
import { Mosaic, useDecoded } from "./maps";
import { plainUnit, unitText } from "./mix";
import { liveNetwork } from "./networks";
import { FiringUnits, Predictions } from "./seen";
import { type Opened, PictureBar, useShot } from "./take";

export function ImagePage() {
  const source = useSource();
  const networks = useSite().networks.filter((one) => one.live);
  const { query } = useRoute();
  const id = liveNetwork(networks, query.get("net"));
  const asked = useLoaded(() => (id && source.live ? source.network(id) : Promise.resolve(null)), [source, id]);
  return (
    <div class="live-page live-image">
      <header class="live-top"><h1>Image</h1></header>
      {!source.live || id === ""
        ? <Say kind="empty" title="Looking takes a network" action={<Link to="#/">Networks</Link>}
            text="These pages are files and cannot run one. Run phosphene serve with the network, and open this page there." />
        : asked.data ? <Looking key={id} networks={networks} doc={asked.data} />
          : asked.trouble ? <Failed trouble={asked.trouble} again={asked.again} what="network" /> : <Waiting what="Loading the network" />}
    </div>
  );
}

/** Layers whose pictures come beside what fires, each asked for once. */
function useLayers(network: string, names: string[]): ReadonlyMap<string, LayerDoc> {
  const source = useSource();
  const [docs, setDocs] = useState<ReadonlyMap<string, LayerDoc>>(new Map());
  const key = names.join("\n");
  useEffect(() => {
    let here = true;
    void (async () => {
      for (const name of names) {
        // Tiles are an extra: where a layer has none, its units are named without.
        const doc = await source.layer(network, name).catch(() => null);
        if (!here) return;
        if (doc) setDocs((before) => new Map(before).set(name, doc));
      }
    })();
    return () => { here = false };
  }, [source, network, key]);
  return docs;
}

/** Layer, pinned unit and method: the address holds them, so that a view can be linked. */
function useView(doc: NetworkDoc) {
  const { query } = useRoute();
  const usual = doc.layers.filter((one) => one.usual);
  const layers = (usual.length > 0 ? usual : doc.layers).map((one) => one.name);
  const pin = query.get("unit");
  const of = plainUnit(pin ?? "")?.layer;
  const asked = query.get("layer") ?? of;
  const layer = asked && doc.layers.some((one) => one.name === asked) ? asked : layers[Math.floor(layers.length / 2)] ?? "";
  const method = query.get("method") ?? (pin === null ? "" : "saliency");
  const change = (part: { layer?: string; pin?: string | null; method?: string }) => {
    const to = { layer, pin, method, ...part };
    // "none" is said, since a pinned unit without a method would be explained.
    go(withQuery("#/image", { net: short(doc.id), layer: to.layer, unit: to.pin, method: to.method || (to.pin === null ? "" : "none") }), true);
  };
  return { layers, layer, pin, method: method === "none" ? "" : method, change };
}

function Looking({ networks, doc }: { networks: NetworkLine[]; doc: NetworkDoc }) {
  const source = useSource();
  const opened = useShot();
  const view = useView(doc);
  const [hovered, hover] = useState<number | null>(null);
  const [chosen, choose] = useState<Record<string, number>>({});
  const choices = useChoices(doc.id).data;
  const [strongest, setStrongest] = useState<Record<string, number>>({});
  const channel = hovered ?? chosen[view.layer] ?? strongest[view.layer] ?? 0;
  const cursor = unitText(view.layer, channel);
  const unit = view.method ? view.pin ?? cursor : null;
  const [height, width] = [doc.input?.height ?? 224, doc.input?.width ?? 224];
  const ask = { network: doc.id, layer: view.layer || null, unit, method: unit === null ? null : view.method };
  const looks = useLooks(source, { shot: opened.shot, still: opened.still, ask, width, height });
  const look = looks.doc;
  useEffect(() => {
    // The cursor begins where most happens, and stays there while the camera runs.
    const first = look?.fired.find((one) => one.layer === view.layer)?.units[0]?.channel;
    if (first !== undefined && strongest[view.layer] === undefined) setStrongest({ ...strongest, [view.layer]: first });
  }, [look, view.layer]);
  const docs = useLayers(doc.id, look ? look.fired.map((one) => one.layer) : []);
  const methods = (choices?.methods ?? []).map((one) => one.name);

  const move = (by: number, to?: number) => {
    const count = look?.maps?.values.length ?? 0;
    if (count === 0) return;
    const next = Math.max(0, Math.min(count - 1, to ?? channel + by));
    hover(null);
    choose({ ...chosen, [view.layer]: next });
    announce(unitText(view.layer, next));
  };
  const turn = (by: number) => {
    const next = view.layers[Math.max(0, Math.min(view.layers.length - 1, view.layers.indexOf(view.layer) + by))];
    if (next) { hover(null); view.change({ layer: next }); announce(next) }
  };
  const nextMethod = () => {
    const all = ["", ...methods];
    const next = all[(all.indexOf(view.method) + 1) % all.length] ?? "";
    view.change({ method: next });
    announce(next || "no gradients");
  };
  const pin = () => {
    view.change(view.pin === null ? { pin: cursor, method: view.method || (methods[0] ?? "saliency") } : { pin: null });
    announce(view.pin === null ? `${cursor} pinned` : "unpinned");
  };
  const open = (at = channel) => go(href("n", short(doc.id), view.layer, at));
  const row = look?.maps?.columns ?? 1;
  useKeys("Image", {
    ArrowLeft: ["a channel to the left", () => move(-1)], ArrowRight: ["a channel to the right", () => move(1)],
    ArrowUp: ["a channel up", () => move(-row)], ArrowDown: ["a channel down", () => move(row)],
    h: ["left", () => move(-1)], l: ["right", () => move(1)], k: ["up", () => move(-row)], j: ["down", () => move(row)],
    Home: ["the first channel", () => move(0, 0)], End: ["the last channel", () => move(0, Infinity)],
    u: ["the layer before", () => turn(-1)], o: ["the next layer", () => turn(1)],
    Enter: ["open the unit", () => open()],
    p: ["pin the unit that gradients start from", pin], d: ["the same (the Toolbox's key)", pin],
    b: ["another method of gradients", nextMethod],
    w: ["the camera on, off", opened.toggle], " ": ["hold the camera's picture", opened.hold], f: ["open a photo", opened.browse],
  });
  const nameOf = (at: number) => {
    const name = docs.get(view.layer)?.units[at]?.name;
    return `${unitText(view.layer, at)}${name ? `, ${name}` : ""}`;
  };
  const pinned = plainUnit(view.pin ?? "");

  return (
    <div class="live-look" onDragOver={(event) => event.preventDefault()} onDrop={opened.dropped}>
      <section class="live-look-side" aria-label="Picture">
        <PickNetwork networks={networks} value={doc.id} change={(id) => go(withQuery("#/image", { net: short(id) }))} />
        <PictureBar opened={opened} rate={looks.rate} />
        {looks.trouble && <p class="live-wrong" role="alert">{looks.trouble} {!opened.shot?.moving && <button type="button" onClick={looks.again}>Try again</button>}</p>}
        <Pictures opened={opened} look={look} explains={unit !== null} />
        {look && <><h2>Predictions</h2><Predictions list={look.predictions} /></>}
      </section>
      <div class="live-look-main">
        <div class="live-bar-top">
          <LayerPick layers={view.layers} layer={view.layer} change={(layer) => { hover(null); view.change({ layer }) }} />
          <Gradients methods={methods} about={(name) => choices?.methods.find((one) => one.name === name)?.about ?? ""} view={view} cursor={cursor} pin={pin} />
        </div>
        {look
          ? <Maps look={look} layer={view.layer} channel={channel} pinned={pinned?.layer === view.layer ? pinned.channel : null} nameOf={nameOf}
              hover={hover} choose={(at) => { choose({ ...chosen, [view.layer]: at }); hover(null) }} open={open} network={doc.id} layerDoc={docs.get(view.layer)} />
          : <Say kind="empty" title="Nothing to look at yet" text="Open a photo, drop or paste one here, or turn the camera on." />}
        {look && (
          <section class="section" aria-labelledby="live-fired"><h2 id="live-fired">What fires most</h2>
            <FiringUnits network={doc.id} fired={look.fired} docs={docs} shown={view.layer} show={(layer) => { hover(null); view.change({ layer }) }} /></section>
        )}
      </div>
    </div>
  );
}

/** The picture as the network was shown it, and what in it the unit responds to. */
function Pictures({ opened, look, explains }: { opened: Opened; look: LookDoc | null; explains: boolean }) {
  if (!look) return null;
  const explained = look.explained;
  return (
    <div class="live-pair">
      <figure><Frame url={look.input} width={look.width} height={look.height} most={256} alt={`${opened.shot?.name ?? "the picture"}, as the network was shown it`} />
        <figcaption class="dim live-note">as shown to the network, {look.width} × {look.height}</figcaption></figure>
      {explains && explained && (
        <figure><Frame url={explained.url} width={look.width} height={look.height} most={256} alt={`${explained.method} of ${explained.unit} in the picture`} />
          <figcaption class="dim live-note">{explained.method} of {explained.unit}{explained.note ? `. ${explained.note}` : ""}</figcaption></figure>
      )}
    </div>
  );
}

/** Whose maps are shown. A layer that an address names may be none of the usual ones. */
function LayerPick({ layers, layer, change }: { layers: string[]; layer: string; change(layer: string): void }) {
  const id = useId();
  return (
    <div class="live-inline">
      <label for={id} class="dim">Maps of</label>
      <select id={id} value={layer} onChange={(event) => change(event.currentTarget.value)}>
        {!layers.includes(layer) && <option value={layer}>{layer}</option>}
        {layers.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </div>
  );
}

interface GradientsProps { methods: string[]; about(name: string): string; view: ReturnType<typeof useView>; cursor: string; pin(): void }

function Gradients({ methods, about, view, cursor, pin }: GradientsProps) {
  return (
    <div class="live-gradients">
      <div class="choices" role="group" aria-label="What in the picture fires a unit">
        {["", ...methods].map((name) => (
          <button type="button" key={name} aria-pressed={view.method === name} title={about(name)} onClick={() => view.change({ method: name })}>{name.replaceAll("_", " ") || "off"}</button>
        ))}
      </div>
      {(view.method || view.pin !== null) && <span class="dim">from <strong>{view.pin ?? cursor}</strong></span>}
      <button type="button" aria-pressed={view.pin !== null} onClick={pin}>{view.pin === null ? "Pin" : "Pinned"}</button>
    </div>
  );
}

interface MapsProps {
  look: LookDoc; layer: string; channel: number; pinned: number | null; network: string; layerDoc: LayerDoc | undefined;
  nameOf(channel: number): string; hover(channel: number | null): void; choose(channel: number): void; open(channel: number): void;
}

function Maps({ look, layer, channel, pinned, network, layerDoc, nameOf, hover, choose, open }: MapsProps) {
  const maps = look.maps?.layer === layer ? look.maps : null;
  const image = useDecoded(maps?.url ?? null);
  if (!look.maps) return <Say kind="empty" small title={`${layer} has no maps that can be shown`} />;
  if (!maps) return <Waiting what={`Looking into ${layer}`} />;
  const at = Math.min(channel, maps.values.length - 1);
  return (
    <div class="live-maps">
      <Mosaic maps={maps} image={image} cursor={at} pinned={pinned} nameOf={nameOf} hover={hover} choose={choose} open={open} />
      <Inspector maps={maps} image={image} channel={at} network={network} layerDoc={layerDoc} name={nameOf(at)}
        firing={look.fired.find((one) => one.layer === layer)?.units.find((one) => one.channel === at)} />
    </div>
  );
}
