// Looking: one question at a time. While the camera runs, the next frame is taken when the answer is there.

import { useEffect, useRef, useState } from "preact/hooks";
import { Trouble, type DataSource, type LookAsk } from "../source";
import type { LookDoc } from "../types";
import { problem } from "./say";
import { type Shot, taken } from "./shots";

interface Told { doc: LookDoc | null; rate: number | null; trouble: string | null }
interface Wanted { shot: Shot | null; still: boolean; ask: LookAsk; width: number; height: number }

const WINDOW = 2000; // ms that frames per second are counted over
const REST = 1000; // ms until a camera is looked through again after an error
const SOON = 5; // seconds to wait that are no trouble

/** Asks what a network sees until it is closed. */
class Looker {
  private wanted: Wanted | null = null;
  private news = false;
  private wake: (() => void) | null = null;
  private stopped = new AbortController();
  private last: { shot: Shot; width: number; height: number; blob: Blob } | null = null;
  private times: number[] = [];
  private canvas = document.createElement("canvas");

  constructor(private source: DataSource, private tell: (told: Partial<Told>) => void) {
    document.addEventListener("visibilitychange", this.poke);
    void this.run();
  }

  want(wanted: Wanted) {
    this.wanted = wanted;
    this.poke();
  }

  poke = () => {
    this.news = true;
    this.wake?.();
  };

  close() {
    this.stopped.abort();
    document.removeEventListener("visibilitychange", this.poke);
    this.wake?.();
  }

  private async run() {
    while (!this.stopped.signal.aborted) {
      const wanted = this.wanted;
      const flows = wanted?.shot?.moving === true && !wanted.still;
      if (!wanted?.shot || document.hidden || !(this.news || flows)) {
        await new Promise<void>((resolve) => { this.wake = resolve });
        this.wake = null;
        continue;
      }
      this.news = false;
      await this.once(wanted, wanted.shot, flows);
    }
  }

  private async once(wanted: Wanted, shot: Shot, flows: boolean) {
    const blob = await this.frame(wanted, shot);
    if (!blob) return this.rest(100); // a camera that has just been opened
    try {
      const doc = await this.source.look(blob, wanted.ask, this.stopped.signal);
      if (this.stopped.signal.aborted || this.wanted?.shot !== shot) return;
      this.tell({ doc, trouble: null, rate: flows ? this.rate() : null });
    } catch (error) {
      this.times = [];
      if (this.stopped.signal.aborted) return;
      const soon = error instanceof Trouble ? error.wait : null; // others look, too: again, stills as well
      if (soon === null || soon > SOON) this.tell({ trouble: problem(error), rate: null });
      if (flows || soon !== null) await this.rest(Math.max(REST, (soon ?? 0) * 1000));
    }
  }

  /** The picture to send: a frozen one is looked at again as it was. */
  private async frame({ still, width, height }: Wanted, shot: Shot): Promise<Blob | null> {
    const last = this.last;
    const same = last?.shot === shot && last.width === width && last.height === height;
    if (same && (still || !shot.moving)) return last.blob;
    const blob = await taken(shot, width, height, this.canvas);
    if (blob) this.last = { shot, width, height, blob };
    return blob;
  }

  private rate(): number | null {
    const now = performance.now();
    this.times = [...this.times.filter((time) => now - time < WINDOW), now];
    const [first] = this.times;
    return first === undefined || this.times.length < 3 ? null : ((this.times.length - 1) * 1000) / (now - first);
  }

  private async rest(time: number) {
    await new Promise((resolve) => setTimeout(resolve, time));
    this.news = true;
  }
}

/** What is seen in `wanted.shot`: the newest answer, frames per second while the camera runs, what went wrong. */
export function useLooks(source: DataSource, wanted: Wanted): Told & { again(): void } {
  const [told, setTold] = useState<Told>({ doc: null, rate: null, trouble: null });
  const looker = useRef<Looker | null>(null);
  useEffect(() => {
    const mine = new Looker(source, (part) => setTold((before) => ({ ...before, ...part })));
    looker.current = mine;
    const unlisten = source.listen((news) => { if (news.kind === "online" && news.online) mine.poke() });
    return () => { mine.close(); unlisten() };
  }, [source]);
  const { shot, still, ask, width, height } = wanted;
  useEffect(() => { setTold({ doc: null, rate: null, trouble: null }) }, [shot, ask.network]);
  useEffect(() => looker.current?.want(wanted),
    [source, shot, still, ask.network, ask.layer, ask.unit, ask.method, width, height]);
  return { ...told, again: () => looker.current?.poke() };
}
