// Which networks can be asked for new pictures.

import type { NetworkLine } from "../types";

/** The network that an address names by the beginning of its fingerprint, live or not; where none is named, the first
 * that is live. What nobody knows stays as it was named. */
export function namedNetwork(networks: NetworkLine[], beginning: string | null): string {
  if (!beginning) return networks.find((one) => one.live)?.id ?? "";
  const found = networks.filter((one) => one.id.startsWith(beginning));
  return (found.find((one) => one.live) ?? found[0])?.id ?? beginning;
}

/** Why a network cannot be asked, in one line; null where it can. */
export function whyNot(networks: NetworkLine[], id: string): string | null {
  const line = networks.find((one) => one.id === id);
  if (line?.live) return null;
  return line ? `${line.model} is only shown here: start phosphene serve with --model ${line.model}.`
    : `No network of this microscope begins with ${id.slice(0, 12)}.`;
}
