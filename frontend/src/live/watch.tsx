// One job: its picture as it grows, its score, what can be done with it.

import { useEffect, useState } from "preact/hooks";
import { useSource } from "../context";
import { useKeys } from "../keys";
import { useLoaded } from "../load";
import { href, Link, withQuery } from "../router";
import type { JobDoc, Start } from "../types";
import { Frame, FrameRow } from "./frame";
import { Outcome } from "./outcome";
import { Badge } from "./queue";
import { Curve, Slider } from "../ui";
import { count, number, within } from "../words";
import { askedFor, firstFrame, leftLine, problem, stateLine, unfinished } from "./say";

interface Moment { step: number; url: string }

/** The saved moments of a job, the finished picture last. */
function useMoments(job: JobDoc): Moment[] {
  const source = useSource();
  const saved = job.frames.map((step) => ({ step, url: source.frame(job.id, step) }));
  const final = job.pictures[0];
  if (job.state !== "done" || !final || job.count > 1) return saved;
  return [...saved.filter((one) => one.step < final.steps), { step: final.steps, url: final.url }];
}

interface WatchProps {
  job: JobDoc; put?(job: JobDoc): void; remove?(): void; branch?(start: Start): void; again?(): void;
}

export function Watch({ job, put, remove, branch, again }: WatchProps) {
  const moments = useMoments(job);
  const [held, hold] = useState<number | null>(null); // a step; null follows the latest
  const [row, setRow] = useState(0);
  useEffect(() => { hold(null); setRow(0) }, [job.id]);
  const last = moments.length - 1;
  const found = held === null ? last : moments.findIndex((one) => one.step >= held);
  const at = found < 0 ? last : found;
  const moment = moments[at] ?? null;
  const move = (index: number) => {
    const to = Math.max(0, Math.min(last, index));
    hold(to >= last ? null : moments[to]?.step ?? null);
  };
  const { act, said } = useActs(job, put);
  // Of what ended without a step there is nothing to branch from, ever.
  const offered = branch !== undefined && job.ask.kind === "picture" && (unfinished(job) || job.frames.length > 0);
  const canBranch = offered && moment !== null && job.frames.includes(moment.step);
  const branchHere = () => { if (canBranch && moment) branch({ job: job.id, step: moment.step }) };
  const goes = job.state === "running" || job.state === "waiting";
  const pause = () => { if (unfinished(job)) void act(goes ? "pause" : "resume") };

  return (
    <article class="live-watch" aria-labelledby={`job-${job.id}`}>
      <WatchKeys pause={put && pause} branch={offered ? branchHere : undefined} move={move} at={at} last={last} />
      <header class="live-watch-head">
        <h2 id={`job-${job.id}`}>{job.title || askedFor(job.ask)}</h2>
        <Badge job={job} />
      </header>
      <p class={job.error ? "live-wrong" : "dim live-note"} role="status">
        {[stateLine(job), job.error].filter(Boolean).join(" ")}</p>
      {unfinished(job) && (
        <p class="live-progress">
          <progress max={job.steps} value={job.step} aria-label="progress" /> <span>{leftLine(job)}</span>
        </p>
      )}
      <div class="live-buttons">
        {put && unfinished(job) && <button type="button" onClick={pause}>{goes ? "Pause" : "Continue"}</button>}
        {put && unfinished(job) && <button type="button" onClick={() => void act("stop")}>Stop</button>}
        {offered && (
          <button type="button" disabled={!canBranch} onClick={branchHere}>
            {canBranch && moment ? `Branch from step ${moment.step}` : "Branch from a saved step"}
          </button>
        )}
        {again && job.ask.kind !== "units" && <Link class="button" to={inMixer(job)}>In the mixer</Link>}
        {again && job.ask.kind === "picture" && !unfinished(job) && (
          <button type="button" onClick={again}>Ask again</button>
        )}
        {remove && <button type="button" onClick={remove}>Remove</button>}
      </div>
      <p class="live-wrong" role="alert">{said}</p>
      {job.ask.kind === "units" ? <Units job={job} /> : (
        <>
          <Shown job={job} moment={moment} row={row} pick={setRow} />
          {moments.length > 0 && (
            <Steps moments={moments} at={at} move={move} steps={job.steps} live={unfinished(job)}
              following={held === null} />
          )}
          <Scores job={job} step={moment?.step ?? null} />
        </>
      )}
      {job.state === "done" && job.ask.kind !== "units" && <Outcome job={job} index={row} />}
    </article>
  );
}

/** The score while it climbs. A line says little to who cannot see it, so its ends are told in words. */
function Scores({ job, step }: { job: JobDoc; step: number | null }) {
  const known = job.curve.filter((point) => point[1] !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last) return null;
  const alt = `Score: ${number(first[1])} at step ${first[0]}, ${number(last[1])} at step ${last[0]}`;
  return <Curve points={job.curve} marks={step === null ? [] : [{ x: step, strong: true }]} alt={alt} />;
}

/** The mixer with what a job was asked for. */
function inMixer({ ask }: JobDoc): string {
  const { network, target, preset, size, steps, seed } = ask;
  const way = ask.kind === "interpolate" ? { to: ask.to, count: ask.count } : {};
  return withQuery("#/mixer", { net: network.slice(0, 12), target, preset, size, steps, seed, ...way });
}

/** Sends a job on its way; `said` is what went wrong. */
function useActs(job: JobDoc, put?: (job: JobDoc) => void) {
  const source = useSource();
  const [said, setSaid] = useState("");
  useEffect(() => setSaid(""), [job.id, job.state]);
  const act = async (what: "pause" | "resume" | "stop") => {
    try {
      put?.(await source[what](job.id));
    } catch (error) {
      setSaid(problem(error));
    }
  };
  return { act, said };
}

interface KeysProps {
  pause?: (() => void) | undefined; branch?: (() => void) | undefined; move(index: number): void;
  at: number; last: number;
}

function WatchKeys({ pause, branch, move, at, last }: KeysProps) {
  useKeys("This job", {
    ...(pause ? { " ": ["pause, continue", pause] as [string, () => void] } : {}),
    ArrowLeft: ["an earlier step", () => move(at - 1)],
    ArrowRight: ["a later step", () => move(at + 1)],
    Home: ["the first step", () => move(0)],
    End: ["the latest step", () => move(last)],
    ...(branch ? { b: ["branch from this step", branch] as [string, () => void] } : {}),
  });
  return null;
}

function Shown({ job, moment, row, pick }: {
  job: JobDoc; moment: Moment | null; row: number; pick(row: number): void;
}) {
  const what = askedFor(job.ask);
  const when = moment ? `after ${moment.step} steps` : "not begun";
  if (job.count > 1) {
    return <FrameRow url={moment?.url ?? null} count={job.count} width={job.width} height={job.height} index={row}
      alt={`${what}: picture ${row + 1} of ${job.count}, ${when}`} pick={pick} />;
  }
  return <Frame url={moment?.url ?? null} width={job.width} height={job.height} alt={`${what}, ${when}`}
    label={firstFrame(job)} />;
}

interface StepsProps {
  moments: Moment[]; at: number; move(index: number): void; steps: number; live: boolean; following: boolean;
}

/** A slider over the saved steps; at its end it follows what comes. */
function Steps({ moments, at, move, steps, live, following }: StepsProps) {
  return (
    <div class="live-steps">
      <Slider label="Step" value={at} min={0} max={Math.max(0, moments.length - 1)} onInput={move}
        format={(index) => `${moments[index]?.step ?? 0} of ${steps}`} />
      {live && <button type="button" aria-pressed={following} onClick={() => move(moments.length - 1)}>Latest</button>}
    </div>
  );
}

/** What came of a job that made units, counted in the store. */
function Tally({ job, layer }: { job: JobDoc; layer: string }) {
  const source = useSource();
  const { data } = useLoaded(() => source.layer(job.ask.network, layer), [source, job.id, job.version]);
  if (!data) return null;
  const mine = data.units.filter((unit) => within(job.ask.units, unit.channel));
  const failed = mine.filter((unit) => unit.status === "failed").length;
  const missing = mine.filter((unit) => unit.status === "missing").length;
  return (
    <strong>{number(mine.length - failed - missing)} of {count(mine.length, "unit")} made, {failed || "none"} failed
      {missing > 0 && `, ${number(missing)} not made`}.{" "}</strong>
  );
}

function Units({ job }: { job: JobDoc }) {
  const { network, layer, units, recipe } = job.ask;
  return (
    <p>
      Makes {units ? `units ${units}` : "all units"} of {layer ?? "the layer"} by the recipe {recipe};
      what is made stays in the store.{" "}
      {layer && job.state === "done" && <Tally job={job} layer={layer} />}
      {layer && <Link to={href("n", network.slice(0, 12), layer)}>See the layer</Link>}
    </p>
  );
}
