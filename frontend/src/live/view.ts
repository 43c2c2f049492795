// Image: what is looked at, where the cursor stands, and the keys that move both.

import { useEffect, useState } from "preact/hooks";
import { type Keys, useKeys } from "../keys";
import { go, href, useRoute, withQuery } from "../router";
import type { LookDoc, NetworkDoc } from "../types";
import { announce } from "../ui";
import { short } from "../words";
import { plainUnit, unitText } from "./mix";
import { middleLayer, usualLayers } from "./networks";
import type { Opened } from "./take";

/** Layer, pinned unit and method: the address holds them, so that a view can be linked. */
export function useView(doc: NetworkDoc) {
  const { query } = useRoute();
  const layers = usualLayers(doc).map((one) => one.name);
  const pin = query.get("unit");
  const of = plainUnit(pin ?? "")?.layer;
  const asked = query.get("layer") ?? of;
  const known = asked !== undefined && doc.layers.some((one) => one.name === asked);
  const layer = known ? asked : middleLayer(doc)?.name ?? "";
  const method = query.get("method") ?? (pin === null ? "" : "saliency");
  const change = (part: { layer?: string; pin?: string | null; method?: string }) => {
    const to = { layer, pin, method, ...part };
    // "none" is said, since a pinned unit without a method would be explained.
    const said = to.method || (to.pin === null ? "" : "none");
    go(withQuery("#/image", { net: short(doc.id), layer: to.layer, unit: to.pin, method: said }), true);
  };
  return { layers, layer, pin, method: method === "none" ? "" : method, change };
}

export type View = ReturnType<typeof useView>;

/** The channel that is looked at: under the pointer, else the one chosen in this layer, else where most happens. */
export function useCursor(view: View, look: LookDoc | null) {
  const [hovered, hover] = useState<number | null>(null);
  const [chosen, setChosen] = useState<Record<string, number>>({});
  const [strongest, setStrongest] = useState<Record<string, number>>({});
  const { layer } = view;
  const channel = hovered ?? chosen[layer] ?? strongest[layer] ?? 0;
  useEffect(() => {
    // It begins where most happens, and stays there while the camera runs.
    const first = look?.fired.find((one) => one.layer === layer)?.units[0]?.channel;
    if (first !== undefined && strongest[layer] === undefined) setStrongest({ ...strongest, [layer]: first });
  }, [look, layer]);
  useEffect(() => hover(null), [layer]);
  const choose = (to: number) => {
    hover(null);
    setChosen({ ...chosen, [layer]: to });
  };
  const move = (to: number) => {
    const count = look?.maps?.layer === layer ? look.maps.values.length : 0;
    if (count === 0) return;
    choose(Math.max(0, Math.min(count - 1, to)));
    announce(unitText(layer, Math.max(0, Math.min(count - 1, to))));
  };
  return { channel, unit: unitText(layer, channel), hover, choose, move };
}

export type Cursor = ReturnType<typeof useCursor>;

/** What keys and buttons do to the view; each is told to those who do not see it. */
export function useTurns(view: View, cursor: Cursor, methods: string[], network: string) {
  const layer = (by: number) => {
    const next = view.layers[Math.max(0, Math.min(view.layers.length - 1, view.layers.indexOf(view.layer) + by))];
    if (next) { view.change({ layer: next }); announce(next) }
  };
  const method = () => {
    const all = ["", ...methods];
    const next = all[(all.indexOf(view.method) + 1) % all.length] ?? "";
    view.change({ method: next });
    announce(next || "no gradients");
  };
  const pin = () => {
    view.change(view.pin === null ? { pin: cursor.unit, method: view.method || (methods[0] ?? "saliency") }
      : { pin: null });
    announce(view.pin === null ? `${cursor.unit} pinned` : "unpinned");
  };
  const open = (at = cursor.channel) => go(href("n", short(network), view.layer, at));
  return { layer, method, pin, open };
}

export type Turns = ReturnType<typeof useTurns>;

/** The keys of the Deep Visualization Toolbox, where they are not taken. Without maps the arrows scroll the page. */
export function useImageKeys(cursor: Cursor, turns: Turns, opened: Opened, look: LookDoc | null) {
  const row = look?.maps?.columns ?? 1;
  const { channel, move } = cursor;
  const moves: Keys = {
    ArrowLeft: ["a channel to the left", () => move(channel - 1)],
    ArrowRight: ["a channel to the right", () => move(channel + 1)],
    ArrowUp: ["a channel up", () => move(channel - row)], ArrowDown: ["a channel down", () => move(channel + row)],
    h: ["left", () => move(channel - 1)], l: ["right", () => move(channel + 1)],
    k: ["up", () => move(channel - row)], j: ["down", () => move(channel + row)],
    Home: ["the first channel", () => move(0)], End: ["the last channel", () => move(Infinity)],
    Enter: ["open the unit", () => turns.open()],
  };
  useKeys("Image", {
    ...(look?.maps ? moves : {}),
    u: ["the layer before", () => turns.layer(-1)], o: ["the next layer", () => turns.layer(1)],
    p: ["pin the unit that gradients start from", turns.pin], d: ["the same (the Toolbox's key)", turns.pin],
    b: ["another method of gradients", turns.method],
    w: ["the camera on, off", opened.toggle], " ": ["hold the camera's picture", opened.hold],
    f: ["open a photo", opened.browse],
  });
}
