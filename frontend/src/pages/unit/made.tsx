// Pictures of a unit that were made live: shown where its picture would be, and beside those of the store.

import { useState } from "preact/hooks";
import { useSource } from "../../context";
import { Frame } from "../../live/frame";
import { useJobs, type Jobs } from "../../live/jobs";
import { firstFrame, leftLine, problem, stateLine, unfinished } from "../../live/say";
import { href, Link } from "../../router";
import type { JobDoc, UnitDoc } from "../../types";
import { Copy, Say, Thumb } from "../../ui";
import { count, number } from "../../words";
import { MakeUnits, useAsk } from "../make";
import { Trust } from "./trust";

/** Whether a job makes a picture of a unit from the start. `target`: what it is to be asked for. */
export const makes = (doc: UnitDoc, job: JobDoc, target = doc.unit): boolean => job.ask.kind === "picture" && !job.ask.start
  && job.ask.target === target && doc.network.startsWith(job.ask.network);

const done = (job: JobDoc) => job.state === "done" && job.pictures.length > 0;

/** A job as it goes: its newest frame, how far it is, and the way to stop it. */
function Growing({ job, jobs }: { job: JobDoc; jobs: Jobs }) {
  const source = useSource();
  const [said, setSaid] = useState("");
  const last = job.frames.at(-1);
  const stop = async () => {
    try {
      jobs.put(await source.stop(job.id));
    } catch (error) {
      setSaid(problem(error));
    }
  };
  return (
    <>
      <Frame url={last === undefined ? null : source.frame(job.id, last)} width={job.width} height={job.height}
        alt={`${job.ask.target} after ${last ?? 0} steps`} label={firstFrame(job)} />
      <div class="live-progress">
        <progress max={job.steps} value={job.step} aria-label="progress" /> <span>{leftLine(job)}</span>
      </div>
      <p class="dim" role="status">{stateLine(job)}</p>
      <div class="bar">
        <button type="button" onClick={() => void stop()}>Stop</button>
        <Link class="button" to={href("live", job.id)}>Watch it in Live</Link>
      </div>
      <p class="wrong" role="alert">{said}</p>
    </>
  );
}

/** The finished picture of a job. */
function Made({ job }: { job: JobDoc }) {
  const picture = job.pictures[0]!;
  return (
    <>
      <Frame url={picture.url} width={picture.width} height={picture.height}
        alt={`live picture of ${job.ask.target}, score ${number(picture.score.clean)}`} />
      <p role="status">Made live, not in the store. <Link to={href("live", job.id)}>Open it in Live</Link></p>
      <div class="bar viewer-tools">
        <a class="button" href={picture.url} download={`${job.ask.target.replace(/[^\w.-]+/g, "_")}-${picture.seed}.png`}>Download</a>
        {picture.cli && <Copy text={picture.cli} label="command" />}
        {picture.python && <Copy text={picture.python} label="Python" />}
      </div>
    </>
  );
}

/** One button, and what was wrong the last time. */
function Ask({ doc, target, jobs, last, label }: { doc: UnitDoc; target: string; jobs: Jobs; last: JobDoc | undefined; label: string }) {
  const { ask, busy, trouble } = useAsk(jobs.put);
  return (
    <>
      {last?.state === "failed" && <p class="wrong">The last one failed: {last.error}</p>}
      {last?.state === "stopped" && <p class="dim">The last one was stopped.</p>}
      <button type="button" class="main" disabled={busy}
        onClick={() => void ask({ network: doc.network, kind: "picture", target })}>{label}</button>
      {trouble && <p class="wrong" role="alert">{trouble}</p>}
    </>
  );
}

/** In place of a picture that the store lacks: how to make it, how it grows, what came of it. */
export function InPlace({ doc, jobs, command }: { doc: UnitDoc; jobs: Jobs; command: string }) {
  const mine = jobs.list.filter((job) => makes(doc, job));
  const shown = mine.find((job) => unfinished(job)) ?? mine.find(done);
  const store = doc.live && (
    <details class="more"><summary>Make it with the sweep's recipe, for good</summary>
      <MakeUnits network={doc.network} layer={doc.layer} units={String(doc.channel)} label="Make it into the store" second /></details>
  );
  if (shown) {
    return (
      <div class="unit-top">
        <section class="viewer" aria-label="Live picture">
          {done(shown) ? <Made job={shown} /> : <Growing job={shown} jobs={jobs} />}
          {done(shown) && store}
        </section>
        {done(shown) && <Trust picture={shown.pictures[0]!} doc={doc} />}
      </div>
    );
  }
  if (doc.failures.length > 0 && doc.examples) return null;
  return (
    <Say kind="missing" title="No picture of this unit yet"
      text={doc.live ? "Make it now and watch it grow here." : <>Make it: <code>{command}</code></>}
      action={doc.live && <>
        <Ask doc={doc} target={doc.unit} jobs={jobs} last={mine[0]} label="Make it now" />
        {store}
      </>} />
  );
}

/** The same in a column of Compare: small. `kind`: which picture is missing there. */
export function InColumn({ doc, kind, size }: { doc: UnitDoc; kind: string; size: number }) {
  const jobs = useJobs();
  const source = useSource();
  const target = kind === "negative" ? `-${doc.unit}` : doc.unit;
  const mine = jobs.list.filter((job) => makes(doc, job, target));
  const shown = kind === "diverse" ? undefined : mine.find((job) => unfinished(job)) ?? mine.find(done);
  const last = shown?.frames.at(-1);
  const url = shown && (shown.pictures[0]?.url ?? (last === undefined ? null : source.frame(shown.id, last)));
  if (shown && url) {
    return (
      <div>
        <Thumb url={url} w={shown.width} h={shown.height} size={size} alt={`live ${kind} picture of ${doc.unit} in ${doc.model}`} />
        <p class="dim versus-live">{done(shown) ? "Made live, not in the store." : leftLine(shown)}{" "}
          <Link to={href("live", shown.id)}>Open</Link></p>
      </div>
    );
  }
  return (
    <div class="versus-none" style={{ width: `${size}px`, height: `${size}px` }}>
      <p>{shown ? stateLine(shown) : `No ${kind} picture`}</p>
      {!shown && doc.live && kind !== "diverse" && <Ask doc={doc} target={target} jobs={jobs} last={mine[0]} label="Make it" />}
    </div>
  );
}

/** What was asked for, in a few words. */
const how = ({ ask }: JobDoc) => [
  ask.preset, ask.image, ask.size && `${ask.size} px`, ask.steps && count(ask.steps, "step"), `seed ${ask.seed}`,
].filter(Boolean).join(", ");

/** Finished live pictures of a unit that has others; what was asked for twice came out the same, and is shown once. */
export function MadeLive({ jobs, doc, but }: { jobs: Jobs; doc: UnitDoc; but?: JobDoc | undefined }) {
  const asked = new Set<string>();
  const all = jobs.list.filter((job) => {
    const ask = JSON.stringify(job.ask), twin = asked.has(ask);
    if (!makes(doc, job) || !done(job)) return false;
    asked.add(ask);
    return !twin && job !== but;
  });
  if (all.length === 0) return null;
  return (
    <section class="section" aria-labelledby="made-live">
      <div class="section-head"><h2 id="made-live">Made live</h2><span class="dim">not in the store</span></div>
      <ul class="viewer-all">
        {all.slice(0, 24).map((job) => {
          const picture = job.pictures[0]!;
          return (
            <li key={job.id}>
              <Link class="button" to={href("live", job.id)} title={how(job)}>
                <Thumb url={picture.url} w={picture.width} h={picture.height} size={96} alt={`live picture of ${doc.unit}`} />
                <span>{how(job)}</span>
                <span class="dim">score {number(picture.score.clean)}</span>
              </Link>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Which finished job stands in place of the store's picture. */
export const inPlace = (jobs: Jobs, doc: UnitDoc): JobDoc | undefined => {
  const mine = jobs.list.filter((job) => makes(doc, job));
  return mine.some((job) => unfinished(job)) ? undefined : mine.find(done);
};
