// Order, filter and size of a layer's tiles.

import type { RefObject } from "preact";
import { useMemo } from "preact/hooks";
import type { LayerDoc } from "../types";
import { count, number, STATES } from "../words";
import { ORDERS } from "./order";
import { SIZES, type TileSize, type View } from "./view";

/** How many units are in each state, only states that occur. */
function counts(doc: LayerDoc): [string, number][] {
  const found = new Map<string, number>();
  for (const unit of doc.units) found.set(unit.status, (found.get(unit.status) ?? 0) + 1);
  return ["ok", "dead", "diverged", "failed", "missing"].filter((state) => found.has(state))
    .map((state) => [state, found.get(state)!]);
}

/** `shown`: how many units are left by the filter; `toGrid`: from the filter to the first of them. */
export function Tools({ doc, view, shown, tile, field, sort, toGrid }: {
  doc: LayerDoc; view: View; shown: number; tile: TileSize; field: RefObject<HTMLInputElement | null>;
  sort: (index: number) => void; toGrid: () => void;
}) {
  const { order, turned, text, state, set } = view;
  const states = useMemo(() => counts(doc), [doc]);
  return (
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
                event.preventDefault();
                if (event.key === "Escape") set({ q: "" });
                else if (shown === 0) return; // there is nothing to go to
                event.currentTarget.blur();
                toGrid();
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
        {shown === doc.units.length ? "" : `${number(shown)} of `}{count(doc.units.length, "unit")},{" "}
        {order.about}{turned ? ", turned round" : ""}
        {order.name === "similarity" && doc.similarity === "looks" ? " (told from the pictures)" : ""}
        {order.name === "similarity" && doc.similarity === "fires" ? " (they fire on the same real pictures)" : ""}
      </p>
    </section>
  );
}
