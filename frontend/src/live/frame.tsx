// Pictures that change while one looks: the next one is loaded before it takes the place of the last.

import { useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { Slider } from "../ui";

/** The newest address that is loaded, once it is. One is loaded at a time, so that a fast stream is never starved. */
export function useSteady(url: string | null): { url: string | null; broken: boolean } {
  const [shown, setShown] = useState<string | null>(null);
  const [broken, setBroken] = useState(false);
  const wanted = useRef(url);
  const busy = useRef(false);
  const here = useRef(true);
  wanted.current = url;

  useEffect(() => { here.current = true; return () => { here.current = false } }, []);
  useEffect(() => {
    if (url === null) { setShown(null); setBroken(false); return }
    if (busy.current) return;
    busy.current = true;
    const next = (address: string) => {
      const image = new Image();
      const settle = (loaded: boolean) => {
        if (!here.current) return;
        const newest = wanted.current;
        if (loaded && newest !== null) setShown(address);
        setBroken(!loaded && newest === address);
        if (newest !== null && newest !== address) next(newest);
        else busy.current = false;
      };
      image.src = address;
      image.decode().then(() => settle(true), () => settle(false));
    };
    next(url);
  }, [url]);
  return { url: shown, broken };
}

/** How wide an element is, in CSS pixels; 0 before it is known. */
export function useWidth<T extends Element>(): [RefObject<T | null>, number] {
  const ref = useRef<T>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    setWidth(element.clientWidth);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

/** A width in CSS pixels that shows `pixels` by a whole factor, up to `most`; less only where there is no room. */
export function wholeFactor(pixels: number, room: number, most: number): number {
  const limit = Math.min(room > 0 ? room : most, most);
  return pixels <= limit ? pixels * Math.floor(limit / pixels) : limit;
}

interface FrameProps { url: string | null; width: number; height: number; most?: number; alt: string; label?: string }

/** One picture of `width` x `height`, enlarged by a whole factor. */
export function Frame({ url, width, height, most = 512, alt, label }: FrameProps) {
  const [ref, room] = useWidth<HTMLDivElement>();
  const { url: shown, broken } = useSteady(url);
  const wide = width > 0 ? wholeFactor(width, room, most) : Math.min(room || most, most);
  const style = { width: `${wide}px`, aspectRatio: width > 0 ? `${width} / ${height}` : "1" };
  return (
    <div class="live-frame" ref={ref}>
      {shown === null
        ? <div class="live-frame-none" style={style}>
            <span>{broken ? "This frame is not there." : label ?? "No picture yet"}</span></div>
        : <img class="live-grown" src={shown} alt={alt} style={style} />}
    </div>
  );
}

interface StripProps {
  url: string | null; count: number; width: number; height: number; index: number; alt: string;
  pick(index: number): void;
}

/** `count` pictures side by side in one file: the chosen one large, all of them below. */
export function FrameRow({ url, count, width, height, index, alt, pick }: StripProps) {
  const [ref, room] = useWidth<HTMLDivElement>();
  const { url: shown } = useSteady(url);
  const large = width > 0 ? wholeFactor(width, room, 512) : Math.min(room || 384, 384);
  const small = Math.min(96, Math.max(40, Math.floor(((room || 400) - (count - 1) * 6) / count)));
  const ratio = width > 0 ? height / width : 1;
  const cut = (at: number, wide: number) => ({
    width: `${wide}px`, height: `${Math.round(wide * ratio)}px`,
    backgroundImage: shown === null ? "none" : `url("${shown}")`,
    backgroundSize: `${wide * count}px ${Math.round(wide * ratio)}px`, backgroundPosition: `${-at * wide}px 0`,
  });
  return (
    <div class="live-frame" ref={ref}>
      <div class="live-cut live-grown" role="img" aria-label={alt}
        style={cut(index, large)}>
        {shown === null && <span class="live-cut-none">No picture yet</span>}
      </div>
      <Slider label="Picture" value={index} min={0} max={count - 1} onInput={pick}
        format={(at) => `${at + 1} of ${count}`} />
      <div class="live-row" role="group" aria-label="All pictures, from the first to the last">
        {Array.from({ length: count }, (_, at) => (
          <button type="button" key={at} class="live-row-one" aria-pressed={at === index}
            aria-label={`picture ${at + 1} of ${count}`}
            onClick={() => pick(at)}><span class="live-cut" style={cut(at, small)} /></button>
        ))}
      </div>
    </div>
  );
}
