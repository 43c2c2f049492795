// A unit: all that is known of it.

import { useEffect, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { Page, type Trail } from "../frame";
import { useKeys, type Keys } from "../keys";
import { useJobs } from "../live/jobs";
import { compareRoute, useList } from "../list";
import { useLoaded } from "../load";
import { useTold } from "../news";
import { go, href, Link, withQuery } from "../router";
import type { Picture, UnitDoc } from "../types";
import { announce, Failed, Waiting } from "../ui";
import { count, short, sweepOf, within } from "../words";
import { Working } from "./make";
import { useTrail } from "./network";
import { Failures, Facets, Neighbours, Provenance } from "./unit/parts";
import { InPlace, inPlace, MadeLive, makes } from "./unit/made";
import { Examples, NoExamples, positioned } from "./unit/real";
import { Spectrum } from "./unit/spectrum";
import { Trust } from "./unit/trust";
import { fileName, nameOf, Viewer } from "./unit/viewer";
import { layerRoute, useChosen } from "./view";

/** Reads what is before and after, with the pictures one sees first: turning to them must not wait. */
function usePrefetch(doc: UnitDoc | undefined, pick: (pictures: readonly Picture[]) => Picture | null) {
  const source = useSource();
  useEffect(() => {
    if (!doc) return;
    for (const channel of [doc.channel + 1, doc.channel - 1]) {
      if (channel < 0 || channel >= doc.units) continue;
      source.unit(doc.network, doc.layer, channel).then((next) => {
        const urls = [pick(next.pictures)?.url, next.examples?.strips.top?.url];
        for (const url of urls) if (url) new Image().src = url;
      }, () => undefined);
    }
  }, [doc]);
}

function Content({ doc, chosen, choose }: { doc: UnitDoc; chosen: Picture | null; choose: (picture: Picture) => void }) {
  const [at, setAt] = useState<number | null>(null);
  const [heat, setHeat] = useState(false);
  const jobs = useJobs();
  const { store } = useSite();
  useEffect(() => setAt(null), [chosen?.id]);
  const live = chosen ? undefined : inPlace(jobs, doc);
  const last = chosen?.frames?.steps.length ?? 0;
  const step = (by: number) => {
    const next = Math.min(Math.max((at ?? last) + by, 0), last);
    setAt(next < last ? next : null);
  };
  const keys: Keys = {};
  doc.pictures.slice(0, 9).forEach((picture, index) => (
    keys[String(index + 1)] = [`picture: ${nameOf(picture, doc.pictures)}`, () => choose(picture)]));
  if (last > 0) {
    keys[","] = ["a saved step back", () => step(-1)];
    keys["."] = ["a saved step on", () => step(1)];
  }
  if (doc.examples?.heat) keys.f = ["where real pictures fire it", () => setHeat(!heat)];
  useKeys("Pictures of the unit", keys);
  return (
    <>
      {doc.live && <Working wanted={(job) => doc.network.startsWith(job.ask.network) && (job.ask.kind === "units"
        ? job.ask.layer === doc.layer && within(job.ask.units, doc.channel)
        : job.ask.target === doc.unit && (chosen !== null || !makes(doc, job)))} />}
      {chosen ? (
        <div class="unit-top">
          <Viewer doc={doc} chosen={chosen} choose={choose} at={at} setAt={setAt} />
          <Trust picture={chosen} doc={doc} />
        </div>
      ) : <InPlace key={doc.channel} doc={doc} jobs={jobs} command={sweepOf(doc, store, doc.channel)} />}
      <MadeLive doc={doc} jobs={jobs} but={live} />
      <Failures doc={doc} />
      {doc.facets && (doc.facets.facets.length > 0 || doc.facets.why) && <Facets facets={doc.facets} doc={doc} />}
      {doc.examples ? <Examples doc={doc} examples={doc.examples} heat={heat} turn={() => setHeat(!heat)} />
        : <NoExamples doc={doc} store={store} />}
      <Spectrum facts={doc.facts} examples={doc.examples} heat={heat} positions={positioned(doc)} />
      <Neighbours doc={doc} />
      <Provenance doc={doc} picture={chosen ?? live?.pictures[0] ?? null} />
    </>
  );
}

/** The links to what can be done with a unit. */
function Doings({ doc }: { doc: UnitDoc }) {
  const source = useSource();
  const list = useList();
  const spot = { network: doc.network, layer: doc.layer, channel: doc.channel };
  const picked = list.has(spot);
  const net = short(doc.network);
  const others = list.spots.filter((one) => one.layer !== spot.layer || one.channel !== spot.channel || !doc.network.startsWith(one.network));
  const mixer = withQuery("#/mixer", { net, target: doc.unit }), image = withQuery("#/image", { net, unit: doc.unit });
  const compare = compareRoute([spot, ...others]);
  const toggle = () => announce(list.toggle(spot) ? "selected" : "no longer selected");
  useKeys("Use the unit", {
    x: ["select it, or not", toggle],
    c: ["compare it with what is selected", () => go(compare)],
    ...(source.live && doc.live && {
      m: ["into the mixer", () => go(mixer)] as [string, () => void],
      i: ["in a photo or the webcam", () => go(image)] as [string, () => void],
    }),
  });
  return (
    <>
      <button type="button" aria-pressed={picked} onClick={toggle}>{picked ? "✓ Selected" : "Select"}</button>
      <Link class="button" to={compare}>Compare</Link>
      {source.live && doc.live && <>
        <Link class="button" to={mixer}>Mixer</Link>
        <Link class="button" to={image}>In a photo</Link>
      </>}
    </>
  );
}

export function UnitPage({ id, layer, channel }: { id: string; layer: string; channel: number }) {
  const source = useSource();
  const trail = useTrail();
  const found = useLoaded(() => source.unit(id, layer, channel), [source, id, layer, channel]);
  useTold((told) => {
    if (told.kind === "layer" && told.network === id && told.layer === layer) found.again();
    if (told.kind === "online" && told.online) found.again();
  });
  const doc = found.data;
  const { chosen, choose, pick, query } = useChosen(href("n", short(id), layer, channel), doc?.pictures);
  usePrefetch(doc, pick);
  const units = doc?.units ?? Infinity;
  const to = (next: number) => withQuery(href("n", short(id), layer, next), query);
  const turn = (by: number) => {
    const next = channel + by;
    if (next < 0) announce("this is the first unit");
    else if (next >= units) announce("this is the last unit");
    else go(to(next));
  };
  const up = layerRoute(id, layer, channel);
  const keys: Keys = {
    ArrowRight: ["next unit", () => turn(1)], ArrowLeft: ["unit before", () => turn(-1)],
    n: ["next unit", () => turn(1)], p: ["unit before", () => turn(-1)],
    l: ["next unit", () => turn(1)], h: ["unit before", () => turn(-1)],
    Escape: ["the layer", () => go(up)],
    k: ["the layer", () => go(up)],
  };
  if (doc && chosen) {
    keys.d = ["download the picture", () => {
      const link = document.createElement("a");
      link.href = chosen.url;
      link.download = fileName(doc, chosen);
      link.click();
    }];
  }
  useKeys("Unit", keys);
  const way: Trail = [...trail, [doc?.model ?? "network", href("n", short(id))], [layer, up]];
  const title = doc ? doc.name !== null && !doc.unit.includes(doc.name) ? `${doc.unit} ${doc.name}` : doc.unit : `${layer}:${channel}`;
  return (
    <Page title={title} trail={way} actions={<>
      {channel > 0 && <Link class="button" to={to(channel - 1)} rel="prev" aria-label="Unit before" title="←">←</Link>}
      {channel + 1 < units && <Link class="button" to={to(channel + 1)} rel="next" aria-label="Next unit" title="→">→</Link>}
      {doc && <Doings doc={doc} />}
    </>}>
      {doc && <p class="dim">channel {channel} of {count(doc.units, "unit")} in {doc.layer} of {doc.model}</p>}
      {doc ? <Content doc={doc} chosen={chosen} choose={choose} />
        : found.trouble ? <Failed trouble={found.trouble} again={found.again} what="unit" />
          : <Waiting what="Reading the unit" />}
    </Page>
  );
}
