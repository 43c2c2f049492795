// A layer: all its units at a glance.

import { useEffect, useRef } from "preact/hooks";
import { useSite, useSource } from "../context";
import { Page, type Trail } from "../frame";
import { useKeys } from "../keys";
import { useLoaded } from "../load";
import { useTold, useWork } from "../news";
import { go, href, Link } from "../router";
import type { LayerDoc } from "../types";
import { Failed, Say, Waiting } from "../ui";
import { count, number, short, sweepOf } from "../words";
import { covers, Going, MakeUnits } from "./make";
import { fieldText, shapeText, useTrail } from "./network";
import { Units } from "./units";

function About({ doc }: { doc: LayerDoc }) {
  return (
    <dl class="facts">
      <div><dt>units</dt><dd>{number(doc.units.length)}</dd></div>
      {doc.kind && <div><dt>kind</dt><dd>{shapeText(doc.kind, doc.size)}</dd></div>}
      {doc.field && <div><dt>a position</dt><dd>{fieldText(doc.field)}</dd></div>}
      {doc.damaged > 0 && <div><dt>damaged</dt><dd>{count(doc.damaged, "record")} left out; run phosphene verify</dd></div>}
    </dl>
  );
}

/** News come in bursts: one answer to many. */
function useLate(act: () => void, wait: number): () => void {
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    if (timer.current !== undefined) return;
    timer.current = window.setTimeout(() => {
      timer.current = undefined;
      act();
    }, wait);
  };
}

export function LayerPage({ id, layer }: { id: string; layer: string }) {
  const source = useSource();
  const trail = useTrail();
  const { store } = useSite();
  const found = useLoaded(() => source.layer(id, layer), [source, id, layer]);
  const soon = useLate(found.again, 700);
  useTold((told) => {
    if (told.kind === "layer" && told.network === id && told.layer === layer) soon();
    if (told.kind === "online" && told.online) soon();
  });
  const jobs = useWork((job) => job.ask.kind === "units" && job.ask.layer === layer && id.startsWith(job.ask.network));
  const up = href("n", short(id));
  const doc = found.data;
  const way: Trail = [...trail, [doc?.model ?? "network", up]];
  useKeys("Layer", doc ? {} : { Escape: ["the network", () => go(up)] });
  if (!doc) {
    return (
      <Page title={layer} trail={way}>
        {found.trouble ? <Failed trouble={found.trouble} again={found.again} what="layer" />
          : <Waiting what={`Reading ${layer}`} />}
      </Page>
    );
  }
  const made = doc.units.some((unit) => unit.status !== "missing");
  return (
    <Page wide title={doc.layer} trail={way} actions={<>
      {doc.previous !== null && <Link class="button" to={href("n", short(id), doc.previous)} rel="prev">← {doc.previous}</Link>}
      {doc.next !== null && <Link class="button" to={href("n", short(id), doc.next)} rel="next">{doc.next} →</Link>}
    </>}>
      <About doc={doc} />
      {doc.ways > 1 && (
        <p class="dim">made in {doc.ways} ways: of a unit that has several, here is the one that most of this layer have;
          the others are on its page</p>
      )}
      {doc.live && <Going jobs={jobs} />}
      {!made && !jobs.some((job) => covers(job, id, layer, null)) && (
        <Say kind="missing" title="No unit of this layer has a picture yet"
          text={doc.live ? "They can be made here; they appear one by one."
            : <>Make them: <code>{sweepOf(doc, store)}</code></>}
          action={doc.live && <MakeUnits network={id} layer={layer} units={null} label="Make this layer" />} />
      )}
      <Units doc={doc} up={up} />
    </Page>
  );
}
