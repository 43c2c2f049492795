// All maps of a layer in one picture, as the Deep Visualization Toolbox tiled them, with a cursor over the channels.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { MapsDoc } from "../types";
import { number } from "../words";
import { useWidth } from "./frame";

/** A picture once it is decoded; the last one until then, so that nothing flickers. */
export function useDecoded(url: string | null): HTMLImageElement | null {
  const [image, setImage] = useState<HTMLImageElement | null>(null);
  useEffect(() => {
    if (url === null) { setImage(null); return }
    let here = true;
    const next = new Image();
    next.src = url;
    next.decode().then(() => { if (here) setImage(next) }, () => {});
    return () => { here = false };
  }, [url]);
  return image;
}

interface Box { x: number; y: number; width: number; height: number }

/** A part of a picture on a canvas, `across` CSS pixels wide, its pixels kept as squares. */
export function Cut({ image, box, across, label }: {
  image: HTMLImageElement | null; box: Box; across: number; label?: string;
}) {
  const ref = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const canvas = ref.current;
    if (!canvas || !image) return;
    canvas.width = Math.max(1, box.width);
    canvas.height = Math.max(1, box.height);
    canvas.getContext("2d")?.drawImage(image, box.x, box.y, box.width, box.height, 0, 0, box.width, box.height);
  }, [image, box.x, box.y, box.width, box.height]);
  const style = { width: `${across}px`, height: `${Math.round((across * box.height) / Math.max(1, box.width))}px` };
  const role = label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": true as const };
  return <canvas ref={ref} class="live-whole" style={style} {...role} />;
}

/** Where a channel's map lies in the picture of all. */
export const tileOf = (maps: MapsDoc, channel: number): Box => ({
  x: (channel % maps.columns) * maps.width, y: Math.floor(channel / maps.columns) * maps.height,
  width: maps.width, height: maps.height,
});

const EDGE = "#4a515c"; // between maps, most of which are black

/** Every map on its own, `wide` x `high` pixels, with a line of `gap` pixels around each. */
function Tiles({ maps, image, wide, high, gap }: {
  maps: MapsDoc; image: HTMLImageElement | null; wide: number; high: number; gap: number;
}) {
  const ref = useRef<HTMLCanvasElement>(null);
  const rows = Math.ceil(maps.values.length / maps.columns);
  const [across, down] = [maps.columns * (wide + gap) + gap, rows * (high + gap) + gap];
  useLayoutEffect(() => {
    const canvas = ref.current, pen = canvas?.getContext("2d");
    if (!canvas || !pen || !image) return;
    canvas.width = across;
    canvas.height = down;
    pen.imageSmoothingEnabled = wide < maps.width;
    pen.fillStyle = EDGE;
    for (let channel = 0; channel < maps.values.length; channel++) {
      const from = tileOf(maps, channel);
      const [x, y] = [(channel % maps.columns) * (wide + gap), Math.floor(channel / maps.columns) * (high + gap)];
      pen.fillRect(x, y, wide + 2 * gap, high + 2 * gap);
      pen.drawImage(image, from.x, from.y, from.width, from.height, x + gap, y + gap, wide, high);
    }
  }, [image, maps, across, down, gap]);
  return <canvas ref={ref} class="live-whole" style={{ width: `${across}px`, height: `${down}px` }} aria-hidden="true" />;
}

interface MosaicProps {
  maps: MapsDoc; image: HTMLImageElement | null; cursor: number; pinned: number | null; nameOf(channel: number): string;
  hover(channel: number | null): void; choose(channel: number): void; open(channel: number): void;
}

/** How large each map is drawn: by a whole factor up to 4 where there is room, else as large as there is. */
function sizeOf(maps: MapsDoc, room: number) {
  const each = Math.floor((room || maps.columns * maps.width * 2) / maps.columns);
  const gap = each > 24 ? 2 : 1;
  const most = Math.max(4, each - gap - 1);
  const wide = most >= maps.width ? maps.width * Math.min(4, Math.floor(most / maps.width)) : most;
  return { wide, high: Math.max(1, Math.round((wide * maps.height) / maps.width)), gap };
}

export function Mosaic({ maps, image, cursor, pinned, nameOf, hover, choose, open }: MosaicProps) {
  const [ref, room] = useWidth<HTMLDivElement>();
  const count = maps.values.length;
  const rows = Math.ceil(count / maps.columns);
  const { wide, high, gap } = sizeOf(maps, room);
  const [across, down] = [maps.columns * (wide + gap) + gap, rows * (high + gap) + gap];
  const at = (event: PointerEvent | MouseEvent): number | null => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - gap / 2) / (wide + gap));
    const row = Math.floor((event.clientY - box.top - gap / 2) / (high + gap));
    const channel = row * maps.columns + column;
    return column >= 0 && column < maps.columns && row >= 0 && channel < count ? channel : null;
  };
  const place = (channel: number) => ({
    left: `${gap + (channel % maps.columns) * (wide + gap)}px`,
    top: `${gap + Math.floor(channel / maps.columns) * (high + gap)}px`,
    width: `${wide}px`, height: `${high}px`,
  });
  const right = cursor % maps.columns > maps.columns / 2; // its number is written to the side where there is room
  return (
    <div ref={ref} class="live-mosaic-room">
      <div class="live-mosaic" role="listbox" tabIndex={0}
        aria-label={`Activation maps of ${maps.layer}, ${count} channels`}
        aria-activedescendant="live-map-cursor" style={{ width: `${across}px`, height: `${down}px` }}
        onPointerMove={(event) => { if (event.pointerType === "mouse") hover(at(event)) }}
        onPointerLeave={() => hover(null)}
        onClick={(event) => { const channel = at(event); if (channel !== null) choose(channel) }}
        onDblClick={(event) => { const channel = at(event); if (channel !== null) open(channel) }}>
        <Tiles maps={maps} image={image} wide={wide} high={high} gap={gap} />
        {pinned !== null && pinned < count && <span class="live-map-pin" style={place(pinned)} aria-hidden="true" />}
        <div id="live-map-cursor" class="live-map-cursor" role="option" aria-selected="true" aria-setsize={count}
          aria-posinset={cursor + 1}
          style={place(cursor)} aria-label={nameOf(cursor)}>
          <span class={`live-map-number${right ? " is-left" : ""}`} aria-hidden="true">{cursor}</span>
        </div>
      </div>
      <p class="dim live-note">{maps.scale > 0
        ? `Each field is a channel's map: white is ${number(maps.scale)}, black 0 or less. One that is all black fires nowhere in this picture.`
        : "Nothing fires here: every channel's map is black, 0 or less everywhere."}</p>
    </div>
  );
}
