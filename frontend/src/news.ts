// What the server tells, for a page.

import { useEffect, useRef, useState } from "preact/hooks";
import { useSource } from "./context";
import type { Told } from "./source";
import type { JobDoc } from "./types";

/** Calls `tell` with what the server tells, as long as the component is shown. */
export function useTold(tell: (told: Told) => void): void {
  const source = useSource();
  const last = useRef(tell);
  last.current = tell;
  useEffect(() => source.listen((told) => last.current(told)), [source]);
}

const WORKING = new Set(["waiting", "running", "paused"]);

/** Jobs that are not done and that `wanted` picks. */
export function useWork(wanted: (job: JobDoc) => boolean): JobDoc[] {
  const source = useSource();
  const [jobs, set] = useState<ReadonlyMap<string, JobDoc>>(new Map());
  const ask = () => {
    if (!source.live) return;
    source.jobs().then((all) => set(new Map(all.map((job) => [job.id, job]))), () => undefined);
  };
  useEffect(ask, [source]);
  useTold((told) => {
    if (told.kind === "job") {
      if (!WORKING.has(told.job.state) && !jobs.has(told.job.id)) return;
      set((old) => {
        const known = old.get(told.job.id);
        return known && known.version > told.job.version ? old : new Map(old).set(told.job.id, told.job);
      });
    } else if (told.kind === "gone") {
      set((old) => new Map([...old].filter(([id]) => id !== told.id)));
    } else if (told.kind === "online" && told.online) {
      ask();
    }
  });
  return [...jobs.values()].filter((job) => WORKING.has(job.state) && wanted(job));
}
