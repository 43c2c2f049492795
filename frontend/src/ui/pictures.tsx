// Pictures as they are: never stretched or cropped. Larger ones are smooth, or squares if one wants: see theme.ts.

import type { ComponentChildren } from "preact";
import type { Sheets, Strip, Tile } from "../types";

interface Part {
  url: string;
  x: number; y: number; w: number; h: number; // the part, in pixels of the file
  all: [number, number]; // the file's size
  size: number; // width on the page
  alt: string; // "" for decoration
  children?: ComponentChildren; // drawn on top
}

/** How a picture that is drawn as a background is told to a screen reader. */
const told = (alt: string) => (alt ? { role: "img" as const, "aria-label": alt } : { "aria-hidden": true as const });

/** A rectangle of a file. */
export function PartImage({ url, x, y, w, h, all, size, alt, children }: Part) {
  const scale = size / w;
  const style = {
    width: `${size}px`,
    height: `${h * scale}px`,
    backgroundImage: `url("${url}")`,
    backgroundSize: `${all[0] * scale}px ${all[1] * scale}px`,
    backgroundPosition: `${-x * scale}px ${-y * scale}px`,
    imageRendering: "var(--pixels)",
  };
  return children === undefined ? <span class="part" style={style} {...told(alt)} />
    : <span class="part" style={style}><span class="part-name" {...told(alt)} />{children}</span>;
}

/** A tile of a sheet; `side`: the sheet's pixels per tile (`tile` of a LayerDoc, NetworkDoc or UnitDoc). */
export function TileImage({ tile, sheets, side, size, alt }: {
  tile: Tile; sheets: Sheets; side: number; size: number; alt: string;
}) {
  const all = sheets[tile.sheet];
  if (!all) return <Blank size={size} alt={alt} />;
  return <PartImage url={tile.sheet} x={tile.x} y={tile.y} w={side} h={side} all={all} size={size} alt={alt} />;
}

/** Picture `index` of a strip, `size` pixels wide. */
export function StripImage({ strip, index, size, alt, children }: {
  strip: Strip; index: number; size: number; alt: string; children?: ComponentChildren;
}) {
  return (
    <PartImage url={strip.url} x={index * strip.width} y={0} w={strip.width} h={strip.height} size={size} alt={alt}
      all={[strip.count * strip.width, strip.height]}>{children}</PartImage>
  );
}

/** A place where a picture would be. */
export function Blank({ size, alt = "" }: { size: number; alt?: string }) {
  return <span class="part blank" style={{ width: `${size}px`, height: `${size}px` }} {...told(alt)} />;
}

/** A whole picture of `w` x `h` pixels in at most `size` pixels of width (as large as its place without). */
export function Thumb({ url, w, h, alt, size, eager }: {
  url: string; w: number; h: number; alt: string; size?: number; eager?: boolean;
}) {
  return (
    <img class="thumb" src={url} width={w} height={h} alt={alt} decoding={eager ? "sync" : "async"}
      style={size === undefined ? {} : { width: `${size}px`, imageRendering: "var(--pixels)" }} />
  );
}
