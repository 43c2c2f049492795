// How a layer's page is set, and where one was in it.

import { useEffect, useState } from "preact/hooks";
import { go, href, useRoute, withQuery } from "../router";
import { keep, kept } from "../theme";
import { short } from "../words";
import { ORDERS } from "./order";

export const SIZES = [["S", 64, "small"], ["M", 104, "middle"], ["L", 176, "large"]] as const;
const SIZE_KEY = "phosphene.tile";

/** Where one was in each layer, for the way back from a unit. */
const left = new Map<string, { query: string; channel: number }>();

/** The channel one was at; undefined on the first visit. */
export const leftAt = (key: string): number | undefined => left.get(key)?.channel;

/** The address of a layer's page, as it was left. */
export function layerRoute(network: string, layer: string, channel?: number): string {
  const was = left.get(`${network}/${layer}`);
  if (was && channel !== undefined) was.channel = channel;
  else if (channel !== undefined) left.set(`${network}/${layer}`, { query: "", channel });
  return href("n", short(network), layer) + (was?.query ? `?${was.query}` : "");
}

/** How the page is set, as its address says. */
export function useView(key: string) {
  const { path, query } = useRoute();
  const order = ORDERS.find((one) => one.name === query.get("sort")) ?? ORDERS[0]!;
  const view = { order, turned: query.get("turned") === "1", text: query.get("q") ?? "", state: query.get("state") ?? "" };
  const set = (change: Partial<{ sort: string; turned: boolean; q: string; state: string }>) => {
    const next = {
      sort: change.sort ?? order.name, turned: change.turned ?? view.turned, q: change.q ?? view.text,
      state: change.state ?? view.state,
    };
    go(withQuery(href(...path), {
      sort: next.sort === "index" ? null : next.sort, turned: next.turned ? 1 : null, q: next.q, state: next.state,
    }), true);
  };
  useEffect(() => {
    left.set(key, { query: query.toString(), channel: left.get(key)?.channel ?? 0 });
  }, [query.toString()]);
  return { ...view, set };
}

export function useTileSize() {
  const [at, set] = useState(() => Math.max(0, SIZES.findIndex(([name]) => name === (kept(SIZE_KEY) ?? "M"))));
  const choose = (next: number) => {
    keep(SIZE_KEY, SIZES[next]![0]);
    set(next);
  };
  return { at, size: SIZES[at]![1], choose };
}

export type View = ReturnType<typeof useView>;
export type TileSize = ReturnType<typeof useTileSize>;
