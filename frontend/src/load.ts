// What a page waits for.

import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Trouble } from "./source";

export interface Loaded<T> {
  data: T | undefined;
  trouble: Trouble | null;
  loading: boolean;
  again: () => void; // ask once more; what is shown stays until the answer is there
}

interface Held<T> { key: unknown[]; data: T | undefined; trouble: Trouble | null; loading: boolean }

const asTrouble = (error: unknown) =>
  error instanceof Trouble ? error : new Trouble(error instanceof Error ? error.message : String(error), -1);

/**
 * The answer to `ask`, asked again when `deps` change. An answer that is already there (the source remembers) is shown
 * before the next paint, without a flash of "loading". Answers that come late, for old deps, are dropped.
 */
export function useLoaded<T>(ask: () => Promise<T>, deps: unknown[]): Loaded<T> {
  const fresh = (): Held<T> => ({ key: deps, data: undefined, trouble: null, loading: true });
  const [held, set] = useState(fresh);
  const [round, next] = useState(0);
  const asked = useRef<unknown[] | undefined>(undefined);
  const same = held.key.length === deps.length && held.key.every((value, at) => value === deps[at]);
  useLayoutEffect(() => {
    let stale = false;
    const mine = deps;
    if (asked.current !== undefined && !same) set(fresh);
    else set((old) => ({ ...old, loading: true }));
    asked.current = mine;
    ask().then(
      (data) => stale || set({ key: mine, data, trouble: null, loading: false }),
      (error: unknown) => stale || set((old) => ({ ...old, key: mine, trouble: asTrouble(error), loading: false })),
    );
    return () => void (stale = true);
  }, [...deps, round]);
  const again = useCallback(() => next((value) => value + 1), []);
  return same ? { data: held.data, trouble: held.trouble, loading: held.loading, again }
    : { data: undefined, trouble: null, loading: true, again };
}
