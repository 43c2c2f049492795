// Which units of a layer are shown, in which order.

import type { UnitLine } from "../types";
import { number } from "../words";

export interface Order {
  name: string;
  about: string;
  said: (unit: UnitLine) => string | null; // what a tile says
  values: (unit: UnitLine) => (number | null)[]; // what is compared, the least first
  known: (units: readonly UnitLine[]) => boolean;
}

const any = (pick: (unit: UnitLine) => number | null) => (units: readonly UnitLine[]) =>
  units.some((unit) => pick(unit) !== null);
const minus = (value: number | null) => (value === null ? null : -value);

/** Percentile on real pictures as a tile says it. */
export function trustText(unit: UnitLine): string | null {
  if (unit.percentile !== null) return `${number(Math.floor(unit.percentile * 10) / 10)} %`;
  return unit.rank !== null && unit.siblings !== null ? `${unit.rank} of ${unit.siblings}` : null;
}

const shareText = (share: number | null) => (share === null ? null : `${number(Math.round(share * 1000) / 10)} %`);

export const ORDERS: readonly Order[] = [
  { name: "index", about: "by channel", said: () => null, values: () => [], known: () => true },
  {
    name: "density", about: "by the share of real pictures that fire the unit, largest first",
    said: (unit) => shareText(unit.density), values: (unit) => [minus(unit.density)], known: any((unit) => unit.density),
  },
  {
    name: "maximum", about: "by the strongest activation on real pictures, largest first",
    said: (unit) => (unit.maximum === null ? null : number(unit.maximum)), values: (unit) => [minus(unit.maximum)],
    known: any((unit) => unit.maximum),
  },
  {
    name: "trust", about: "by how many real pictures stay below the optimised one, then by rank in the layer",
    said: trustText,
    values: (unit) => [minus(unit.percentile), unit.rank],
    known: any((unit) => unit.percentile ?? unit.rank),
  },
  {
    name: "similarity", about: "so that neighbours are alike",
    said: () => null, values: (unit) => [unit.alike], known: any((unit) => unit.alike),
  },
];

function compare(a: (number | null)[], b: (number | null)[], sign: number): number {
  for (let at = 0; at < a.length; at++) {
    const [left, right] = [a[at]!, b[at]!];
    if (left === right) continue;
    if (left === null) return 1; // what is unknown comes last, whichever way round
    if (right === null) return -1;
    return sign * (left - right);
  }
  return 0;
}

/** Units in an order. */
export function ordered(units: readonly UnitLine[], order: Order, turned: boolean): UnitLine[] {
  const sign = turned ? -1 : 1;
  return units.map((unit) => ({ unit, values: order.values(unit) }))
    .sort((a, b) => compare(a.values, b.values, sign) || sign * (a.unit.channel - b.unit.channel))
    .map(({ unit }) => unit);
}

/** Units whose address, name or error has all words, and whose state is `state` unless that is empty. */
export function filtered(units: readonly UnitLine[], text: string, state: string): UnitLine[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return units.filter((unit) => {
    if (state && unit.status !== state) return false;
    if (words.length === 0) return true;
    const said = `${unit.unit} ${unit.name ?? ""} ${unit.error ?? ""}`.toLowerCase();
    return words.every((word) => (/^\d+$/.test(word) ? unit.channel === Number(word) || unit.name?.toLowerCase().includes(word)
      : said.includes(word)));
  });
}
