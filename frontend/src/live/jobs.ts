// The jobs as the server tells them, kept up to date while a page looks.

import { useEffect, useRef, useState } from "preact/hooks";
import { useSource } from "../context";
import { Trouble } from "../source";
import type { JobDoc } from "../types";

export interface Jobs {
  list: JobDoc[]; loading: boolean; trouble: Trouble | null;
  put(job: JobDoc): void; drop(id: string): void; gone(id: string): boolean;
}

const asTrouble = (error: unknown) => (error instanceof Trouble ? error : new Trouble(String(error)));

/** All jobs, newest first. A fetch says what there is; what came by event since it began counts by its version. */
export function useJobs(): Jobs {
  const source = useSource();
  const [known, setKnown] = useState<ReadonlyMap<string, JobDoc> | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const gone = useRef(new Set<string>());
  const since = useRef(new Set<string>()); // told of since the last fetch began

  const put = (job: JobDoc) => setKnown((before) => {
    const old = before?.get(job.id);
    if (gone.current.has(job.id) || (old && old.version > job.version)) return before;
    return new Map(before ?? []).set(job.id, job);
  });
  const drop = (id: string) => {
    gone.current.add(id);
    setKnown((before) => {
      if (!before?.has(id)) return before;
      const rest = new Map(before);
      rest.delete(id);
      return rest;
    });
  };

  useEffect(() => {
    let here = true;
    const fetchAll = () => {
      since.current.clear();
      source.jobs().then((jobs) => {
        if (!here) return;
        setTrouble(null);
        setKnown((before) => {
          const now = new Map(jobs.filter((job) => !gone.current.has(job.id)).map((job) => [job.id, job]));
          for (const id of since.current) {
            const told = before?.get(id);
            if (told && (now.get(id)?.version ?? -1) <= told.version) now.set(id, told);
          }
          return now;
        });
      }, (error: unknown) => { if (here) setTrouble(asTrouble(error)) });
    };
    const unlisten = source.live ? source.listen((told) => {
      if (told.kind === "job") { since.current.add(told.job.id); put(told.job) }
      else if (told.kind === "gone") drop(told.id);
      else if (told.kind === "online" && told.online) fetchAll();
    }) : () => {};
    fetchAll();
    return () => { here = false; unlisten() };
  }, [source]);

  const key = (job: JobDoc) => `${job.created} ${job.id}`;
  const list = [...(known?.values() ?? [])].sort((a, b) => (key(a) < key(b) ? 1 : -1));
  return { list, loading: known === null && trouble === null, trouble, put, drop, gone: (id) => gone.current.has(id) };
}

/** Not yet finished jobs first: running, waiting by position, paused; then the others, newest first. */
export function inQueueOrder(jobs: JobDoc[]): JobDoc[] {
  const rank = (job: JobDoc) => ({ running: 0, waiting: 1, paused: 2, done: 3, failed: 3, stopped: 3 })[job.state];
  return jobs.map((job, index) => ({ job, index }))
    .sort((a, b) => rank(a.job) - rank(b.job)
      || (a.job.state === "waiting" ? (a.job.position ?? 0) - (b.job.position ?? 0) : 0) || a.index - b.index)
    .map(({ job }) => job);
}
