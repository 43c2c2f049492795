// Live: ask for pictures and watch them grow. The address names the job, so that a reload shows it again.

import { useEffect, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { HttpSource } from "../http";
import { useKeys } from "../keys";
import { useLoaded } from "../load";
import { go, href, Link, useRoute } from "../router";
import type { JobDoc, NetworkLine, Start } from "../types";
import { Say } from "../ui";
import { type Draft, draftOf, JobForm } from "./form";
import { useJobs } from "./jobs";
import { namedNetwork, useExample, whyNot } from "./networks";
import { Queue } from "./queue";
import { problem } from "./say";
import { Watch } from "./watch";

let kept: Draft | null = null; // what was being written when the page was left

export function LivePage() {
  const source = useSource();
  const site = useSite();
  const { path, query } = useRoute();
  const chosen = path[1] ?? null;
  const jobs = useJobs();
  const networks = site.networks.filter((one) => one.live);
  const [draft, setDraft] = useState<Draft>(() => firstDraft(site.networks, query));
  const [said, setSaid] = useState("");
  kept = draft;
  useEffect(() => { if (query.has("target")) setDraft(firstDraft(site.networks, query)) }, [query.toString()]);

  const job = jobs.list.find((one) => one.id === chosen) ?? null;
  const canMake = source.live && networks.length > 0;
  const made = (one: JobDoc) => { jobs.put(one); setDraft({ ...draft, start: null }); go(href("live", one.id)) };
  const remove = async (one: JobDoc) => {
    try {
      await source.remove(one.id);
      if (one.id === chosen) go(href("live"));
      jobs.drop(one.id);
      setSaid("");
    } catch (error) {
      setSaid(problem(error));
    }
  };
  const branch = (start: Start) => {
    if (!job) return;
    setDraft({ ...draftOf(job.ask.network, job.ask), seed: String(job.ask.seed + 1), start });
    focusForm();
  };
  const again = () => { if (job) { setDraft(draftOf(job.ask.network, job.ask)); focusForm() } };
  const neighbour = (step: number) => {
    const at = jobs.list.findIndex((one) => one.id === chosen);
    const next = jobs.list[Math.max(0, Math.min(jobs.list.length - 1, at + step))];
    if (next) go(href("live", next.id));
  };
  useKeys("Live", {
    ...(canMake ? { i: ["write a target", focusForm] as [string, () => void] } : {}),
    j: ["the next job", () => neighbour(1)],
    k: ["the job before", () => neighbour(-1)],
    Escape: ["all jobs", () => go(href("live"))],
  });

  return (
    <div class={`live-page${chosen ? " has-job" : ""}`}>
      <header class="live-top">
        <h1>Live</h1>
        {!source.live && <p class="dim live-note">
          {source instanceof HttpSource ? "What was made live; here it is only shown."
            : "What was made live before this gallery was exported."}
        </p>}
      </header>
      {canMake && (
        <section class="live-ask" aria-label="Make a picture">
          <JobForm networks={networks} draft={draft} change={setDraft} made={made} />
        </section>
      )}
      <div class="live-main">
        {job ? <Watch job={job}
          {...(canMake ? { put: jobs.put, remove: () => void remove(job), branch, again } : {})} />
          : chosen && jobs.gone(chosen) ? <Gone text="It was removed." />
            : chosen ? <Missing id={chosen} loading={jobs.loading} put={jobs.put} />
            : <Intro network={canMake && whyNot(site.networks, draft.network) === null ? draft.network : null}
              any={jobs.list.length > 0} said={jobs.trouble ? problem(jobs.trouble) : null} />}
      </div>
      <section class="live-all" aria-labelledby="live-all">
        <h2 id="live-all">Jobs</h2>
        <p class="live-wrong" role="alert">{said}</p>
        {jobs.list.length === 0
          ? <p class="dim live-note">{jobs.loading ? "Loading…" : "None yet."}</p>
          : <Queue jobs={jobs.list} chosen={chosen}
              {...(canMake ? { remove: (one: JobDoc) => void remove(one) } : {})} />}
      </section>
    </div>
  );
}

function focusForm() {
  const field = document.querySelector<HTMLInputElement>(".live-ask input[role=combobox]");
  field?.scrollIntoView({ block: "nearest" });
  field?.focus();
}

function firstDraft(networks: NetworkLine[], query: URLSearchParams): Draft {
  if (query.has("target")) {
    return { ...draftOf(namedNetwork(networks, query.get("net"))), target: query.get("target") ?? "",
      preset: query.get("preset") ?? "fast" };
  }
  const named = query.get("net");
  return kept && named === null ? kept : draftOf(namedNetwork(networks, named));
}

/** `network`: the one that can be asked for pictures, if one can. */
function Intro({ network, any, said }: { network: string | null; any: boolean; said: string | null }) {
  const example = useExample(network ?? "");
  if (said) return <Say kind="failed" title="The jobs could not be read" text={said} />;
  if (network !== null) {
    return <Say kind="empty" title="Nothing chosen" text={any ? "Write a target and press Start, or choose a job."
      : `Write a target, such as ${example}, and press Start: its picture appears here as it is optimised.`} />;
  }
  return <Say kind="empty" title={any ? "Choose a job" : "Nothing was made live"}
    text={any ? "Finished pictures with their saved steps." : "New pictures need phosphene serve with a network."} />;
}

/** A job that is not in the list: perhaps the list is late, perhaps it was removed. */
function Missing({ id, loading, put }: { id: string; loading: boolean; put(job: JobDoc): void }) {
  const source = useSource();
  const asked = useLoaded(() => source.job(id), [source, id]);
  useEffect(() => { if (asked.data) put(asked.data) }, [asked.data]);
  if (loading || asked.loading) return <Say kind="computing" title="Loading" text="" />;
  return <Gone text={asked.trouble ? problem(asked.trouble) : `There is no job ${id}; it may have been removed.`} />;
}

function Gone({ text }: { text: string }) {
  return <Say kind="missing" title="No such job" text={text} action={<Link to={href("live")}>All jobs</Link>} />;
}
