// Data from a server. Answers that do not change by themselves are remembered until the server tells of a change.

import { Events } from "./events";
import { Memory } from "./memory";
import { frameFile } from "./paths";
import { Trouble, type DataSource, type LookAsk, type Told } from "./source";
import type {
  Ask, ChoicesDoc, Completion, JobDoc, LayerDoc, LookDoc, NetworkDoc, Problem, SiteDoc, TargetDoc, UnitDoc,
} from "./types";

const API = "api/v1";
const at = (...parts: (string | number)[]) => [API, ...parts.map((part) => encodeURIComponent(String(part)))].join("/");

async function problem(answer: Response): Promise<Trouble> {
  const said: unknown = await answer.json().catch(() => null);
  const text = (said as Problem | null)?.error;
  const wait = Number(answer.headers.get("Retry-After"));
  return new Trouble(
    typeof text === "string" ? text : `the server answered ${answer.status} ${answer.statusText}`.trim(),
    answer.status, wait > 0 ? wait : null,
  );
}

export class HttpSource implements DataSource {
  live = true;
  private networks = new Memory<NetworkDoc>(8);
  private layers = new Memory<LayerDoc>(8);
  private units = new Memory<UnitDoc>(256);
  private events = new Events(at("events"), async () => (await this.answer(at("site")).catch(() => null)) !== null);

  constructor() {
    this.events.listen((told) => this.changed(told));
  }

  private changed(told: Told): void {
    if (told.kind === "layer") {
      this.networks.forget(told.network);
      this.layers.forget(`${told.network}/${told.layer}`);
      this.units.forget(`${told.network}/${told.layer}/`);
    } else if (told.kind === "online" && told.online) {
      for (const memory of [this.networks, this.layers, this.units]) memory.forget(); // something may have been missed
    }
  }

  private async answer(address: string, init?: RequestInit): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(address, { credentials: "same-origin", ...init });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Trouble("the server does not answer; is phosphene serve still running?", 0);
    }
    if (!answer.ok) throw await problem(answer);
    return answer;
  }

  private async send<T>(address: string, init?: RequestInit): Promise<T> {
    try {
      return await (await this.answer(address, init)).json() as T;
    } catch (error) {
      if (error instanceof Trouble && error.status === 0) this.events.lost();
      throw error;
    }
  }

  private post<T>(address: string, body?: unknown): Promise<T> {
    return this.send<T>(address, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}),
    });
  }

  async site(): Promise<SiteDoc> {
    const site = await this.send<SiteDoc>(at("site"));
    this.live = site.live;
    this.events.stream = site.live;
    return site;
  }

  network(id: string) {
    return this.networks.get(id, () => this.send<NetworkDoc>(at("models", id)));
  }

  layer(network: string, layer: string) {
    return this.layers.get(`${network}/${layer}`, () => this.send<LayerDoc>(at("models", network, "layers", layer)));
  }

  unit(network: string, layer: string, channel: number) {
    return this.units.get(
      `${network}/${layer}/${channel}`,
      () => this.send<UnitDoc>(at("models", network, "layers", layer, "units", channel)),
    );
  }

  jobs = () => this.send<JobDoc[]>(at("jobs"));
  job = (id: string) => this.send<JobDoc>(at("jobs", id));
  frame = (id: string, step: number) => frameFile(id, step);
  choices = (network: string) => this.send<ChoicesDoc>(at("models", network, "choices"));
  complete = (network: string, text: string) =>
    this.send<Completion[]>(at("models", network, "complete") + "?" + new URLSearchParams({ text }));
  target = (network: string, text: string) =>
    this.send<TargetDoc>(at("models", network, "target") + "?" + new URLSearchParams({ text }));
  ask = (ask: Partial<Ask> & { network: string }) => this.post<JobDoc>(at("jobs"), ask);
  pause = (id: string) => this.post<JobDoc>(at("jobs", id, "pause"));
  resume = (id: string) => this.post<JobDoc>(at("jobs", id, "resume"));
  stop = (id: string) => this.post<JobDoc>(at("jobs", id, "stop"));

  async remove(id: string): Promise<void> {
    await this.answer(at("jobs", id), { method: "DELETE" });
  }

  look(picture: Blob, ask: LookAsk, signal?: AbortSignal): Promise<LookDoc> {
    const query = new URLSearchParams();
    for (const key of ["layer", "unit", "method"] as const) if (ask[key] !== null) query.set(key, ask[key]);
    const type = picture.type || "image/png";
    return this.send<LookDoc>(at("models", ask.network, "look") + (query.size ? "?" + query : ""), {
      method: "POST", headers: { "Content-Type": type }, body: picture, signal: signal ?? null,
    });
  }

  listen(tell: (told: Told) => void) {
    return this.events.listen(tell);
  }

  /** Try to reach the server now rather than later. */
  retry() {
    return this.events.retry();
  }
}
