// A layer: all its units at a glance.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSource } from "../context";
import { Page, type Trail } from "../frame";
import { useKeys, type Keys } from "../keys";
import { compareRoute, useList, type Spot } from "../list";
import { useLoaded } from "../load";
import { useTold } from "../news";
import { go, href, Link, useRoute, withQuery } from "../router";
import { keep, kept } from "../theme";
import type { LayerDoc } from "../types";
import { announce, Failed, Say, Waiting } from "../ui";
import { count, number, ranges, short, STATES } from "../words";
import { Grid } from "./grid";
import { MakeUnits, Working } from "./make";
import { fieldText, shapeText, useTrail } from "./network";
import { filtered, ordered, ORDERS } from "./order";
import { Picked } from "./picked";

const SIZES = [["S", 64, "small"], ["M", 104, "middle"], ["L", 176, "large"]] as const;
const SIZE_KEY = "phosphene.tile";

/** Where one was in each layer, for the way back from a unit. */
const left = new Map<string, { query: string; channel: number }>();

/** The address of a layer's page, as it was left. */
export function layerRoute(network: string, layer: string, channel?: number): string {
  const was = left.get(`${network}/${layer}`);
  if (was && channel !== undefined) was.channel = channel;
  else if (channel !== undefined) left.set(`${network}/${layer}`, { query: "", channel });
  return href("n", short(network), layer) + (was?.query ? `?${was.query}` : "");
}

/** How the page is set, as its address says. */
function useView(key: string) {
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

function useTileSize() {
  const [at, set] = useState(() => Math.max(0, SIZES.findIndex(([name]) => name === (kept(SIZE_KEY) ?? "M"))));
  const choose = (next: number) => {
    keep(SIZE_KEY, SIZES[next]![0]);
    set(next);
  };
  return { at, size: SIZES[at]![1], choose };
}

/** How many units are in each state, only states that occur. */
function counts(doc: LayerDoc): [string, number][] {
  const found = new Map<string, number>();
  for (const unit of doc.units) found.set(unit.status, (found.get(unit.status) ?? 0) + 1);
  return ["ok", "dead", "diverged", "failed", "missing"].filter((state) => found.has(state))
    .map((state) => [state, found.get(state)!]);
}

function About({ doc }: { doc: LayerDoc }) {
  return (
    <dl class="facts">
      <div><dt>units</dt><dd>{number(doc.units.length)}</dd></div>
      {doc.kind && <div><dt>kind</dt><dd>{shapeText(doc.kind, doc.size)}</dd></div>}
      {doc.field && <div><dt>a position</dt><dd>{fieldText(doc.field)}</dd></div>}
      {doc.damaged > 0 && <div><dt>damaged</dt><dd>{count(doc.damaged, "record")} left out; run phosphene verify</dd></div>}
    </dl>
  );
}

function Units({ doc, trailRoute }: { doc: LayerDoc; trailRoute: string }) {
  const key = `${doc.network}/${doc.layer}`;
  const { order, turned, text, state, set } = useView(key);
  const tile = useTileSize();
  const list = useList();
  const field = useRef<HTMLInputElement>(null);
  const source = useSource();
  const units = useMemo(
    () => filtered(ordered(doc.units, order, turned), text, state), [doc, order, turned, text, state]);
  const came = left.get(key)?.channel;
  const [active, setActive] = useState(() => Math.max(0, units.findIndex((unit) => unit.channel === came)));
  const [focused, focus] = useState(() => (came === undefined ? 0 : 1));
  const anchor = useRef(active);
  const columns = useRef(1);
  const at = Math.min(active, Math.max(0, units.length - 1));
  const states = useMemo(() => counts(doc), [doc]);
  const missing = useMemo(
    () => doc.units.filter((unit) => unit.status === "missing" || unit.status === "failed"), [doc]);

  const spot = (channel: number): Spot => ({ network: doc.network, layer: doc.layer, channel });
  const here = useMemo(
    () => new Set(list.spots.filter((one) => one.layer === doc.layer && doc.network.startsWith(one.network))
      .map((one) => one.channel)), [list.spots, doc]);
  const move = (by: number) => {
    setActive(Math.min(Math.max(at + by, 0), units.length - 1));
    focus((value) => value + 1);
  };
  const live = useRef({ units, list, doc });
  live.current = { units, list, doc };
  const pick = useCallback((place: number, range: boolean) => { // stable, so that tiles are not drawn again
    const now = live.current;
    const [from, to] = range ? [Math.min(anchor.current, place), Math.max(anchor.current, place)] : [place, place];
    const some = now.units.slice(from, to + 1).map((unit) => (
      { network: now.doc.network, layer: now.doc.layer, channel: unit.channel }));
    if (range) now.list.add(some);
    else if (some[0]) announce(now.list.toggle(some[0]) ? "selected" : "no longer selected");
    anchor.current = place;
  }, []);
  const activate = useCallback((place: number) => {
    setActive(place);
    const unit = live.current.units[place];
    if (unit) void source.unit(doc.network, doc.layer, unit.channel).catch(() => undefined); // it may be opened next
  }, [doc.network, doc.layer]);
  const sort = (index: number) => {
    const next = ORDERS[index];
    if (!next?.known(doc.units)) return;
    set({ sort: next.name });
    announce(`sorted ${next.about}`);
  };
  const unit = units[at];
  const keys: Keys = {
    ArrowRight: ["next unit", () => move(1)], ArrowLeft: ["unit before", () => move(-1)],
    ArrowDown: ["a row down", () => move(columns.current)], ArrowUp: ["a row up", () => move(-columns.current)],
    l: ["next unit", () => move(1)], h: ["unit before", () => move(-1)],
    j: ["a row down", () => move(columns.current)], k: ["a row up", () => move(-columns.current)],
    n: ["next unit", () => move(1)], p: ["unit before", () => move(-1)],
    Home: ["first unit", () => move(-units.length)], End: ["last unit", () => move(units.length)],
    Enter: ["open the unit", () => unit && go(route(unit.channel))],
    Escape: ["the network", () => go(trailRoute)],
    x: ["select the unit, or not", () => pick(at, false)],
    X: ["select all from the one selected last", () => pick(at, true)],
    c: ["compare what is selected", () => go(compareRoute(list.spots.length || !unit ? list.spots : [spot(unit.channel)]))],
    "/": ["filter by typing", () => field.current?.select()],
    s: ["size of the tiles", () => tile.choose((tile.at + 1) % SIZES.length)],
    r: ["turn the order round", () => set({ turned: !turned })],
    "[": ["layer before", () => doc.previous !== null && go(href("n", short(doc.network), doc.previous))],
    "]": ["next layer", () => doc.next !== null && go(href("n", short(doc.network), doc.next))],
  };
  ORDERS.forEach((one, index) => (keys[String(index + 1)] = [`sort ${one.about}`, () => sort(index)]));
  useKeys("Layer", keys);
  const route = useCallback(
    (channel: number) => href("n", short(doc.network), doc.layer, channel), [doc.network, doc.layer]);

  return (
    <>
      <section class="tools" aria-label="Order and filter">
        <div class="bar">
          <span class="dim" id="sorted">Sort</span>
          <div class="choices" role="group" aria-labelledby="sorted">
            {ORDERS.map((one, index) => one.known(doc.units) && (
              <button type="button" aria-pressed={one === order} title={`${one.about} (${index + 1})`}
                onClick={() => sort(index)}>{one.name}</button>
            ))}
            <button type="button" aria-pressed={turned} aria-label="turned round" title="turn the order round (r)"
              onClick={() => set({ turned: !turned })}>⇅</button>
          </div>
          <label class="field"><span class="unseen">Filter units</span>
            <input ref={field} type="search" placeholder="Filter  ( / )" value={text}
              onInput={(event) => set({ q: event.currentTarget.value })}
              onKeyDown={(event) => {
                if (event.key === "Escape" || event.key === "Enter") {
                  if (event.key === "Escape") set({ q: "" });
                  event.preventDefault();
                  setActive(0);
                  focus((value) => value + 1);
                }
              }} />
          </label>
          {states.length > 1 && (
            <label>show
              <select value={state} onChange={(event) => set({ state: event.currentTarget.value })}>
                <option value="">all {number(doc.units.length)}</option>
                {states.map(([name, many]) => <option value={name}>{STATES[name]!.word} {number(many)}</option>)}
              </select>
            </label>
          )}
          <div class="choices" role="group" aria-label="Size of the tiles">
            {SIZES.map(([name, , about], index) => (
              <button type="button" aria-pressed={index === tile.at} aria-label={about} title={`${about} (s)`}
                onClick={() => tile.choose(index)}>{name}</button>
            ))}
          </div>
        </div>
        <p class="dim tools-said" role="status">
          {units.length === doc.units.length ? "" : `${number(units.length)} of `}{count(doc.units.length, "unit")},{" "}
          {order.about}{turned ? ", turned round" : ""}
          {order.name === "similarity" && doc.similarity === "looks" ? " (told from the pictures)" : ""}
          {order.name === "similarity" && doc.similarity === "fires" ? " (they fire on the same real pictures)" : ""}
        </p>
      </section>
      {doc.live && missing.length > 0 && missing.length < doc.units.length && (
        <details class="more"><summary>{count(missing.length, "unit")} without a picture</summary>
          <MakeUnits network={doc.network} layer={doc.layer} units={ranges(missing.map((one) => one.channel))}
            label={`Make ${missing.length === 1 ? "it" : `these ${number(missing.length)}`}`} /></details>
      )}
      {units.length === 0
        ? <Say kind="empty" title="No unit matches" text={`None of the ${doc.units.length} units is left.`}
            action={<button type="button" onClick={() => set({ q: "", state: "" })}>Show all</button>} />
        : <Grid doc={doc} units={units} size={tile.size} active={at} focused={focused} said={order.said}
            picked={(channel) => here.has(channel)} route={route} onPick={pick} onActive={activate}
            onColumns={(many) => (columns.current = many)} />}
      <Picked doc={doc} list={list} />
    </>
  );
}

/** News come in bursts: one answer to many. */
function useLate(act: () => void, wait: number): () => void {
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    if (timer.current !== undefined) return;
    timer.current = window.setTimeout(() => {
      timer.current = undefined;
      act();
    }, wait);
  };
}

export function LayerPage({ id, layer }: { id: string; layer: string }) {
  const source = useSource();
  const trail = useTrail();
  const found = useLoaded(() => source.layer(id, layer), [source, id, layer]);
  const soon = useLate(found.again, 700);
  useTold((told) => {
    if (told.kind === "layer" && told.network === id && told.layer === layer) soon();
    if (told.kind === "online" && told.online) soon();
  });
  const up = href("n", short(id));
  const doc = found.data;
  const way: Trail = [...trail, [doc?.model ?? "network", up]];
  useKeys("Layer", doc ? {} : { Escape: ["the network", () => go(up)] });
  if (!doc) {
    return (
      <Page title={layer} trail={way}>
        {found.trouble ? <Failed trouble={found.trouble} again={found.again} what="layer" />
          : <Waiting what={`Reading ${layer}`} />}
      </Page>
    );
  }
  const made = doc.units.some((unit) => unit.status !== "missing");
  return (
    <Page wide title={doc.layer} trail={way} actions={<>
      {doc.previous !== null && <Link class="button" to={href("n", short(id), doc.previous)} rel="prev">← {doc.previous}</Link>}
      {doc.next !== null && <Link class="button" to={href("n", short(id), doc.next)} rel="next">{doc.next} →</Link>}
    </>}>
      <About doc={doc} />
      {doc.live && <Working wanted={(job) => job.ask.kind === "units" && job.ask.layer === layer && id.startsWith(job.ask.network)} />}
      {!made && (
        <Say kind="missing" title="No unit of this layer has a picture yet"
          text={doc.live ? "They can be made here; they appear one by one."
            : `Make them: phosphene sweep ${doc.model} --layers ${doc.layer}`}
          action={doc.live && <MakeUnits network={id} layer={layer} units={null} label="Make this layer" />} />
      )}
      <Units doc={doc} trailRoute={up} />
    </Page>
  );
}
