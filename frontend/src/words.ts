// Numbers and names as they are read.

const MANY = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 12,345 · 123 · 12.3 · 1.23 · 0.0123 · 1.2e-5 */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text: string;
  if (size === 0) text = "0";
  else if (size >= 100 || Number.isInteger(value)) text = MANY.format(size);
  else if (size >= 10) text = size.toFixed(1);
  else if (size >= 0.001) text = String(Number(size.toPrecision(3)));
  else text = size.toExponential(1);
  return value < 0 ? "−" + text : text;
}

/** A share of 1 as percent. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return "–";
  const value = 100 * share;
  if (value !== 0 && Math.abs(value) < 0.1) return "< 0.1 %";
  if (value < 100 && value > 99.9) return "> 99.9 %";
  return `${Number(value.toFixed(Math.abs(value) < 10 || (value > 99 && value < 100) ? 1 : 0))} %`;
}

/** "1 unit", "3 units"; `many` where an s is not enough. */
export const count = (value: number, one: string, many = one + "s"): string =>
  `${MANY.format(value)} ${value === 1 ? one : many}`;

/** The first digits of a fingerprint, as links have them. */
export const short = (id: string): string => id.slice(0, 12);

/** A word as a shell takes it. */
const shell = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

/** The command that makes a layer's units, or one of them, into a store. */
export const sweepOf = (doc: { address: string; layer: string }, store: string, channel?: number): string =>
  `phosphene sweep ${doc.address} --store ${store ? shell(store) : "STORE"} --layers ${shell(doc.layer)}`
  + (channel === undefined ? "" : ` --units ${channel}`);

/** Sizes: 14 × 14 × 480. */
export const times = (size: readonly number[]): string => size.join(" × ");

/** The states of a unit, as they are told. */
export const STATES: Record<string, { sign: string; word: string }> = {
  ok: { sign: "", word: "made" },
  dead: { sign: "∅", word: "dead" },
  diverged: { sign: "≠", word: "diverged" },
  failed: { sign: "!", word: "failed" },
  missing: { sign: "–", word: "not made" },
};

/** Whether a channel is among `0:24,31`; null is all. */
export const within = (units: string | null, channel: number): boolean =>
  units === null || units.split(",").some((part) => {
    const [from, to] = part.split(":");
    return to === undefined ? Number(from) === channel : Number(from || 0) <= channel && (to === "" || channel < Number(to));
  });

/** Channels as a job takes them: 0:24,31 (24 is not among them). */
export function ranges(channels: readonly number[]): string {
  const sorted = [...new Set(channels)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length;) {
    let end = at;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end++;
    parts.push(end === at ? String(sorted[at]) : `${sorted[at]}:${sorted[end]! + 1}`);
    at = end + 1;
  }
  return parts.join(",");
}
