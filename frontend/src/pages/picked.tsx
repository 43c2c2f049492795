// What is selected, and what can be done with it.

import { useState } from "preact/hooks";
import { useSource } from "../context";
import { compareRoute, type List, type Spot } from "../list";
import { Link } from "../router";
import type { LayerDoc } from "../types";
import { Copy } from "../ui";
import { count, ranges } from "../words";
import { MakeUnits } from "./make";

const address = (spot: Spot) => `${/^[\w.@/-]+$/.test(spot.layer) ? spot.layer : `"${spot.layer}"`}:${spot.channel}`;

/** A bar at the end of the window; nothing while nothing is selected. */
export function Picked({ doc, list }: { doc: LayerDoc; list: List }) {
  const source = useSource();
  const [making, setMaking] = useState(false);
  if (list.spots.length === 0) return null;
  const here = list.spots.filter((spot) => spot.layer === doc.layer && doc.network.startsWith(spot.network));
  const elsewhere = list.spots.length - here.length;
  return (
    <section class="picked" aria-label="Selected units">
      <div class="bar">
        <strong>{list.spots.length} selected</strong>
        {elsewhere > 0 && <span class="dim">{elsewhere} elsewhere</span>}
        <Link class="button main" to={compareRoute(list.spots)}>Compare</Link>
        <Copy text={list.spots.map(address).join("\n")} label="addresses" />
        {source.live && doc.live && here.length > 0 && (
          <button type="button" aria-expanded={making} onClick={() => setMaking(!making)}>Make …</button>
        )}
        <button type="button" onClick={list.clear}>Clear</button>
      </div>
      {making && here.length > 0 && (
        <MakeUnits network={doc.network} layer={doc.layer} units={ranges(here.map((spot) => spot.channel))}
          label={`Make ${count(here.length, "unit")}`} />
      )}
    </section>
  );
}
