// Asking a live microscope for units.

import { useState } from "preact/hooks";
import { useSource } from "../context";
import { useLoaded } from "../load";
import { useJobs } from "../live/jobs";
import { unfinished } from "../live/say";
import { useWork } from "../news";
import { href, Link } from "../router";
import { Trouble } from "../source";
import type { Ask, JobDoc } from "../types";
import { announce, Say } from "../ui";

/** Asks, and says what became of it. `got`: what is done with the job. */
export function useAsk(got?: (job: JobDoc) => void) {
  const source = useSource();
  const [job, setJob] = useState<JobDoc | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const ask = async (what: Partial<Ask> & { network: string }) => {
    setBusy(true);
    setTrouble(null);
    try {
      const made = await source.ask(what);
      setJob(made);
      got?.(made);
      announce(`asked for: ${made.title}`);
    } catch (error) {
      const wait = error instanceof Trouble && error.wait ? `; try again in ${error.wait} s` : "";
      setTrouble((error instanceof Error ? error.message : String(error)) + wait);
    }
    setBusy(false);
  };
  return { ask, busy, job, trouble };
}

/** What came of asking: a link to the job, or why there is none. */
export function Asked({ job, trouble }: { job: JobDoc | null; trouble: string | null }) {
  if (trouble) return <p class="wrong" role="alert">{trouble}</p>;
  return job && <p>Asked for: <Link to={href("live", job.id)}>{job.title || "watch it being made"}</Link></p>;
}

/** Of 0:24,31 where each part begins, and what comes after it. */
const parts = (units: string): [number, number][] => units.split(",").map((part) => {
  const [from, to] = part.split(":");
  return [Number(from), to === undefined ? Number(from) + 1 : to === "" ? Infinity : Number(to)];
});

/** Whether a job makes units of a layer, all of these at least; null: all that there are. */
export function covers(job: JobDoc, network: string, layer: string, units: string | null): boolean {
  const { ask } = job;
  if (ask.kind !== "units" || ask.layer !== layer || !network.startsWith(ask.network)) return false;
  if (ask.units === null || ask.units === units) return true;
  if (units === null) return false;
  const made = parts(ask.units);
  return parts(units).every(([first, end]) => made.some(([from, to]) => from <= first && end <= to));
}

const howFar = (job: JobDoc) => `${job.state}${job.steps ? `, ${job.step} of ${job.steps}` : ""}`;

/** Makes units of a layer by a recipe that is chosen here; `units`: 0:24,31, or null for all. */
export function MakeUnits({ network, layer, units, label, second }: {
  network: string; layer: string; units: string | null; label: string; second?: boolean; // beside another button
}) {
  const source = useSource();
  const choices = useLoaded(() => source.choices(network), [source, network]);
  const [recipe, setRecipe] = useState<string | null>(null);
  const jobs = useJobs();
  const { ask, busy, job, trouble } = useAsk(jobs.put);
  const recipes = choices.data?.recipes ?? [];
  const chosen = recipe ?? (recipes.find((one) => one.name === "draft") ?? recipes[0])?.name ?? "draft";
  const about = recipes.find((one) => one.name === chosen)?.about;
  // what is being made is not asked for twice; by another recipe it may be
  const going = jobs.list.find((one) => unfinished(one) && one.ask.recipe === chosen && covers(one, network, layer, units));
  return (
    <div class="make">
      <div class="bar">
        {recipes.length > 0 && (
          <label>recipe
            <select value={chosen} title={about} onChange={(event) => setRecipe(event.currentTarget.value)}>
              {recipes.map((one) => <option value={one.name}>{one.name}</option>)}
            </select>
          </label>
        )}
        <button type="button" class={second ? "" : "main"} disabled={busy || jobs.loading || going !== undefined}
          onClick={() => void ask({ network, kind: "units", layer, units, recipe: chosen })}>{label}</button>
      </div>
      {about && <p class="dim">{about}</p>}
      {going ? <p>Being made: <Link to={href("live", going.id)}>{going.title || "watch it"}</Link> · {howFar(going)}</p>
        : <Asked job={job} trouble={trouble} />}
    </div>
  );
}

/** The work that is going on: nothing where there is none. */
export function Working({ wanted }: { wanted: (job: JobDoc) => boolean }) {
  return <Going jobs={useWork(wanted)} />;
}

/** Jobs that are not done, and how far they are. */
export function Going({ jobs }: { jobs: readonly JobDoc[] }) {
  return (
    <>
      {jobs.map((job) => (
        <Say small kind="computing" title={job.title || "being made"}
          text={howFar(job)}
          action={<Link to={href("live", job.id)}>Watch it</Link>} />
      ))}
    </>
  );
}
