// A grid of thumbnails of which only what is seen is in the page: thousands of units scroll smoothly.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { memo } from "../memo";
import type { LayerDoc, UnitLine } from "../types";
import { Blank, TileImage } from "../ui";
import { STATES } from "../words";

const GAP = 10, BEYOND = 400; // pixels drawn above and below what is seen

export interface GridParts {
  doc: LayerDoc;
  units: readonly UnitLine[];
  size: number; // of a tile
  active: number; // place in `units`
  focused: number; // raised when the active tile is to take the focus
  said: (unit: UnitLine) => string | null;
  picked: (channel: number) => boolean;
  route: (channel: number) => string;
  onPick: (place: number, range: boolean) => void;
  onActive: (place: number) => void;
  onColumns: (columns: number) => void;
}

interface Cell {
  doc: LayerDoc; unit: UnitLine; size: number; tall: number; place: number; column: number; left: number; active: boolean;
  picked: boolean; said: string | null; to: string;
  onPick: (place: number, range: boolean) => void; onActive: (place: number) => void;
}

function described(unit: UnitLine, said: string | null, picked: boolean): string {
  const state = unit.status === "ok" ? null : STATES[unit.status]?.word;
  return [unit.unit, unit.name && !unit.unit.includes(unit.name) ? unit.name : null, state, said, picked ? "selected" : null]
    .filter(Boolean).join(", ");
}

const GridCell = memo(({ doc, unit, size, tall, place, column, left, active, picked, said, to, onPick, onActive }: Cell) => {
  const state = STATES[unit.status];
  return (
    <div role="gridcell" aria-colindex={column + 1} aria-selected={picked} class={`cell is-${unit.status}`}
      style={{ width: `${size}px`, height: `${tall}px`, left: `${left}px` }}>
      <a href={to} data-place={place} tabIndex={active ? 0 : -1}
        title={unit.error ?? unit.name ?? undefined}
        onFocus={() => onActive(place)}
        onClick={(event) => {
          if (!event.shiftKey && !event.ctrlKey && !event.metaKey) return;
          event.preventDefault();
          onPick(place, event.shiftKey);
        }}>
        <span class="unseen">{described(unit, said, picked)}</span>
        {unit.tile ? <TileImage tile={unit.tile} sheets={doc.sheets} side={doc.tile} size={size} alt="" />
          : <Blank size={size} />}
        {unit.status !== "ok" && <span class="state" aria-hidden="true">{state?.sign} {size >= 90 && state?.word}</span>}
        <span class="cell-said" aria-hidden="true">
          <span>{unit.channel}</span>{said !== null && <span class="dim">{said}</span>}
        </span>
        {unit.name && size >= 90 && <span class="cell-name dim" aria-hidden="true">{unit.name}</span>}
      </a>
      <input type="checkbox" class="pick" checked={picked} tabIndex={-1} aria-label={`select ${unit.unit}`}
        onClick={(event) => {
          event.preventDefault(); // the list is what says whether it is checked
          onPick(place, event.shiftKey);
        }} />
    </div>
  );
});

/** Width of an element, and the part of it that is seen, in whole rows of `row` pixels. */
function useSeen(row: number) {
  const place = useRef<HTMLDivElement>(null);
  const [seen, set] = useState({ width: 0, first: 0, last: 0 });
  useLayoutEffect(() => {
    const look = () => {
      const box = place.current?.getBoundingClientRect();
      if (!box) return;
      const first = Math.max(0, Math.floor((-box.top - BEYOND) / row));
      const last = Math.max(0, Math.floor((innerHeight - box.top + BEYOND) / row));
      set((old) => (old.width === box.width && old.first === first && old.last === last ? old
        : { width: box.width, first, last }));
    };
    look();
    const sized = new ResizeObserver(look);
    sized.observe(place.current!);
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      sized.disconnect();
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [row]);
  return { place, ...seen };
}

/** Scrolls so that a row is seen whole. */
function reveal(grid: HTMLElement, top: number, tall: number) {
  const begin = grid.getBoundingClientRect().top + top;
  const under = 16, over = 84; // the bar of the selection lies over the end of the page
  if (begin < under) scrollBy(0, begin - under);
  else if (begin + tall > innerHeight - over) scrollBy(0, begin + tall - innerHeight + over);
}

export function Grid(parts: GridParts) {
  const { doc, units, size, active, focused } = parts;
  const named = size >= 90 && doc.units.some((unit) => unit.name !== null);
  const tall = size + (named ? 40 : 24);
  const row = tall + GAP;
  const { place, width, first, last } = useSeen(row);
  const columns = Math.max(1, Math.floor((width + GAP) / (size + GAP)));
  const rows = Math.ceil(units.length / columns);
  const pitch = columns > 1 && rows > 1 ? Math.floor((width - size) / (columns - 1)) : size + GAP; // both edges are met
  useEffect(() => parts.onColumns(columns), [columns]);

  useLayoutEffect(() => {
    if (focused === 0 || width === 0 || !place.current) return;
    reveal(place.current, Math.floor(active / columns) * row, tall);
    place.current.querySelector<HTMLElement>(`[data-place="${active}"]`)?.focus({ preventScroll: true });
  }, [focused, width > 0]);

  const drawn: number[] = [];
  if (width > 0) for (let at = first; at <= Math.min(last, rows - 1); at++) drawn.push(at);
  const home = Math.floor(active / columns);
  if (width > 0 && home < rows && !drawn.includes(home)) drawn.push(home); // it may hold the focus
  return (
    <div role="grid" aria-label={`Units of ${doc.layer}`} aria-rowcount={rows} aria-colcount={columns}
      aria-multiselectable="true" class="grid" ref={place} style={{ height: `${Math.max(0, rows * row - GAP)}px` }}>
      {drawn.map((at) => (
        <div role="row" key={at} aria-rowindex={at + 1} class="grid-row" style={{ transform: `translateY(${at * row}px)` }}>
          {units.slice(at * columns, (at + 1) * columns).map((unit, column) => {
            const number = at * columns + column;
            return (
              <GridCell key={unit.channel} doc={doc} unit={unit} size={size} tall={tall} place={number} column={column} left={column * pitch}
                active={number === active} picked={parts.picked(unit.channel)} said={parts.said(unit)}
                to={parts.route(unit.channel)} onPick={parts.onPick} onActive={parts.onActive} />
            );
          })}
        </div>
      ))}
    </div>
  );
}
