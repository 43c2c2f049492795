// Where the pages get what they show: a server, or files beside the page. Pages know this interface alone.

import type {
  Ask, ChoicesDoc, Completion, JobDoc, LayerDoc, LookDoc, NetworkDoc, SiteDoc, TargetDoc, UnitDoc,
} from "./types";

/** What went wrong, in one line. `status`: of HTTP; 0 when nobody answered (offline). `wait`: seconds to try again. */
export class Trouble extends Error {
  constructor(message: string, readonly status = 0, readonly wait: number | null = null) { super(message) }
}

export interface LookAsk {
  network: string;
  layer: string | null; // whose maps are wanted
  unit: string | null; // what is explained, such as mixed4b:11
  method: string | null; // saliency, deconv, guided, gradient_x_input
}

/** What the server tells while it works. */
export type Told =
  | { kind: "job"; job: JobDoc }
  | { kind: "gone"; id: string }
  | { kind: "layer"; network: string; layer: string } // there are new pictures of it
  | { kind: "online"; online: boolean };

export interface DataSource {
  readonly live: boolean; // false: files, nothing can be made
  site(): Promise<SiteDoc>;
  network(id: string): Promise<NetworkDoc>;
  layer(network: string, layer: string): Promise<LayerDoc>;
  unit(network: string, layer: string, channel: number): Promise<UnitDoc>;
  jobs(): Promise<JobDoc[]>; // newest first; an export has those that are done
  job(id: string): Promise<JobDoc>;
  /** Address of the picture of a job after `step` steps. */
  frame(id: string, step: number): string;

  // what only a server does; files raise Trouble
  choices(network: string): Promise<ChoicesDoc>;
  complete(network: string, text: string): Promise<Completion[]>;
  target(network: string, text: string): Promise<TargetDoc>;
  ask(ask: Partial<Ask> & { network: string }): Promise<JobDoc>;
  pause(id: string): Promise<JobDoc>;
  resume(id: string): Promise<JobDoc>;
  stop(id: string): Promise<JobDoc>;
  remove(id: string): Promise<void>;
  look(picture: Blob, ask: LookAsk, signal?: AbortSignal): Promise<LookDoc>;
  /** Calls `tell` until the returned function is called; one connection, however many listen. */
  listen(tell: (told: Told) => void): () => void;
}
