// The optimised pictures of a unit: one large, the others beside it, and how it came to be.

import { useEffect, useRef, useState } from "preact/hooks";
import type { FramesDoc, Picture, UnitDoc } from "../../types";
import { Copy, Curve, Say, Slider, StripImage, Thumb } from "../../ui";
import { number, STATES } from "../../words";
import { troubleOf } from "./trust";

/** Which of its kind a picture is, from 1; empty where the unit has one row of them. */
export const numberOf = (picture: Picture, all: readonly Picture[]): string =>
  all.some((other) => other.kind === picture.kind && other.row !== picture.row) ? String(picture.row + 1) : "";

/** The others of its kind and row: the same, made in other ways. */
const twinsOf = (picture: Picture, all: readonly Picture[]): Picture[] =>
  all.filter((other) => other.kind === picture.kind && other.row === picture.row && other.id !== picture.id);

/** As much of a picture's id as tells it from its twins; empty where it has none. */
export function idOf(picture: Picture, all: readonly Picture[]): string {
  const twins = twinsOf(picture, all);
  let digits = 4;
  while (digits < picture.id.length && twins.some((other) => other.id.startsWith(picture.id.slice(0, digits)))) digits++;
  return twins.length > 0 ? picture.id.slice(0, digits) : "";
}

/** What tells a picture from its twins: 64 steps, or how its id begins. */
const wayOf = (picture: Picture, all: readonly Picture[]): string => {
  const twins = twinsOf(picture, all);
  const told = twins.length > 0 && twins.every((other) => other.steps !== picture.steps);
  return told ? `${picture.steps} steps` : idOf(picture, all);
};

/** What a picture is called: negative, diverse 2; made in several ways: positive, 64 steps. */
export const nameOf = (picture: Picture, all: readonly Picture[]): string =>
  [[picture.kind, numberOf(picture, all)], [wayOf(picture, all)]]
    .map((part) => part.filter(Boolean).join(" ")).filter(Boolean).join(", ");

/** Width at which a picture is shown in `room` pixels: the greatest whole multiple, else as wide as there is room. */
export const fitted = (natural: number, room: number): number =>
  natural * 2 <= room ? Math.floor(room / natural) * natural : Math.min(natural, room);

/** Width of what is around a component. */
export function useRoom(): [(element: HTMLElement | null) => void, number] {
  const [room, set] = useState(0);
  const watch = useRef<ResizeObserver | null>(null);
  const at = useRef((element: HTMLElement | null) => {
    watch.current?.disconnect();
    watch.current = null;
    if (!element) return;
    set(element.clientWidth);
    watch.current = new ResizeObserver(() => set(element.clientWidth));
    watch.current.observe(element);
  });
  return [at.current, room];
}

const altOf = (picture: Picture, doc: UnitDoc, which: string) =>
  `${which} picture optimised for ${doc.unit}${doc.name ? ` (${doc.name})` : ""}, score ${number(picture.score.clean)}`
  + (picture.status === "ok" ? "" : `, ${STATES[picture.status]?.word}`);

/** The name of a downloaded file: another one for each picture of a unit. */
export const fileName = (doc: UnitDoc, picture: Picture): string =>
  [doc.model, doc.layer, doc.channel, picture.kind + numberOf(picture, doc.pictures), wayOf(picture, doc.pictures)]
    .filter((part) => part !== "").join("-").replace(/[^\w.-]+/g, "_")
  + "." + (picture.url.split(".").pop() ?? "png");

/** Plays frames while `on`: a step each 180 ms, stops at the last. */
function usePlay(frames: number, at: number, set: (at: number) => void, on: boolean, stop: () => void) {
  useEffect(() => {
    if (!on) return;
    const timer = setTimeout(() => (at >= frames ? stop() : set(at + 1)), 180);
    return () => clearTimeout(timer);
  }, [on, at, frames]);
}

function Timelapse({ frames, picture, at, set }: {
  frames: FramesDoc; picture: Picture; at: number; set: (at: number) => void;
}) {
  const [on, play] = useState(false);
  const last = frames.steps.length;
  usePlay(last, at, set, on, () => play(false));
  useEffect(() => play(false), [picture.id]);
  const steps = [...frames.steps, picture.steps];
  const scores = [...frames.scores, picture.score.clean];
  const step = steps[at] ?? picture.steps;
  const start = () => {
    if (!on && at >= last) set(0);
    play(!on);
  };
  return (
    <section class="timelapse" aria-label="How it came to be">
      <Curve points={steps.map((value, index) => [value, scores[index] ?? null] as const)} height={64}
        marks={[{ x: step, strong: true }]}
        alt={`Score from ${number(scores[0])} at step ${steps[0]} to ${number(picture.score.clean)} at step ${picture.steps}`} />
      <div class="timelapse-bar">
        <button type="button" onClick={start} aria-label={on ? "Stop" : "Play the steps"}>{on ? "◼" : "▶"}</button>
        <Slider label="Step" min={0} max={last} value={at} onInput={(value) => {
          play(false);
          set(value);
        }} format={(value) => `${steps[value]}: ${number(scores[value])}`} />
      </div>
    </section>
  );
}

/** The main picture; `at`: which frame of it is shown, null for the finished one. */
export function Viewer({ doc, chosen, choose, at, setAt }: {
  doc: UnitDoc; chosen: Picture; choose: (picture: Picture) => void; at: number | null; setAt: (at: number | null) => void;
}) {
  const [room, wide] = useRoom();
  const last = chosen.frames?.steps.length ?? 0;
  const now = chosen.frames && at !== null && at < last ? at : last;
  const width = fitted(chosen.width, Math.min(wide || 320, 512));
  const which = nameOf(chosen, doc.pictures);
  return (
    <section class="viewer" aria-label="Optimised pictures">
      <div class="viewer-main" ref={room} style={{ minHeight: `${(width * chosen.height) / chosen.width}px` }}>
        {chosen.frames && now < last
          ? <StripImage strip={chosen.frames.strip} index={now} size={width}
              alt={`${which} picture after ${chosen.frames.steps[now]} steps`} />
          : <Thumb eager url={chosen.url} w={chosen.width} h={chosen.height} size={width} alt={altOf(chosen, doc, which)} />}
      </div>
      {chosen.status !== "ok" && (
        <Say small kind={chosen.status === "dead" ? "dead" : "failed"} title={STATES[chosen.status]?.word ?? chosen.status}
          text={troubleOf(chosen)} />
      )}
      {chosen.frames && <Timelapse frames={chosen.frames} picture={chosen} at={now} set={(value) => setAt(value < last ? value : null)} />}
      {doc.pictures.length > 1 && (
        <ul class="viewer-all" aria-label="All pictures of this unit">
          {doc.pictures.map((picture, index) => (
            <li key={picture.id}>
              <button type="button" aria-pressed={picture === chosen} onClick={() => choose(picture)}
                title={`${nameOf(picture, doc.pictures)}${index < 9 ? ` (${index + 1})` : ""}`}>
                <Thumb url={picture.url} w={picture.width} h={picture.height} size={64} alt="" />
                <span>{picture.status === "ok" ? "" : `${STATES[picture.status]?.sign} `}{nameOf(picture, doc.pictures)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <div class="bar viewer-tools">
        <a class="button" href={chosen.url} download={fileName(doc, chosen)}>Download</a>
        {chosen.cli && <Copy text={chosen.cli} label="command" />}
        {chosen.python && <Copy text={chosen.python} label="Python" />}
        <Copy text={location.href} label="link" />
      </div>
    </section>
  );
}
