// What every page may reach for: where data comes from, and what there is.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { DataSource } from "./source";
import type { SiteDoc } from "./types";

export const SourceContext = createContext<DataSource | null>(null);
export const SiteContext = createContext<SiteDoc | null>(null);

function given<T>(value: T | null, what: string): T {
  if (value === null) throw new Error(`${what} is used outside <App>`);
  return value;
}

/** Where data comes from. */
export function useSource(): DataSource {
  return given(useContext(SourceContext), "useSource");
}

/** The networks there are, and whether new pictures can be made. */
export function useSite(): SiteDoc {
  return given(useContext(SiteContext), "useSite");
}
