// How the live pages put things into words.

import { Trouble } from "../source";
import type { Ask, JobDoc } from "../types";

/** Seconds for people. */
export function lasting(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  if (whole < 5400) return `${Math.round(whole / 60)} min`;
  return `${(whole / 3600).toFixed(1)} h`;
}

/** When something was, to the second; the day where it was another. */
export function moment(when: string): string {
  const then = new Date(when);
  const day = then.toDateString() === new Date().toDateString() ? "" : `${then.toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" })} `;
  return day + then.toLocaleTimeString("en", { hourCycle: "h23" });
}

export type Shown = JobDoc["state"] | "catching";

export function shownState(job: JobDoc): Shown {
  return job.catching && job.state === "running" ? "catching" : job.state;
}

export const STATES: Record<Shown, { word: string; mark: string }> = {
  waiting: { word: "waiting", mark: "◷" },
  running: { word: "running", mark: "▶" },
  catching: { word: "catching up", mark: "↻" },
  paused: { word: "paused", mark: "❚❚" },
  done: { word: "done", mark: "✓" },
  failed: { word: "failed", mark: "!" },
  stopped: { word: "stopped", mark: "■" },
};

/** What a job is doing, in a line. It names no step, so that it changes only when the state does. */
export function stateLine(job: JobDoc): string {
  switch (shownState(job)) {
    case "waiting": return "Waiting for its turn.";
    case "running":
      if (job.step === 0 && job.frames.length === 0 && job.ask.kind !== "units") return "Preparing the network: the first frame follows.";
      return job.ask.kind === "units" ? "Running: pictures go into the store as they are made." : "Running.";
    case "catching": return "Catching up: it was interrupted and goes through its steps again, to the same picture.";
    case "paused": return "Paused. It goes on from here; if another is made meanwhile, it first goes through its steps again.";
    case "done": return "Done.";
    case "failed": return "Failed.";
    case "stopped": {
      const last = job.frames.at(-1);
      return last === undefined ? "Stopped before it began."
        : `Stopped. Its frames up to step ${last} of ${job.steps} are kept.`;
    }
  }
}

/** What stands where no frame is yet. */
export const firstFrame = (job: JobDoc): string =>
  job.state === "running" ? "The first frame follows" : unfinished(job) ? "No frame yet" : "No frame was kept";

/** What is said of its place in the queue, or of what is left to do. */
export function leftLine(job: JobDoc): string {
  const eta = job.eta === null ? "" : `about ${lasting(job.eta)}`;
  if (job.state === "waiting") {
    const before = job.position === null ? "" : `${job.position} before it`;
    return [before, eta && `done in ${eta}`].filter(Boolean).join(" · ");
  }
  if (job.state === "running") return [`${job.step} / ${job.steps}`, eta && `${eta} left`].filter(Boolean).join(" · ");
  return `${job.step} / ${job.steps}`;
}

export const unfinished = (job: JobDoc) => job.state === "waiting" || job.state === "running" || job.state === "paused";

/** An error in one line; a full queue says when to come back. */
export function problem(error: unknown): string {
  if (error instanceof Trouble) {
    if (error.status === 429) {
      return `The queue is full. ${error.wait === null ? "Try again soon." : `Try again in ${lasting(error.wait)}.`}`;
    }
    return error.status === 0 && error.message === "" ? "The server does not answer." : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}

/** What a job is asked to make, in words. */
export function askedFor(ask: Ask): string {
  if (ask.kind === "interpolate") return `${ask.target} → ${ask.to ?? "?"}, ${ask.count} pictures`;
  if (ask.kind === "units") return `${ask.layer ?? "?"} ${ask.units ?? "all units"}, recipe ${ask.recipe}`;
  return ask.target;
}
