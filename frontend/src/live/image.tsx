// Image: what a network sees in a photo or through the camera.

import { useEffect, useId, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { useLoaded } from "../load";
import { go, Link, useRoute, withQuery } from "../router";
import type { Choice, LayerDoc, LookDoc, NetworkDoc, NetworkLine } from "../types";
import { Failed, Say, Waiting } from "../ui";
import { short } from "../words";
import { Frame } from "./frame";
import { NotAsked, PickNetwork, useChoices } from "./form";
import { Inspector } from "./inspector";
import { useLooks } from "./looks";
import { Mosaic, useDecoded } from "./maps";
import { plainUnit, unitText } from "./mix";
import { namedNetwork, whyNot } from "./networks";
import { FiringUnits, Predictions } from "./seen";
import { type Opened, PictureBar, useShot } from "./take";
import { type Cursor, useCursor, useImageKeys, useTurns, useView, type View } from "./view";

export function ImagePage() {
  const source = useSource();
  const site = useSite();
  const networks = site.networks.filter((one) => one.live);
  const { query } = useRoute();
  const id = namedNetwork(site.networks, query.get("net"));
  const why = whyNot(site.networks, id);
  const to = (network: string) => go(withQuery("#/image", { net: short(network) }));
  const asked = useLoaded(() => (why === null && source.live ? source.network(id) : Promise.resolve(null)), [source, id]);
  return (
    <div class="live-page live-image">
      <header class="live-top"><h1>Image</h1></header>
      {!source.live || networks.length === 0
        ? <Say kind="empty" title="Looking takes a network" action={<Link to="#/">Networks</Link>}
            text={source.live ? "None is loaded here: start phosphene serve with --model NETWORK, without --read-only."
              : "These pages are files and cannot run one: run phosphene serve with it, and open this page there."} />
        : why !== null ? <NotAsked networks={networks} value={id} why={why} change={to} />
        : asked.data ? <Looking key={id} networks={networks} doc={asked.data} />
          : asked.trouble ? <Failed trouble={asked.trouble} again={asked.again} what="network" />
            : <Waiting what="Loading the network" />}
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

/** The newest answer for the view, and the cursor on it. */
function useSeen(doc: NetworkDoc, view: View, opened: Opened) {
  const source = useSource();
  // The cursor stands on what was seen last, and what is asked for next follows the cursor.
  const [last, setLast] = useState<LookDoc | null>(null);
  const cursor = useCursor(view, last);
  const unit = view.method ? view.pin ?? cursor.unit : null;
  const ask = { network: doc.id, layer: view.layer || null, unit, method: unit === null ? null : view.method };
  const [height, width] = [doc.input?.height ?? 224, doc.input?.width ?? 224];
  const looks = useLooks(source, { shot: opened.shot, still: opened.still, ask, width, height });
  useEffect(() => setLast(looks.doc), [looks.doc]);
  return { looks, cursor, look: looks.doc };
}

function Looking({ networks, doc }: { networks: NetworkLine[]; doc: NetworkDoc }) {
  const opened = useShot();
  const view = useView(doc);
  const { looks, cursor, look } = useSeen(doc, view, opened);
  const choices = useChoices(doc.id).data?.methods ?? [];
  const turns = useTurns(view, cursor, choices.map((one) => one.name), doc.id);
  const docs = useLayers(doc.id, look ? look.fired.map((one) => one.layer) : []);
  useImageKeys(cursor, turns, opened, look);
  return (
    <div class="live-look" onDragOver={(event) => event.preventDefault()} onDrop={opened.dropped}>
      <section class="live-look-side" aria-label="Picture">
        <PickNetwork networks={networks} value={doc.id} change={(id) => go(withQuery("#/image", { net: short(id) }))} />
        <PictureBar opened={opened} rate={looks.rate} />
        {looks.trouble && (
          <p class="live-wrong" role="alert">
            {looks.trouble} {!opened.shot?.moving && <button type="button" onClick={looks.again}>Try again</button>}
          </p>
        )}
        <Pictures opened={opened} look={look} explains={view.method !== ""} />
        {look && <><h2>Predictions</h2><Predictions list={look.predictions} /></>}
      </section>
      <div class="live-look-main">
        <div class="live-bar-top">
          <LayerPick layers={view.layers} layer={view.layer} change={(layer) => view.change({ layer })} />
          <Gradients methods={choices} view={view} cursor={cursor.unit} pin={turns.pin} />
        </div>
        {look
          ? <Maps look={look} view={view} cursor={cursor} open={turns.open} network={doc.id} docs={docs} />
          : <Say kind="empty" title="Nothing to look at yet"
            text="Open a photo, drop or paste one here, or turn the camera on." />}
        {look && (
          <section class="section" aria-labelledby="live-fired">
            <div class="section-head"><h2 id="live-fired">What fires most</h2>
              {look.fired.some((one) => one.units.some((unit) => unit.share !== null))
                && <span class="dim">percent: share of the strongest on real pictures</span>}</div>
            <FiringUnits network={doc.id} fired={look.fired} docs={docs} shown={view.layer}
              show={(layer) => view.change({ layer })} /></section>
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
      <figure><Frame url={look.input} width={look.width} height={look.height} most={256}
        alt={`${opened.shot?.name ?? "the picture"}, as the network was shown it`} />
        <figcaption class="dim live-note">the middle of the {opened.shot?.moving ? "picture" : "photo"}, as shown to the network,
          {" "}{look.width} × {look.height}</figcaption></figure>
      {explains && explained && (
        <figure><Frame url={explained.url} width={look.width} height={look.height} most={256}
          alt={`${explained.method} of ${explained.unit} in the picture`} />
          <figcaption class="dim live-note">
            {explained.method} of {explained.unit}{explained.note ? `. ${explained.note}` : ""}</figcaption></figure>
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

interface GradientsProps { methods: Choice[]; view: View; cursor: string; pin(): void }

function Gradients({ methods, view, cursor, pin }: GradientsProps) {
  return (
    <div class="live-gradients">
      <div class="choices" role="group" aria-label="What in the picture fires a unit">
        {[{ name: "", about: "" }, ...methods].map(({ name, about }) => (
          <button type="button" key={name} aria-pressed={view.method === name} title={about}
            onClick={() => view.change({ method: name })}>
            {name.replaceAll("_", " ") || "off"}</button>
        ))}
      </div>
      {(view.method || view.pin !== null) && <span class="dim">from <strong>{view.pin ?? cursor}</strong></span>}
      <button type="button" aria-pressed={view.pin !== null} onClick={pin}>
        {view.pin === null ? "Pin" : "Pinned"}</button>
    </div>
  );
}

interface MapsProps {
  look: LookDoc; view: View; cursor: Cursor; open(channel: number): void; network: string;
  docs: ReadonlyMap<string, LayerDoc>;
}

/** The maps that were seen last. While those of another layer are on their way, they stand aside. */
function Maps({ look: { maps, fired }, view, cursor, open, network, docs }: MapsProps) {
  const image = useDecoded(maps?.url ?? null);
  if (!maps) return <Say kind="empty" small title={`${view.layer} has no maps that can be shown`} />;
  const { layer } = maps;
  const old = layer !== view.layer;
  const layerDoc = docs.get(layer);
  const at = Math.min(cursor.channel, maps.values.length - 1);
  const pinned = plainUnit(view.pin ?? "");
  const nameOf = (channel: number) =>
    [unitText(layer, channel), layerDoc?.units[channel]?.name].filter(Boolean).join(", ");
  return (
    <div class={`live-maps${old ? " is-old" : ""}`} aria-busy={old}>
      <Mosaic maps={maps} image={image} cursor={at} pinned={pinned?.layer === layer ? pinned.channel : null}
        nameOf={nameOf}
        hover={cursor.hover} choose={cursor.choose} open={open} />
      <Inspector maps={maps} image={image} channel={at} network={network} layerDoc={layerDoc} name={nameOf(at)}
        firing={fired.find((one) => one.layer === layer)?.units.find((one) => one.channel === at)} />
    </div>
  );
}
