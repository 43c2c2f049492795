// Real pictures that fire a unit most and least.

import type { ComponentChildren } from "preact";
import { useSource } from "../../context";
import { HttpSource } from "../../http";
import type { ExamplesDoc, Shot, Strip, UnitDoc } from "../../types";
import { Copy, Say, StripImage } from "../../ui";
import { number, sweepOf } from "../../words";

/** What a real picture is called: its label, or its file's name without folder, ending and WordNet number. */
export const called = (shot: Shot): string =>
  shot.label ?? shot.name.split("/").pop()!.replace(/\.[a-z]+$/i, "").replace(/^n\d{8}_(?=.)/, "").replace(/_/g, " ");

/** Whether a unit has many positions in a picture, as far as its document tells: maps have, classes and vectors not. */
export const positioned = ({ layer, examples }: Pick<UnitDoc, "layer" | "examples">): boolean =>
  layer !== "logit" && (!examples?.top.length || examples.top.some((shot) => (shot.position?.length ?? 0) > 0));

/** Whether what a position sees is less than the picture. */
const outlined = (shot: Shot, strip: Strip | undefined): boolean => {
  if (!shot.sees || !strip) return false;
  const [top, left, bottom, right] = shot.sees;
  return right - left < strip.width || bottom - top < strip.height; // else it sees everything
};

/** What a position sees, drawn over a picture that is `size` of `strip.width` pixels. */
function Sees({ shot, strip, size }: { shot: Shot; strip: Strip; size: number }) {
  if (!shot.sees || !outlined(shot, strip)) return null;
  const [top, left, bottom, right] = shot.sees;
  const scale = size / strip.width;
  return (
    <span class="sees" aria-hidden="true" style={{
      top: `${top * scale}px`, left: `${left * scale}px`, width: `${(right - left) * scale}px`,
      height: `${(bottom - top) * scale}px`,
    }} />
  );
}

/** Width of a real picture: three stand side by side on a phone. */
export const wide = (): number => (innerWidth < 560 ? 100 : 112);

/** A real picture with what is seen of it, and where it fires. */
export function Real({ shot, strip, index, heat, place, size, below }: {
  shot: Shot; strip: Strip; index: number; heat: Strip | null; place: number; size: number; below?: ComponentChildren;
}) {
  return (
    <li class="real" style={{ width: `${size}px` }} title={shot.name}>
      <StripImage strip={strip} index={index} size={size} alt={`${called(shot)}, ${number(shot.value)}`}>
        {heat && place < heat.count && (
          <span class="heat"><StripImage strip={heat} index={place} size={size} alt="" /></span>
        )}
        <Sees shot={shot} strip={strip} size={size} />
      </StripImage>
      <span class="real-said"><strong>{number(shot.value)}</strong> <span class="dim">{called(shot)}</span></span>
      {below}
    </li>
  );
}

function Row({ title, about, shots, strip, heat, begin }: {
  title: string; about: string; shots: readonly Shot[]; strip: Strip | undefined; heat: Strip | null; begin: number;
}) {
  if (shots.length === 0 || !strip) return null;
  return (
    <div class="reals">
      <h3>{title} <span class="dim">{about}</span></h3>
      <ol>
        {shots.map((shot, index) => (
          <Real key={index} shot={shot} strip={strip} index={index} heat={heat} place={begin + index} size={wide()} />
        ))}
      </ol>
    </div>
  );
}

/** Where there are none: how to get them. */
export function NoExamples({ doc, store }: { doc: UnitDoc; store: string }) {
  const source = useSource();
  if (!(source instanceof HttpSource)) return null; // who reads a published page cannot
  const command = `${sweepOf(doc, store, doc.channel)} --data photos/`;
  return (
    <section class="section" aria-labelledby="real">
      <div class="section-head"><h2 id="real">Real pictures</h2></div>
      <Say small kind="empty" title="None at hand"
        text={<>The photos that fire it most and least, its spectrum and its neighbours come from pictures of yours: <code>{command}</code></>}
        action={<Copy text={command} label="sweep command" />} />
    </section>
  );
}

export function Examples({ doc, examples, heat, turn }: { doc: UnitDoc; examples: ExamplesDoc; heat: boolean; turn: () => void }) {
  const shown = heat ? examples.heat : null;
  const by = positioned(doc) ? ", by the strongest position" : "", { strips } = examples;
  const seen = examples.top.some((shot) => outlined(shot, strips.top))
    || examples.bottom.some((shot) => outlined(shot, strips.bottom));
  return (
    <section class="section" aria-labelledby="real">
      <div class="section-head">
        <h2 id="real">Real pictures</h2>
        <span class="dim">of {number(examples.pictures)} in {examples.source}</span>
        {examples.heat && <button type="button" aria-pressed={heat} onClick={turn} title="show where it fires (f)">Where it fires</button>}
      </div>
      <Row title="Top" about={`fire it most${by}${seen ? "; the outline is what that position sees" : ""}`} shots={examples.top}
        strip={examples.strips.top} heat={shown} begin={0} />
      <Row title="Bottom" about={`fire it least${by}`} shots={examples.bottom} strip={examples.strips.bottom} heat={shown}
        begin={examples.top.length} />
    </section>
  );
}
