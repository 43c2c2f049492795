// The units of a layer: tools, grid and selection, and the keys that move through them.

import { useCallback, useMemo, useRef, useState } from "preact/hooks";
import { useSource } from "../context";
import { useKeys, type Keys } from "../keys";
import { compareRoute, useList, type List } from "../list";
import { go, href } from "../router";
import type { LayerDoc, UnitLine } from "../types";
import { announce, Say } from "../ui";
import { count, number, ranges, short } from "../words";
import { Grid } from "./grid";
import { MakeUnits } from "./make";
import { filtered, ordered, ORDERS } from "./order";
import { Picked } from "./picked";
import { Tools } from "./tools";
import { leftAt, SIZES, useTileSize, useView, type TileSize, type View } from "./view";

/** Selecting one, or all from the one before; stable, so that tiles are not drawn again. */
function usePicking(doc: LayerDoc, units: readonly UnitLine[], list: List) {
  const anchor = useRef(0);
  const now = useRef({ doc, units, list });
  now.current = { doc, units, list };
  const pick = useCallback((place: number, range: boolean) => {
    const { doc: { network, layer }, units: all, list: kept } = now.current;
    const [from, to] = range ? [Math.min(anchor.current, place), Math.max(anchor.current, place)] : [place, place];
    const some = all.slice(from, to + 1).map((unit) => ({ network, layer, channel: unit.channel }));
    if (range) {
      kept.add(some);
      announce(`${count(some.length, "unit")} selected`);
    } else if (some[0]) {
      announce(kept.toggle(some[0]) ? "selected" : "no longer selected");
    }
    anchor.current = place;
  }, []);
  const here = useMemo(
    () => new Set(list.spots.filter((spot) => spot.layer === doc.layer && doc.network.startsWith(spot.network))
      .map((spot) => spot.channel)), [list.spots, doc]);
  return { pick, picked: (channel: number) => here.has(channel) };
}

/** Which tile is active, and when it is to take the focus. */
function useActive(doc: LayerDoc, units: readonly UnitLine[]) {
  const source = useSource();
  const came = leftAt(`${doc.network}/${doc.layer}`);
  const [active, setActive] = useState(() => Math.max(0, units.findIndex((unit) => unit.channel === came)));
  const [focused, focus] = useState(() => (came === undefined ? 0 : 1));
  const at = Math.min(active, Math.max(0, units.length - 1));
  const all = useRef(units);
  all.current = units;
  const activate = useCallback((place: number) => {
    setActive(place);
    const unit = all.current[place];
    if (unit) void source.unit(doc.network, doc.layer, unit.channel).catch(() => undefined); // it may be opened next
  }, [doc.network, doc.layer]);
  const jump = (place: number) => {
    setActive(Math.max(0, Math.min(place, units.length - 1))); // none may be left by the filter; others come back
    focus((value) => value + 1);
  };
  return { at, focused, activate, jump };
}

interface Hands {
  doc: LayerDoc; unit: UnitLine | undefined; up: string; view: View; tile: TileSize; list: List;
  move: (by: number) => void; row: () => number; pick: (range: boolean) => void; filter: () => void;
  sort: (index: number) => void; route: (channel: number) => string;
}

function keysOf({ doc, unit, up, view, tile, list, move, row, pick, filter, sort, route }: Hands): Keys {
  const net = short(doc.network);
  const mine = unit ? [{ network: doc.network, layer: doc.layer, channel: unit.channel }] : [];
  const keys: Keys = {
    ArrowRight: ["next unit", () => move(1)], ArrowLeft: ["unit before", () => move(-1)],
    ArrowDown: ["a row down", () => move(row())], ArrowUp: ["a row up", () => move(-row())],
    l: ["next unit", () => move(1)], h: ["unit before", () => move(-1)],
    j: ["a row down", () => move(row())], k: ["a row up", () => move(-row())],
    n: ["next unit", () => move(1)], p: ["unit before", () => move(-1)],
    Home: ["first unit", () => move(-Infinity)], End: ["last unit", () => move(Infinity)],
    Enter: ["open the unit", () => unit && go(route(unit.channel))],
    Escape: ["the network", () => go(up)],
    x: ["select the unit, or not", () => pick(false)],
    X: ["select all from the one before", () => pick(true)],
    c: ["compare what is selected", () => go(compareRoute(list.spots.length > 0 ? list.spots : mine))],
    "/": ["filter by typing", filter],
    s: ["size of the tiles", () => tile.choose((tile.at + 1) % SIZES.length)],
    r: ["turn the order round", () => view.set({ turned: !view.turned })],
    "[": ["layer before", () => doc.previous !== null && go(href("n", net, doc.previous))],
    "]": ["next layer", () => doc.next !== null && go(href("n", net, doc.next))],
  };
  ORDERS.forEach((one, index) => (keys[String(index + 1)] = [`sort ${one.about}`, () => sort(index)]));
  return keys;
}

function Missing({ doc }: { doc: LayerDoc }) {
  const missing = useMemo(
    () => doc.units.filter((unit) => unit.status === "missing" || unit.status === "failed"), [doc]);
  if (!doc.live || missing.length === 0 || missing.length === doc.units.length) return null;
  return (
    <details class="more"><summary>{count(missing.length, "unit")} without a picture</summary>
      <MakeUnits network={doc.network} layer={doc.layer} units={ranges(missing.map((one) => one.channel))}
        label={`Make ${missing.length === 1 ? "it" : `these ${number(missing.length)}`}`} /></details>
  );
}

/** `up`: the network's page. */
export function Units({ doc, up }: { doc: LayerDoc; up: string }) {
  const view = useView(`${doc.network}/${doc.layer}`);
  const { order, turned, text, state, set } = view;
  const tile = useTileSize();
  const list = useList();
  const field = useRef<HTMLInputElement>(null);
  const columns = useRef(1);
  const units = useMemo(
    () => filtered(ordered(doc.units, order, turned), text, state), [doc, order, turned, text, state]);
  const { at, focused, activate, jump } = useActive(doc, units);
  const { pick, picked } = usePicking(doc, units, list);
  const sort = (index: number) => {
    const next = ORDERS[index];
    if (next?.known(doc.units)) set({ sort: next.name }); // what is shown, and in which order, is a status: it is told
  };
  const route = useCallback(
    (channel: number) => href("n", short(doc.network), doc.layer, channel), [doc.network, doc.layer]);
  useKeys("Layer", keysOf({
    doc, up, view, tile, list, sort, route, unit: units[at], move: (by) => jump(at + by), row: () => columns.current,
    pick: (range) => pick(at, range), filter: () => field.current?.select(),
  }));
  return (
    <>
      <Tools doc={doc} view={view} shown={units.length} tile={tile} field={field} sort={sort} toGrid={() => jump(0)} />
      <Missing doc={doc} />
      {units.length === 0
        ? <Say kind="empty" title="No unit matches" text={`None of the ${doc.units.length} units is left.`}
            action={<button type="button" onClick={() => set({ q: "", state: "" })}>Show all</button>} />
        : <Grid doc={doc} units={units} size={tile.size} active={at} focused={focused} said={order.said} picked={picked}
            route={route} onPick={pick} onActive={activate} onColumns={(many) => (columns.current = many)} />}
      <Picked doc={doc} list={list} />
    </>
  );
}
