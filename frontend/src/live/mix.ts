// The text of a sum of units, taken apart and put together as phosphene.address does.

export interface Row { unit: string; weight: number }

const WEIGHT = /^(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*\*\s*/;
const PIECE = /^(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\([^()]*\)|[^\s+\-"[(])/;

/** The rows of a sum, or null where the text is none. Whether the units exist only a network can tell. */
export function parseMix(text: string): Row[] | null {
  const rows: Row[] = [];
  let rest = text.trim();
  while (rest !== "") {
    const sign = /^[+-]/.exec(rest)?.[0];
    if (sign === undefined && rows.length > 0) return null;
    if (sign === "+" && rows.length === 0) return null;
    rest = rest.slice(sign?.length ?? 0).trimStart();
    const weight = WEIGHT.exec(rest);
    rest = rest.slice(weight?.[0].length ?? 0);
    let unit = "";
    for (let piece = PIECE.exec(rest); piece; piece = PIECE.exec(rest)) {
      unit += piece[0];
      rest = rest.slice(piece[0].length);
    }
    if (unit === "") return null;
    rows.push({ unit, weight: (sign === "-" ? -1 : 1) * (weight ? Number(weight[1]) : 1) });
    rest = rest.trimStart();
  }
  return rows.length > 0 && rows.every((row) => Number.isFinite(row.weight)) ? rows : null;
}

/** The text of the rows that have a unit and a weight. */
export function renderMix(rows: readonly Row[]): string {
  return rows
    .filter((row) => row.unit.trim() !== "" && row.weight !== 0)
    .map((row, index) => {
      const lead = index === 0 ? (row.weight < 0 ? "-" : "") : row.weight < 0 ? " - " : " + ";
      const size = Math.abs(row.weight);
      return `${lead}${size === 1 ? "" : `${size}*`}${row.unit.trim()}`;
    })
    .join("");
}

const PENALTY = /^(tv|l1|l2|blur|boundary|opacity)(\[|$)/; // as phosphene.objectives.penalties

/** The rows of a target that are wanted of the network; the others say what a picture should have little of. */
export const wantedRows = (text: string): Row[] => (parseMix(text) ?? []).filter((row) => !PENALTY.test(row.unit));

/** Layer and channel or class of a plain unit such as mixed4b:11; null for neurons, directions and the like. */
export function plainUnit(text: string): { layer: string; channel: number | null; name: string | null } | null {
  const found = /^(?:"((?:[^"\\]|\\.)*)"|([\w./]+)):(?:(\d+)|"((?:[^"\\]|\\.)*)"|([\w./~]+))$/.exec(text.trim());
  if (!found) return null;
  const plain = (quoted: string | undefined) => quoted?.replace(/\\(.)/g, "$1");
  const head = plain(found[1]) ?? found[2] ?? "";
  const layer = head === "prob" ? "logit" : head;
  if (found[3] !== undefined) return { layer, channel: Number(found[3]), name: null };
  return layer === "logit" ? { layer, channel: null, name: plain(found[4]) ?? found[5] ?? null } : null;
}

/** The text of a channel; a layer's name with odd characters stands in quotes. */
export function unitText(layer: string, channel: number): string {
  const plain = /^[\w./]+(?:#\d+)?$/.test(layer);
  return `${plain ? layer : `"${layer.replace(/[\\"]/g, "\\$&")}"`}:${channel}`;
}
