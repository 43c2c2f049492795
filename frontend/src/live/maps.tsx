// All maps of a layer in one picture, as the Deep Visualization Toolbox tiled them, with a cursor over the channels.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { MapsDoc } from "../types";
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

interface MosaicProps {
  maps: MapsDoc; image: HTMLImageElement | null; cursor: number; pinned: number | null; nameOf(channel: number): string;
  hover(channel: number | null): void; choose(channel: number): void; open(channel: number): void;
}

export function Mosaic({ maps, image, cursor, pinned, nameOf, hover, choose, open }: MosaicProps) {
  const [ref, room] = useWidth<HTMLDivElement>();
  const count = maps.values.length;
  const rows = Math.ceil(count / maps.columns);
  const [wide, high] = [maps.columns * maps.width, rows * maps.height];
  const across = room === 0 ? wide : wide <= room ? wide * Math.max(1, Math.min(4, Math.floor(room / wide))) : room;
  const at = (event: PointerEvent | MouseEvent): number | null => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * maps.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const channel = row * maps.columns + column;
    return column >= 0 && column < maps.columns && row >= 0 && channel < count ? channel : null;
  };
  const place = (channel: number) => ({
    left: `${((channel % maps.columns) / maps.columns) * 100}%`,
    top: `${(Math.floor(channel / maps.columns) / rows) * 100}%`,
    width: `${100 / maps.columns}%`, height: `${100 / rows}%`,
  });
  return (
    <div ref={ref} class="live-mosaic-room">
      <div class="live-mosaic" role="listbox" tabIndex={0}
        aria-label={`Activation maps of ${maps.layer}, ${count} channels`}
        aria-activedescendant="live-map-cursor" style={{ width: `${across}px` }}
        onPointerMove={(event) => { if (event.pointerType === "mouse") hover(at(event)) }}
        onPointerLeave={() => hover(null)}
        onClick={(event) => { const channel = at(event); if (channel !== null) choose(channel) }}
        onDblClick={(event) => { const channel = at(event); if (channel !== null) open(channel) }}>
        <Cut image={image} box={{ x: 0, y: 0, width: wide, height: high }} across={across} />
        {pinned !== null && pinned < count && <span class="live-map-pin" style={place(pinned)} aria-hidden="true" />}
        <div id="live-map-cursor" class="live-map-cursor" role="option" aria-selected="true" aria-setsize={count}
          aria-posinset={cursor + 1}
          style={place(cursor)} aria-label={nameOf(cursor)} />
      </div>
    </div>
  );
}
