// Mixer: units added and subtracted with weights, or a way from one to another. The address holds the whole mix.

import { useEffect, useRef, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { go, href, Link, useRoute, withQuery } from "../router";
import type { Ask, JobDoc, NetworkLine } from "../types";
import { Say } from "../ui";
import { TargetField } from "./combobox";
import { NotAsked, Pick, PickNetwork, useAsking, useChoices, Whole } from "./form";
import { useJobs } from "./jobs";
import { namedNetwork, useExample, whyNot } from "./networks";
import { parseMix, renderMix, type Row } from "./mix";
import { MixRows } from "./mixrows";
import { problem } from "./say";
import { UnitPicture } from "./unitpicture";
import { Watch } from "./watch";

interface Mix {
  network: string; way: "sum" | "between"; text: string; rows: Row[]; to: string; count: string;
  preset: string; size: string; steps: string; seed: string; job: string;
}

function read(query: URLSearchParams, networks: NetworkLine[]): Mix {
  const text = query.get("target") ?? "";
  return {
    network: namedNetwork(networks, query.get("net")), way: query.has("to") ? "between" : "sum", text,
    rows: parseMix(text) ?? [{ unit: "", weight: 1 }], to: query.get("to") ?? "", count: query.get("count") ?? "5",
    preset: query.get("preset") ?? "fast", size: query.get("size") ?? "", steps: query.get("steps") ?? "",
    seed: query.get("seed") ?? "0", job: query.get("job") ?? "",
  };
}

function written(mix: Mix): string {
  const between = mix.way === "between";
  const route = withQuery("#/mixer", {
    net: mix.network.slice(0, 12), target: mix.text, count: between ? mix.count : "",
    preset: mix.preset === "fast" ? "" : mix.preset, size: mix.size, steps: mix.steps,
    seed: mix.seed === "0" ? "" : mix.seed, job: mix.job,
  });
  // An empty `to` still says that a way is meant.
  return between ? `${route}&to=${encodeURIComponent(mix.to)}` : route;
}

const whole = (text: string) => (text.trim() === "" ? null : Number(text));

function askOf(mix: Mix): Partial<Ask> & { network: string } {
  const common = {
    network: mix.network, target: mix.text.trim(), preset: mix.preset, size: whole(mix.size), steps: whole(mix.steps),
    seed: whole(mix.seed) ?? 0,
  };
  return mix.way === "sum" ? { ...common, kind: "picture" }
    : { ...common, kind: "interpolate", to: mix.to.trim(), count: whole(mix.count) ?? 5 };
}

const REST = 200; // ms without a change until the address follows: browsers refuse to have it rewritten all the time

/** The mix of the address, and how to change it: it replaces the address and does not fill the history. */
function useMix(): [Mix, (part: Partial<Mix>) => void] {
  const { networks } = useSite();
  const { query } = useRoute();
  const [mix, setMix] = useState(() => read(query, networks));
  const latest = useRef(mix);
  const wrote = useRef<string | null>(null);
  const timer = useRef<number | undefined>(undefined);
  const now = query.toString();
  const set = (next: Mix) => { latest.current = next; setMix(next) };
  useEffect(() => {
    // Only what came from elsewhere (a link, Back) is read; what was written here is already known.
    if (wrote.current !== null && wrote.current !== now) {
      clearTimeout(timer.current);
      set(read(query, networks));
    }
    wrote.current = now;
  }, [now]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const change = (part: Partial<Mix>) => {
    set({ ...latest.current, ...part });
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      const route = written(latest.current);
      wrote.current = new URLSearchParams(route.slice(route.indexOf("?") + 1)).toString();
      go(route, true);
    }, REST);
  };
  return [mix, change];
}

export function MixerPage() {
  const source = useSource();
  const networks = useSite().networks.filter((one) => one.live);
  if (!source.live || networks.length === 0) {
    return (
      <div class="live-page">
        <header class="live-top"><h1>Mixer</h1></header>
        <Say kind="empty" title="New mixes are made by a server"
          text={source.live ? "No network is loaded here: start phosphene serve with --model NETWORK, without --read-only."
            : "These pages are files and make nothing new: run phosphene serve. Older mixes are under Live."}
          action={<Link to={href("live")}>What was made live</Link>} />
      </div>
    );
  }
  return <Mixing networks={networks} />;
}

function Mixing({ networks }: { networks: NetworkLine[] }) {
  const [mix, change] = useMix();
  const why = whyNot(useSite().networks, mix.network);
  if (why === null) return <Desk networks={networks} mix={mix} change={change} />;
  return (
    <div class="live-page is-mixer">
      <header class="live-top"><h1>Mixer</h1></header>
      <div class="live-ask">
        <NotAsked networks={networks} value={mix.network} why={why} change={(network) => change({ network })} />
      </div>
    </div>
  );
}

function Desk({ networks, mix, change }: { networks: NetworkLine[] } & Part) {
  const source = useSource();
  const jobs = useJobs();
  const { data: choices, trouble } = useChoices(mix.network);
  const { busy, said, send } = useAsking(source, (job) => { jobs.put(job); change({ job: job.id }) });
  const example = useExample(mix.network);
  const [missing, setMissing] = useState("");
  const job = jobs.list.find((one) => one.id === mix.job) ?? null;

  const submit = (event: Event) => {
    event.preventDefault();
    const lacks = mix.text.trim() === "" ? `Nothing is mixed: name a unit such as ${example}.`
      : mix.way === "between" && mix.to.trim() === "" ? "Where to? Name the unit at the other end." : "";
    setMissing(lacks);
    if (!lacks) void send(askOf(mix));
  };
  return (
    <div class="live-page is-mixer">
      <header class="live-top"><h1>Mixer</h1></header>
      <form class="live-ask live-form" onSubmit={submit} aria-label="A mix">
        <PickNetwork networks={networks} value={mix.network} change={(network) => change({ network })} />
        <fieldset class="live-ways">
          <legend class="unseen">What to mix</legend>
          <label><input type="radio" name="way" checked={mix.way === "sum"}
            onChange={() => change({ way: "sum" })} /> Add and subtract</label>
          <label><input type="radio" name="way" checked={mix.way === "between"}
            onChange={() => change({ way: "between" })} /> From one to another</label>
        </fieldset>
        {mix.way === "sum" ? <Sum mix={mix} change={change} /> : <Between mix={mix} change={change} />}
        <Pick label="Method" value={mix.preset} options={choices?.presets ?? []}
          change={(preset) => change({ preset })} />
        <div class="live-three">
          <Whole label="Size" value={mix.size} least={16} most={choices?.most_size} hint="auto"
            change={(size) => change({ size })} />
          <Whole label="Steps" value={mix.steps} least={1} most={choices?.most_steps} hint="auto"
            change={(steps) => change({ steps })} />
          <Whole label="Seed" value={mix.seed} least={0} hint="0" change={(seed) => change({ seed })} />
        </div>
        <button type="submit" class="main" disabled={busy}>
          {busy ? "Asking…" : mix.way === "sum" ? "Mix" : "Go from one to the other"}</button>
        <p class="live-wrong" role="alert">{missing || said || (trouble && !choices ? problem(trouble) : "")}</p>
      </form>
      <div class="live-main">
        {job ? <Result job={job} put={jobs.put} />
          : mix.job && !jobs.loading ? <Say kind="missing" title="No such job"
            text="The result this address names was removed; mix again." />
            : <Say kind="empty" title="Nothing mixed yet" text={mix.way === "sum"
              ? "Each unit pulls the picture its way as hard as its weight says; below 0 it is pushed away."
              : "Pictures between the two, aligned so that what stays the same stays in its place."} />}
      </div>
    </div>
  );
}

function Result({ job, put }: { job: JobDoc; put(job: JobDoc): void }) {
  const address = href("live", job.id);
  return (
    <>
      <Watch job={job} put={put} />
      <p class="dim live-note">Its own address: <Link to={address}>{address}</Link></p>
    </>
  );
}

interface Part { mix: Mix; change(part: Partial<Mix>): void }

/** The rows and the text say the same; whichever is edited, the other follows. */
function Sum({ mix, change }: Part) {
  return (
    <>
      <MixRows network={mix.network} rows={mix.rows} change={(rows) => change({ rows, text: renderMix(rows) })} />
      <TargetField network={mix.network} label="The sum" value={mix.text}
        change={(text) => change({ text, rows: parseMix(text) ?? mix.rows })} />
    </>
  );
}

function Between({ mix, change }: Part) {
  return (
    <>
      <div class="live-end"><UnitPicture network={mix.network} unit={mix.text} size={56} />
        <TargetField network={mix.network} label="From" value={mix.text}
          change={(text) => change({ text, rows: parseMix(text) ?? mix.rows })} /></div>
      <div class="live-end"><UnitPicture network={mix.network} unit={mix.to} size={56} />
        <TargetField network={mix.network} label="To" value={mix.to} change={(to) => change({ to })} /></div>
      <Whole label="Pictures" value={mix.count} least={2} most={16} change={(count) => change({ count })} />
    </>
  );
}
