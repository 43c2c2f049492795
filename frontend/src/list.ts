// The units that were selected, in any layer and network; kept by the browser.

import { useEffect, useState } from "preact/hooks";
import { short } from "./words";
import { keep, kept } from "./theme";

/** A unit by its place. */
export interface Spot { network: string; layer: string; channel: number }

/** NET:LAYER:CHANNEL, the layer percent-encoded: what links to Compare are made of. */
export const spotText = (spot: Spot): string =>
  `${short(spot.network)}:${encodeURIComponent(spot.layer)}:${spot.channel}`;

/** The spot of such a text; null where it is none. */
export function spotOf(text: string): Spot | null {
  const found = /^([0-9a-f]{4,32}):(.+):(\d+)$/.exec(text);
  if (!found) return null;
  try {
    return { network: found[1]!, layer: decodeURIComponent(found[2]!), channel: Number(found[3]) };
  } catch {
    return null;
  }
}

/** The address of Compare with these units. */
export const compareRoute = (spots: readonly Spot[]): string => "#/compare/" + spots.map(spotText).join(",");

const KEY = "phosphene.list";
const tells = new Set<() => void>();
let spots: readonly Spot[] = (kept(KEY) ?? "").split(",").map(spotOf).filter((spot) => spot !== null);

function change(next: readonly Spot[]): void {
  spots = next;
  keep(KEY, next.map(spotText).join(","));
  tells.forEach((tell) => tell());
}

addEventListener("storage", (event) => {
  if (event.key !== KEY) return; // another tab selected something
  spots = (event.newValue ?? "").split(",").map(spotOf).filter((spot) => spot !== null);
  tells.forEach((tell) => tell());
});

const same = (a: Spot, b: Spot) => spotText(a) === spotText(b);

export interface List {
  spots: readonly Spot[];
  has: (spot: Spot) => boolean;
  toggle: (spot: Spot) => boolean; // whether it is in the list now
  add: (more: readonly Spot[]) => void;
  remove: (spot: Spot) => void;
  clear: () => void;
}

/** The list; the component is drawn again when it changes. */
export function useList(): List {
  const [, draw] = useState(0);
  useEffect(() => {
    const tell = () => draw((value) => value + 1);
    tells.add(tell);
    return () => void tells.delete(tell);
  }, []);
  const has = (spot: Spot) => spots.some((other) => same(other, spot));
  const remove = (spot: Spot) => change(spots.filter((other) => !same(other, spot)));
  return {
    spots, has, remove,
    toggle: (spot) => {
      const was = has(spot);
      if (was) remove(spot);
      else change([...spots, spot]);
      return !was;
    },
    add: (more) => change([...spots, ...more.filter((spot) => !has(spot))]),
    clear: () => change([]),
  };
}
