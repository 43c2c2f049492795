// Which networks can be asked for new pictures, and what one would name of them.

import { useSource } from "../context";
import { useLoaded } from "../load";
import type { LayerLine, NetworkDoc, NetworkLine } from "../types";
import { unitText } from "./mix";

const CHANNEL = 11; // of an example; any would do

/** The layers that one would look into; all where none is. */
export function usualLayers(doc: NetworkDoc): LayerLine[] {
  const usual = doc.layers.filter((one) => one.usual);
  return usual.length > 0 ? usual : doc.layers;
}

/** The one to begin with: neither edges alone nor whole objects. */
export function middleLayer(doc: NetworkDoc): LayerLine | undefined {
  const layers = usualLayers(doc);
  return layers[Math.floor(layers.length / 2)];
}

/** A unit that a network has, as an example of what can be written; its form alone while the network is not known. */
export function exampleOf(doc: NetworkDoc | null | undefined): string {
  const layer = doc ? middleLayer(doc) : undefined;
  return layer ? unitText(layer.name, Math.max(0, Math.min(CHANNEL, layer.units - 1))) : "LAYER:CHANNEL";
}

export function useExample(network: string): string {
  const source = useSource();
  return exampleOf(useLoaded(() => (network ? source.network(network) : Promise.resolve(null)), [source, network]).data);
}

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
  return line ? `${line.model} is only shown here: start phosphene serve with --model ${line.named}`
    : `No network of this microscope begins with ${id.slice(0, 12)}.`;
}
