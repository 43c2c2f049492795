// The jobs there are: what runs, what waits and for how long, what was made.

import { useSource } from "../context";
import { href, Link } from "../router";
import type { JobDoc } from "../types";
import { inQueueOrder } from "./jobs";
import { count } from "../words";
import { askedFor, leftLine, moment, shownState, STATES, unfinished } from "./say";

/** A state as a mark and a word: never by colour alone. */
export function Badge({ job }: { job: JobDoc }) {
  const state = shownState(job);
  return (
    <span class={`live-badge is-${state}`}>
      <span aria-hidden="true">{STATES[state].mark}</span> {STATES[state].word}
    </span>
  );
}

function Small({ job }: { job: JobDoc }) {
  const source = useSource();
  const last = job.frames.at(-1);
  const url = job.pictures[0]?.url ?? (last === undefined || job.count > 1 ? null : source.frame(job.id, last));
  return url === null
    ? <span class="live-small live-small-none" aria-hidden="true">{STATES[shownState(job)].mark}</span>
    : <img class="live-small" src={url} alt="" loading="lazy" decoding="async" />;
}

/** What it was made with, as far as it was asked for, and when: two of the same are told apart. */
const madeHow = ({ ask, model, created }: JobDoc) => [
  model, ...(ask.kind === "units" ? [ask.recipe] : [ask.preset, ask.image, ask.size && `${ask.size} px`]),
  ask.steps && count(ask.steps, "step"), ask.kind !== "units" && `seed ${ask.seed}`, moment(created),
].filter(Boolean).join(", ");

interface QueueProps { jobs: JobDoc[]; chosen: string | null; remove?(job: JobDoc): void }

export function Queue({ jobs, chosen, remove }: QueueProps) {
  return (
    <ol class="live-queue">
      {inQueueOrder(jobs).map((job) => (
        <li key={job.id} class={job.id === chosen ? "is-chosen" : undefined}>
          <Link to={href("live", job.id)} class="live-entry" aria-current={job.id === chosen ? "page" : undefined}>
            <Small job={job} />
            <span class="live-entry-text">
              <span class="live-entry-title">{job.title || askedFor(job.ask)}</span>
              <span class="live-entry-line">
                <Badge job={job} /> <span>{unfinished(job) ? leftLine(job) : madeHow(job)}</span>
              </span>
              {job.state === "running" && <progress max={job.steps} value={job.step}
                aria-label={`steps of ${job.title}`} />}
            </span>
          </Link>
          {remove && (
            <button type="button" class="live-remove" aria-label={`remove ${job.title || askedFor(job.ask)}`}
              title="Remove"
              onClick={() => remove(job)}>✕</button>
          )}
        </li>
      ))}
    </ol>
  );
}
