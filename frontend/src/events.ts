// One connection on which the server tells what happens; it is opened again when it breaks.

import type { Told } from "./source";
import type { JobDoc } from "./types";

const FIRST = 1000, MOST = 15000; // milliseconds between attempts
const HIDDEN = 60000; // a page that nobody sees gives its connection back after this long: browsers allow six in all

/** The server's events for all who listen. `online` is told on every change, and once more after a gap. */
export class Events {
  private tells = new Set<(told: Told) => void>();
  private source: EventSource | null = null;
  private timer: number | undefined;
  private hidden: number | undefined;
  private wait = FIRST;
  private online = true;
  private gap = false;
  private streaming = false;

  /** `address`: of the events; `alive`: whether the server answers at all, for when it has no events to tell. */
  constructor(private readonly address: string, private readonly alive: () => Promise<boolean>) {
    document.addEventListener("visibilitychange", () => this.seen());
  }

  /** Whether the server has events; one that makes nothing has none. */
  set stream(on: boolean) {
    this.streaming = on;
    if (on && this.tells.size > 0) this.open();
  }

  listen(tell: (told: Told) => void): () => void {
    this.tells.add(tell);
    if (!this.online) tell({ kind: "online", online: false });
    if (this.streaming) this.open();
    return () => {
      this.tells.delete(tell);
      if (this.tells.size === 0) this.close();
    };
  }

  /** Nobody answered a request: say so, and try until somebody does. */
  lost(): void {
    this.say(false);
    this.later();
  }

  private tell(told: Told): void {
    for (const tell of [...this.tells]) tell(told);
  }

  private say(online: boolean): void {
    if (online === this.online && !(online && this.gap)) return;
    this.online = online;
    this.gap = false;
    this.tell({ kind: "online", online });
  }

  private open(): void {
    if (this.source) return;
    const source = new EventSource(this.address);
    this.source = source;
    source.onopen = () => {
      this.wait = FIRST;
      this.say(true);
    };
    source.onerror = () => {
      source.close();
      if (this.source === source) this.source = null;
      this.say(false);
      this.later();
    };
    const on = <T>(name: string, make: (data: T) => Told) =>
      source.addEventListener(name, (event) => this.tell(make(JSON.parse((event as MessageEvent<string>).data) as T)));
    on<JobDoc>("job", (job) => ({ kind: "job", job }));
    on<{ id: string }>("gone", ({ id }) => ({ kind: "gone", id }));
    on<{ network: string; layer: string }>("layer", (where) => ({ kind: "layer", ...where }));
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private later(): void {
    if (this.timer !== undefined) return;
    this.timer = window.setTimeout(() => {
      this.timer = undefined;
      void this.retry();
    }, this.wait);
    this.wait = Math.min(this.wait * 1.6, MOST);
  }

  /** Try now. */
  async retry(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.streaming && this.tells.size > 0) return this.open();
    if (await this.alive()) {
      this.wait = FIRST;
      this.say(true);
    } else {
      this.later();
    }
  }

  private seen(): void {
    clearTimeout(this.hidden);
    if (document.visibilityState === "hidden") {
      this.hidden = window.setTimeout(() => {
        if (!this.source) return;
        this.close();
        this.gap = true;
      }, HIDDEN);
    } else if (this.streaming && this.tells.size > 0) {
      this.open();
    }
  }
}
