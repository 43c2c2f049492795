// Which networks can be asked for new pictures.

import type { NetworkLine } from "../types";

/** The network that an address names by the beginning of its fingerprint, or the first that is live. */
export function liveNetwork(networks: NetworkLine[], beginning: string | null): string {
  return (networks.find((one) => beginning && one.id.startsWith(beginning)) ?? networks[0])?.id ?? "";
}
