// A network: its layers in the order of the forward.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSite, useSource } from "../context";
import { Page, type Trail } from "../frame";
import { useKeys } from "../keys";
import { useLoaded } from "../load";
import { useTold } from "../news";
import { go, href, Link } from "../router";
import type { LayerLine, NetworkDoc } from "../types";
import { Copy, Failed, Say, TileImage, Waiting } from "../ui";
import { count, number, short, times } from "../words";

/** The way to a network's page: only where there are several. */
export function useTrail(): Trail {
  return useSite().networks.length > 1 ? [["Networks", "#/networks"]] : [];
}

const KINDS: Record<string, string> = {
  map: "map", "map-last": "map, channels last", tokens: "tokens", vector: "vector",
};

/** A layer's kind and size: map 14 × 14. */
export function shapeText(kind: string | null, size: readonly number[]): string {
  return [kind === null ? "" : KINDS[kind] ?? kind, times(size)].filter(Boolean).join(" ");
}

/** What a position of a layer sees. */
export const fieldText = (field: readonly number[] | null): string =>
  field ? `sees ${times(field)} px` : "sees the whole picture, or unknown";

/** Whether there is more of a layer than its name. */
const anything = (line: LayerLine): boolean => line.made + line.failed + line.examples + line.asked > 0 || line.scanned;

function Done({ line }: { line: LayerLine }) {
  const of = Math.max(line.units, line.made + line.failed) || 1;
  const text = line.made === 0 && line.failed === 0 ? "nothing made"
    : `${number(line.made)} of ${number(of)} made${line.failed ? `, ${number(line.failed)} failed` : ""}`;
  const fewer = line.asked > 0 && line.asked < of; // a sweep was asked for these alone
  return (
    <span class="done">
      <span class="done-bar" aria-hidden="true">
        <span style={{ width: `${(100 * line.made) / of}%` }} />
        <span class="bad" style={{ width: `${(100 * line.failed) / of}%` }} />
        {fewer && <span class="asked" style={{ left: `${(100 * line.asked) / of}%` }} />}
      </span>
      <span class="dim">{text}{fewer && line.made + line.failed < line.asked ? `, ${number(line.asked)} asked for` : ""}</span>
    </span>
  );
}

function Row({ doc, line }: { doc: NetworkDoc; line: LayerLine }) {
  return (
    <li class={line.usual ? "row" : "row part-of"}>
      <Link to={href("n", short(doc.id), line.name)} data-row>
        <span class="row-name">
          <strong>{line.name}</strong>
          <span class="dim">{line.module ?? ""}</span>
        </span>
        <span class="row-shape">
          <span>{count(line.units, "unit")}</span>
          <span class="dim">{shapeText(line.kind, line.size)}{line.field ? ` · ${fieldText(line.field)}` : ""}</span>
        </span>
        <Done line={line} />
        <span class="row-cover">
          {line.cover.filter((tile) => tile.sheet in (doc.sheets ?? {})).slice(0, 6).map((tile) => (
            <TileImage tile={tile} sheets={doc.sheets} side={doc.tile} size={48} alt="" />
          ))}
        </span>
      </Link>
    </li>
  );
}

function About({ doc }: { doc: NetworkDoc }) {
  const { input } = doc;
  return (
    <dl class="facts">
      {input && (
        <>
          <div><dt>input</dt><dd>{input.height} × {input.width} px, {count(input.channels, "channel")}
            {input.fixed ? "" : " (other sizes work)"}</dd></div>
          <div><dt>preprocessing</dt><dd>{input.mean && input.std
            ? `mean ${input.mean.map(number).join(" ")}, deviation ${input.std.map(number).join(" ")}`
            : "none: pictures from 0 to 1"}</dd></div>
        </>
      )}
      {doc.classes !== null && <div><dt>classes</dt><dd>{number(doc.classes)}</dd></div>}
      {doc.scans.map((scan) => (
        <div><dt>scanned</dt><dd>{count(scan.pictures, "real picture")} of {scan.source}</dd></div>
      ))}
      <div><dt>fingerprint</dt><dd><code>{short(doc.id)}</code> <Copy text={doc.id} label="fingerprint" /></dd></div>
    </dl>
  );
}

function Layers({ doc }: { doc: NetworkDoc }) {
  const trail = useTrail();
  const usual = doc.layers.some((line) => line.usual) && doc.layers.some((line) => !line.usual && !anything(line));
  const [all, setAll] = useState(!usual);
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return doc.layers.filter((line) => (all || line.usual || anything(line) || words.length > 0)
      && words.every((word) => `${line.name} ${line.kind ?? ""} ${line.module ?? ""}`.toLowerCase().includes(word)));
  }, [doc, all, text]);

  const move = (by: number) => {
    const links = [...list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? []];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  };
  useKeys("Network", {
    ArrowDown: ["next layer", () => move(1)],
    ArrowUp: ["layer before", () => move(-1)],
    j: ["next layer", () => move(1)],
    k: ["layer before", () => move(-1)],
    "/": ["filter by typing", () => field.current?.focus()],
    ...(usual && { a: ["all layers, or the usual ones", () => setAll(!all)] as [string, () => void] }),
    ...(trail.length > 0 && { Escape: ["networks", () => go("#/networks")] as [string, () => void] }),
  });
  return (
    <section class="section" aria-labelledby="layers">
      <div class="section-head">
        <h2 id="layers">Layers</h2>
        <div class="bar">
          <label class="field"><span class="unseen">Filter layers</span>
            <input ref={field} type="search" placeholder="Filter layers  ( / )" value={text}
              onInput={(event) => setText(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === "Escape") {
                  setText("");
                  event.currentTarget.blur();
                } else if (event.key === "ArrowDown") {
                  event.preventDefault();
                  move(1);
                }
              }} />
          </label>
          {usual && (
            <label><input type="checkbox" checked={all} onChange={() => setAll(!all)} />
              all {number(doc.layers.length)}, not only the usual</label>
          )}
        </div>
      </div>
      {shown.length === 0 ? <Say kind="empty" title="No layer matches" text={`Nothing here is called ${text}.`} />
        : <ol class="rows" ref={list}>{shown.map((line) => <Row key={line.name} doc={doc} line={line} />)}</ol>}
    </section>
  );
}

export function NetworkPage({ id }: { id: string }) {
  const source = useSource();
  const trail = useTrail();
  const found = useLoaded(() => source.network(id), [source, id]);
  useTold((told) => {
    if ((told.kind === "layer" && told.network === id) || (told.kind === "online" && told.online)) found.again();
  });
  const doc = found.data;
  useEffect(() => { // the first layer with pictures is what one opens
    const first = doc?.layers.find((line) => line.made > 0);
    if (first) void source.layer(id, first.name).catch(() => undefined);
  }, [doc]);
  if (!doc) {
    return (
      <Page title="Network" trail={trail}>
        {found.trouble ? <Failed trouble={found.trouble} again={found.again} what="network" />
          : <Waiting what="Reading the network" />}
      </Page>
    );
  }
  return (
    <Page title={doc.model} trail={trail}>
      <About doc={doc} />
      {doc.layers.length === 0
        ? <Say kind="empty" title="No layers are known" text="Nothing of this network was made or scanned yet." />
        : <Layers doc={doc} />}
    </Page>
  );
}
