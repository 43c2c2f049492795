// What to make: target, method, kind of image, size, steps, seed.

import { useEffect, useId, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { useLoaded } from "../load";
import type { DataSource } from "../source";
import type { Ask, Choice, JobDoc, NetworkLine, Start, TargetDoc } from "../types";
import { Say } from "../ui";
import { TargetField } from "./combobox";
import { useExample, whyNot } from "./networks";
import { problem } from "./say";

export interface Draft {
  network: string; target: string; preset: string; image: string; size: string; steps: string; seed: string;
  start: Start | null;
}

/** A draft that makes what a job made, or a first one. */
export function draftOf(network: string, ask?: Ask): Draft {
  return {
    network, target: ask?.target ?? "", preset: ask?.preset ?? "fast", image: ask?.image ?? "",
    size: ask?.size?.toString() ?? "", steps: ask?.steps?.toString() ?? "", seed: String(ask?.seed ?? 0),
    start: ask?.start ?? null,
  };
}

const number = (text: string) => (text.trim() === "" ? null : Number(text));

/** What a draft asks for. */
export function askOf(draft: Draft): Partial<Ask> & { network: string } {
  return {
    network: draft.network, kind: "picture", target: draft.target.trim(), preset: draft.preset,
    image: draft.image || null,
    size: number(draft.size), steps: number(draft.steps), seed: number(draft.seed) ?? 0, start: draft.start,
  };
}

/** Sends what is asked; `said` is what went wrong, in one line. */
export function useAsking(source: DataSource, made: (job: JobDoc) => void) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const send = async (ask: Partial<Ask> & { network: string }) => {
    setBusy(true);
    setSaid("");
    try {
      made(await source.ask(ask));
    } catch (error) {
      setSaid(problem(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, said, send };
}

export function useChoices(network: string) {
  const source = useSource();
  return useLoaded(() => source.choices(network), [source, network]);
}

interface PickProps { label: string; value: string; options: Choice[]; none?: string; change(value: string): void }

/** Choices by group, groups in the order in which they come first. */
function grouped(options: Choice[]): [string | null, Choice[]][] {
  const found = new Map<string | null, Choice[]>();
  for (const one of options) found.set(one.group, [...(found.get(one.group) ?? []), one]);
  return [...found];
}

/** One of several, with a line about the chosen one. */
export function Pick({ label, value, options, none, change }: PickProps) {
  const id = useId();
  const about = options.find((one) => one.name === value)?.about.replaceAll("``", "");
  const known = value === "" || options.some((one) => one.name === value);
  return (
    <div class="live-field">
      <label for={id}>{label}</label>
      <select id={id} value={value} aria-describedby={`${id}-about`}
        onChange={(event) => change(event.currentTarget.value)}>
        {none !== undefined && <option value="">{none}</option>}
        {!known && <option value={value}>{value}</option>}
        {grouped(options).map(([group, some]) => {
          const shown = some.map((one) => <option key={one.name} value={one.name}>{one.name}</option>);
          return group === null ? shown : <optgroup key={group} label={group}>{shown}</optgroup>;
        })}
      </select>
      <p id={`${id}-about`} class="dim live-note live-clip" title={about}>{about ?? ""}</p>
    </div>
  );
}

interface NumberProps {
  label: string; value: string; least: number; most?: number; hint?: string; change(value: string): void;
}

/** A whole number; empty where the preset says. */
export function Whole({ label, value, least, most, hint, change }: NumberProps) {
  const id = useId();
  return (
    <div class="live-field">
      <label for={id}>{label}</label>
      <input id={id} type="number" inputMode="numeric" min={least} max={most} step={1} value={value} placeholder={hint}
        onInput={(event) => change(event.currentTarget.value)} />
    </div>
  );
}

/** Whose network: its name, or a choice where there are several. `networks`: those that can be asked. */
export function PickNetwork({ networks, value, change }: {
  networks: NetworkLine[]; value: string; change(id: string): void;
}) {
  const id = useId();
  const { networks: all } = useSite();
  const other = networks.some((one) => one.id === value) ? null : all.find((one) => one.id === value)?.model ?? value.slice(0, 12);
  if (networks.length < 2 && other === null) {
    return <p class="live-network"><span class="dim">Network</span> <strong>{networks[0]?.model}</strong></p>;
  }
  return (
    <div class="live-field">
      <label for={id}>Network</label>
      <select id={id} value={value} onChange={(event) => change(event.currentTarget.value)}>
        {other !== null && <option value={value}>{other} (cannot be asked)</option>}
        {networks.map((one) => <option key={one.id} value={one.id}>{one.model}</option>)}
      </select>
    </div>
  );
}

/** In place of a form for a network that cannot be asked: why, and the others. */
export function NotAsked({ networks, value, change, why }: {
  networks: NetworkLine[]; value: string; change(id: string): void; why: string;
}) {
  return (
    <div class="live-form live-not">
      <PickNetwork networks={networks} value={value} change={change} />
      <Say small kind="missing" title="This network cannot be asked" text={why} />
    </div>
  );
}

interface FormProps { networks: NetworkLine[]; draft: Draft; change(draft: Draft): void; made(job: JobDoc): void }

export function JobForm(props: FormProps) {
  const { networks, draft, change } = props;
  const why = whyNot(useSite().networks, draft.network);
  return why === null ? <Fields {...props} />
    : <NotAsked networks={networks} value={draft.network} why={why}
        change={(network) => change({ ...draft, network, start: null })} />;
}

function Fields({ networks, draft, change, made }: FormProps) {
  const source = useSource();
  const { data: choices, trouble } = useChoices(draft.network);
  const { busy, said, send } = useAsking(source, made);
  const example = useExample(draft.network);
  const [missing, setMissing] = useState(false);
  const [target, setTarget] = useState<TargetDoc | null>(null);
  const set = (part: Partial<Draft>) => change({ ...draft, ...part });
  useEffect(() => { if (draft.target.trim() !== "") setMissing(false) }, [draft.target]);

  const submit = (event: Event) => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).querySelector<HTMLInputElement>("[role=combobox]");
    if (draft.target.trim() === "") setMissing(true);
    else if (target?.error) field?.focus(); // what is wrong stands below it
    else void send(askOf(draft));
  };
  const line = missing ? `Nothing is asked for: write a unit such as ${example}.` : said;
  return (
    <form class="live-form" onSubmit={submit} aria-label="A new picture">
      <PickNetwork networks={networks} value={draft.network} change={(network) => set({ network, start: null })} />
      <TargetField network={draft.network} label="Target" value={draft.target} change={(target) => set({ target })}
        checked={setTarget} />
      <Pick label="Method" value={draft.preset} options={choices?.presets ?? []} change={(preset) => set({ preset })} />
      <Pick label="Image" value={draft.image} options={choices?.images ?? []} none="as the method says"
        change={(image) => set({ image })} />
      <div class="live-three">
        <Whole label="Size" value={draft.size} least={16} most={choices?.most_size} hint="auto"
          change={(size) => set({ size })} />
        <Whole label="Steps" value={draft.steps} least={1} most={choices?.most_steps} hint="auto"
          change={(steps) => set({ steps })} />
        <Whole label="Seed" value={draft.seed} least={0} hint="0" change={(seed) => set({ seed })} />
      </div>
      {draft.start && (
        <p class="live-start">
          <img src={source.frame(draft.start.job, draft.start.step)} alt="" width={40} height={40} />
          <span>starts from step {draft.start.step} of job {draft.start.job.slice(0, 6)}</span>
          <button type="button" onClick={() => set({ start: null })} aria-label="start from noise instead">✕</button>
        </p>
      )}
      <button type="submit" class="main" disabled={busy}>{busy ? "Asking…" : "Start"}</button>
      <p class="live-wrong" role="alert">{line || (trouble && !choices ? problem(trouble) : "")}</p>
    </form>
  );
}
