// How far a picture can be trusted: what was measured, what it means, and a verdict where the measurement allows one.

import type { Picture, UnitDoc } from "../../types";
import { count, number, percent, STATES } from "../../words";
import { wantedRows } from "../../live/mix";
import { positioned } from "./real";

/** What of a unit's document speaks for its picture or against it. */
type Facts = Pick<UnitDoc, "facts"> & Partial<Pick<UnitDoc, "layer" | "examples">>;
export type Verdict = "for" | "care" | "against" | "none";
export interface Line { what: string; value: string; means: string; verdict: Verdict }

const SAID: Record<Verdict, [sign: string, word: string]> = {
  for: ["✓", "speaks for it"], care: ["△", "take care"], against: ["✕", "speaks against it"], none: ["·", "no verdict"],
};

/** Whether several things are asked of a picture: then what was measured of one unit says little for or against it. */
const mixture = (picture: Picture) => wantedRows(picture.target).length > 1;

/** Whether a picture is meant to silence the unit that was measured rather than to fire it. */
export function downward({ kind, target, evidence }: Picture): boolean {
  const row = wantedRows(target).find((one) => one.unit === evidence.unit);
  return kind === "negative" || (row ? row.weight < 0 : target.trimStart().startsWith("-"));
}

/** What is wrong with a picture that is not ok. */
export function troubleOf(picture: Picture): string {
  if (picture.status === "diverged") return "The optimisation left the finite numbers; this is the last sound picture, not the end.";
  if (mixture(picture)) return "No gradient reached it in its last steps: all units of the mix stayed silent, so it shows little of what they respond to.";
  if (downward(picture)) return "No gradient was left in its last steps: the unit is silent on it and cannot be pushed lower. It shows little.";
  return "No gradient reached it in its last steps: the unit stayed silent, so it shows little of what the unit responds to.";
}

function ofState(picture: Picture): Line {
  const what = "outcome";
  if (picture.status === "dead" || picture.status === "diverged") {
    const { sign, word } = STATES[picture.status]!;
    return { what, value: `${sign} ${word}`, verdict: "against", means: troubleOf(picture) };
  }
  const { start, clean } = picture.score;
  const rose = start !== null && clean !== null && clean > start;
  return { what, value: `${number(start)} → ${number(clean)}`, verdict: start === null || clean === null ? "none" : rose ? "for" : "against",
    means: rose ? `The score rose in ${count(picture.steps, "step")} from the start picture to this one.`
      : `The score did not rise: the picture is not what the ${mixture(picture) ? "mix" : "unit"} was driven to.` };
}

function ofRobust({ score }: Picture): Line | null {
  const { clean, robust } = score;
  if (robust === null) return null;
  const what = "robust score", under = score.under === "own" ? "the transforms it was made with" : `the transforms ${score.under}`;
  const value = `${number(robust)} of ${number(clean)}`;
  if (clean === null || clean <= 0) {
    return { what, value, verdict: "none", means: `The mean score under ${under}.` };
  }
  const share = robust / clean;
  if (share > 1.2) {
    return { what, value, verdict: "for", means: `Moved, turned and scaled (${under}) it scores even more: ${percent(share)}.` };
  }
  if (share >= 0.8) {
    return { what, value, verdict: "for", means: `Moved, turned and scaled (${under}) it scores nearly the same: it is not one lucky pattern of pixels.` };
  }
  return { what, value, verdict: share >= 0.5 ? "care" : "against",
    means: `Under ${under} ${percent(share)} of the score is left: it depends on exact pixels.` };
}

/** A picture's place among its unit's siblings: from below where it is meant to silence the unit. */
export function placed(picture: Picture): { down: boolean; place: number; siblings: number; value: string } | null {
  const { rank, siblings } = picture.evidence;
  if (rank === null || siblings === null) return null;
  const down = downward(picture);
  const place = down ? siblings - rank + 1 : rank;
  return { down, place, siblings, value: `${number(place)} of ${number(siblings)}` };
}

function ofRank(picture: Picture): Line | null {
  const found = placed(picture);
  if (!found) return null;
  const { down, place, siblings, value } = found, { unit, top } = picture.evidence;
  const what = down ? "rank from below" : "rank in the layer", most = down ? "least" : "most";
  if (mixture(picture) && unit) {
    const others = place === 1 ? `${unit} fires ${most} of all units of its layer on it`
      : `${count(place - 1, "unit")} of the layer ${place === 2 ? "fires" : "fire"} ${down ? "less" : "more"} on it than ${unit}`;
    return { what, value, verdict: "none", means: `${others}; it is one unit of the mix, which others move too.` };
  }
  if (siblings < 2) return { what, value, verdict: "none", means: "It has no siblings to be compared with." };
  if (place === 1) return { what, value, verdict: "for", means: `Of all units of its layer ${unit ?? "this one"} fires ${most} on this picture.` };
  const first = !down && top[0] ? `; first is ${top[0].unit}` : "";
  return { what, value, verdict: place <= Math.max(2, siblings * 0.05) ? "care" : "against",
    means: `${count(place - 1, "other unit")} of the layer ${place === 2 ? "fires" : "fire"} ${down ? "less" : "more"} on it${first}: the picture is not this unit's alone.` };
}

/** Whether what was measured is a mean over positions; the strips of real pictures are ordered by the strongest. */
export const averaged = ({ evidence }: Picture, { layer = "", examples = null }: Facts): boolean =>
  evidence.natural?.statistic === "mean" && !/^(logit|prob):/.test(evidence.unit ?? "") && positioned({ layer, examples });

function ofNatural(picture: Picture, doc: Facts): Line[] {
  const found = picture.evidence.natural, mixed = mixture(picture);
  const unit = mixed ? picture.evidence.unit ?? "one unit" : "the unit";
  const verdict = (of: Verdict): Verdict => (mixed ? "none" : of); // what one unit of a mix does is no measure of it
  if (!found) {
    return [{ what: "on real pictures", value: "–", verdict: "none",
      means: "No scan of real pictures is at hand, so nothing tells whether it fires more than photos do." }];
  }
  const down = downward(picture);
  const mean = averaged(picture, doc);
  const measured = `${mean ? "The mean over all positions" : "The activation"}${mixed ? ` of ${unit}` : ""} is`;
  const beyond = down ? 100 - found.percentile : found.percentile;
  const lines: Line[] = [{
    what: "against real pictures", value: `${number(Math.floor(beyond * 100) / 100)} %`,
    verdict: verdict(beyond >= 99 ? "for" : beyond >= 90 ? "care" : "against"),
    means: `It fires ${unit} ${down ? "less" : "more"} than ${beyond >= 100 ? "all" : `${number(Math.floor(beyond * 100) / 100)} % of`} ${number(found.pictures)} real pictures`
      + (mean ? ", by the mean over all positions" : "") + (mixed ? "; it is one unit of the mix." : beyond < 90 ? ": ordinary photos do better." : "."),
  }];
  if (found.ratio !== null) {
    lines.push({
      what: down ? "to the natural minimum" : "to the natural maximum", value: `${number(found.ratio)} ×`,
      verdict: verdict(found.ratio >= 1 ? "for" : "care"),
      means: found.ratio >= 1
        ? `${measured} ${number(found.value)}; the most extreme real picture gives ${number(found.extreme)}. It is beyond what photos show: an exaggeration.`
        : `${measured} ${number(found.value)} and some real picture gives ${number(found.extreme)}: see the real pictures first.`,
    });
  }
  return lines;
}

/** `silent` counts the last steps in which the target gave no gradient of its own, `redirected` those first steps in
 * which a redirected one moved the picture all the same: a step can be both. */
function ofGradient(picture: Picture): Line[] {
  const { evidence, steps } = picture, lines: Line[] = [];
  const fine = evidence.high_frequency;
  lines.push({
    what: "fine detail", value: percent(fine), verdict: fine > 0.5 ? "care" : "none",
    means: fine > 0.5 ? "More than half of its energy is in detail finer than four pixels, where noise lives (white noise has 80 %)."
      : "This share of its energy is in detail finer than four pixels; photos have little, white noise 80 %.",
  });
  if (evidence.redirected > 0) {
    lines.push({ what: "redirected", value: count(evidence.redirected, "step"), verdict: "none",
      means: `The ${mixture(picture) ? "mix" : "unit"} was silent at first: in these steps the gradient was led past inactive ReLUs.` });
  }
  if (evidence.silent > 0) {
    const all = evidence.silent >= steps, both = evidence.silent + evidence.redirected > steps;
    const value = all ? `all ${count(steps, "step")}` : count(evidence.silent, "step");
    lines.push({ what: "silent", value, verdict: "care",
      means: `No gradient of ${mixture(picture) ? "the mix" : "the unit"} reached the picture in ${all ? "any step" : "these last steps"}: `
        + (both ? "of them, only the redirected ones moved it." : "nothing moved it any further.") });
  }
  return lines;
}

function ofUnit(doc: Facts): Line | null {
  const state = doc.facts?.state;
  if (!doc.facts || state === "ok" || state === "too few") return null;
  const value = `${state} on real pictures`;
  if (state === "dead") {
    return { what: "the unit", value, verdict: "care", means: "No real picture changes this unit, so the picture shows something that photos never contain." };
  }
  return { what: "the unit", value, verdict: "none", means: "It fires at nearly every position of every real picture; its maximum says little." };
}

/** All that is known of how far a picture can be trusted. */
export function judged(picture: Picture, doc: Facts): Line[] {
  const natural = picture.evidence.unit === null && !picture.evidence.natural ? [] : ofNatural(picture, doc);
  return [ofState(picture), ...natural, ofRank(picture), ofRobust(picture), ...ofGradient(picture), ofUnit(doc)]
    .filter((line): line is Line => line !== null);
}

function summed(lines: readonly Line[]): string {
  const many = (verdict: Verdict) => lines.filter((line) => line.verdict === verdict).length;
  const said = (verdict: Verdict, one: string, more: string) =>
    `${many(verdict) || "none"} ${many(verdict) <= 1 ? one : more}`;
  const parts = [said("for", "speaks for it", "speak for it"), said("against", "speaks against it", "speak against it")];
  if (many("care")) parts.push(said("care", "calls for care", "call for care"));
  return parts.join(", ");
}

export function Trust({ picture, doc }: { picture: Picture; doc: Facts }) {
  const lines = judged(picture, doc);
  return (
    <section class="trust" aria-labelledby="trust">
      <div class="section-head"><h2 id="trust">How far to trust it</h2><span class="dim">{summed(lines)}</span></div>
      <ul>
        {lines.map((line) => (
          <li key={line.what} class={`is-${line.verdict}`}>
            <span class="sign" title={SAID[line.verdict][1]}><span aria-hidden="true">{SAID[line.verdict][0]}</span>
              <span class="unseen">{SAID[line.verdict][1]}: </span></span>
            <span class="trust-what">{line.what}</span>
            <strong class="trust-value">{line.value}</strong>
            <span class="trust-means dim">{line.means}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
