// How a layer's page is set, and where one was in it; which picture of a unit is chosen. Addresses say both.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { go, href, useRoute, withQuery } from "../router";
import { keep, kept } from "../theme";
import { short } from "../words";
import type { Picture } from "../types";
import { ORDERS } from "./order";
import { idOf, numberOf } from "./unit/viewer";

export const SIZES = [["S", 64, "small"], ["M", 104, "middle"], ["L", 176, "large"]] as const;
const SIZE_KEY = "phosphene.tile";

/** Where one was in each layer, for the way back from a unit. */
const left = new Map<string, { query: string; channel: number }>();

/** The channel one was at; undefined on the first visit. */
export const leftAt = (key: string): number | undefined => left.get(key)?.channel;

/** The address of a layer's page, as it was left. */
export function layerRoute(network: string, layer: string, channel?: number): string {
  const was = left.get(`${network}/${layer}`);
  if (was && channel !== undefined) was.channel = channel;
  else if (channel !== undefined) left.set(`${network}/${layer}`, { query: "", channel });
  return href("n", short(network), layer) + (was?.query ? `?${was.query}` : "");
}

/** How the page is set, as its address says. */
export function useView(key: string) {
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

/** The picture of a unit that is wanted. `id`: how it begins, empty for any of its kind and row. */
interface Choice { kind: string; row: number; id: string }
const USUAL: Choice = { kind: "positive", row: 0, id: "" };

/** Of ?picture=diverse.2&id=4f0a; rows count from 1. */
function choiceOf(query: URLSearchParams): Choice {
  const said = query.get("picture");
  if (said === null) return USUAL;
  const [kind = "", row] = said.split(".");
  return { kind, row: Math.max(0, Number(row) - 1) || 0, id: query.get("id") ?? "" };
}

/** How a picture was made, but for what differs from unit to unit. */
const recipeOf = ({ spec: { model, target, seed, group, ...rest } }: Picture): string => JSON.stringify(rest);

const fits = (one: Picture, choice: Choice) => one.kind === choice.kind && one.row === choice.row;

/** The picture that is wanted, or what comes nearest. `like`: one of another unit, the same way of making is preferred. */
function pictureOf(all: readonly Picture[], choice: Choice, like: Picture | null): Picture | null {
  const same = all.filter((one) => fits(one, choice));
  return (choice.id && same.find((one) => one.id.startsWith(choice.id)))
    || (like && fits(like, choice)
      && (same.find((one) => recipeOf(one) === recipeOf(like)) ?? same.find((one) => one.steps === like.steps)))
    || (same[0] ?? all.find((one) => one.kind === choice.kind) ?? all[0] ?? null);
}

/** What an address says of a chosen picture: nothing of the usual one. */
function queryOf(picture: Picture, all: readonly Picture[]): { picture?: string; id?: string } {
  if (pictureOf(all, USUAL, null)?.id === picture.id) return {};
  return { picture: [picture.kind, numberOf(picture, all)].filter(Boolean).join("."), id: idOf(picture, all) };
}

/**
 * Which of a unit's pictures is chosen, as the address `route` says; `all`: undefined while they are read. `query` is for
 * the address of another unit: ids are a unit's own, so of pictures made in several ways the way is remembered.
 */
export function useChosen(route: string, all: readonly Picture[] | undefined) {
  const { query } = useRoute();
  const choice = choiceOf(query);
  const like = useRef<Picture | null>(null);
  const pick = (pictures: readonly Picture[]) => pictureOf(pictures, choice, choice === USUAL ? null : like.current);
  const chosen = all ? pick(all) : null;
  const choose = (picture: Picture) => go(withQuery(route, queryOf(picture, all ?? [])), true);
  useLayoutEffect(() => { // before one can turn on
    if (choice === USUAL) like.current = null;
    if (choice === USUAL || !all || !chosen || !fits(chosen, choice)) return;
    if (choice.id || !like.current || !fits(like.current, choice)) like.current = chosen;
    const { id } = queryOf(chosen, all);
    if (id && id !== choice.id) choose(chosen); // the address is to lead here by itself
  }, [chosen, query.toString()]);
  return { chosen, choose, pick, query: { picture: query.get("picture") } };
}

export function useTileSize() {
  const [at, set] = useState(() => Math.max(0, SIZES.findIndex(([name]) => name === (kept(SIZE_KEY) ?? "M"))));
  const choose = (next: number) => {
    keep(SIZE_KEY, SIZES[next]![0]);
    set(next);
  };
  return { at, size: SIZES[at]![1], choose };
}

export type View = ReturnType<typeof useView>;
export type TileSize = ReturnType<typeof useTileSize>;
