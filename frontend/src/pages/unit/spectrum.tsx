// How often a unit fires how much, on real pictures.

import { useState } from "preact/hooks";
import type { ExamplesDoc, FactsDoc } from "../../types";
import { count, number, percent } from "../../words";
import { Real, wide } from "./real";

const HEIGHT = 132;

/** Height of a bar in percent: by the logarithm, since most pictures fire a unit little and the rare ones matter. */
function tall(share: number, least: number, most: number, logarithmic: boolean): number {
  if (share <= 0) return 0;
  if (!logarithmic) return (100 * share) / most;
  return 4 + (96 * Math.log(share / least)) / (Math.log(most / least) || 1);
}

const STATES: Record<string, string> = {
  ok: "", dead: "dead: real pictures do not change it", "always on": "always on: its ReLU never stops it",
  "too few": "too few pictures were scanned to say more",
};

function Facts({ facts, positions }: { facts: FactsDoc; positions: boolean }) {
  return (
    <dl class="facts">
      <div><dt>fires on</dt><dd>{percent(facts.density)} of {count(facts.pictures, "picture")}</dd></div>
      <div><dt>maximum{positions && ", of the strongest positions"}</dt><dd>{number(facts.maximum)}</dd></div>
      <div><dt>average{positions && " over all positions"}</dt><dd>{number(facts.average)}</dd></div>
      {STATES[facts.state] !== "" && <div><dt>state</dt><dd>{STATES[facts.state] ?? facts.state}</dd></div>}
    </dl>
  );
}

function Table({ facts, positions }: { facts: FactsDoc; positions: boolean }) {
  return (
    <details class="more"><summary>The histogram as a table</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label="Histogram as a table">
        <table>
          <caption class="unseen">Share of real pictures by the unit's {positions ? "strongest position in" : "activation on"} them</caption>
          <thead><tr><th scope="col">from</th><th scope="col">to</th><th scope="col">share of pictures</th></tr></thead>
          <tbody>
            {facts.shares.map((share, at) => (
              <tr key={at}><td>{number(facts.ends[at])}</td><td>{number(facts.ends[at + 1])}</td><td>{percent(share)}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** Where a histogram begins and ends. */
export const endsOf = (facts: FactsDoc): [number, number] => [facts.ends[0] ?? 0, facts.ends[facts.ends.length - 1] ?? 1];

export function Bars({ facts, marks, logarithmic, positions, height = HEIGHT, range }: {
  facts: FactsDoc; marks: readonly number[]; logarithmic: boolean; positions: boolean; height?: number;
  range?: readonly [low: number, high: number] | undefined; // of an axis that several share
}) {
  const shown = facts.shares.filter((share) => share > 0);
  const [least, most] = [Math.min(...shown, 1), Math.max(...shown, 0)];
  const [low, high] = range ?? endsOf(facts);
  const across = (value: number) => Math.min(100, Math.max(0, (100 * (value - low)) / (high - low || 1)));
  return (
    <div class="bars" role="img" aria-label={
      `Histogram of the unit's ${positions ? "strongest position" : "activation"} on ${number(facts.pictures)} real pictures, from ${number(low)} to ${number(high)}; `
      + `half of them stay below ${number(facts.quantiles["0.5"] ?? null)}`}>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" style={{ height: `${height}px` }} aria-hidden="true">
        {facts.shares.map((share, at) => {
          const left = across(facts.ends[at]!), right = across(facts.ends[at + 1]!);
          const up = tall(share, least, most, logarithmic);
          return <rect key={at} x={left} y={100 - up} width={Math.max(0.2, right - left - 0.25)} height={up} />;
        })}
        {marks.map((value) => <path d={`M${across(value)} 0V100`} />)}
      </svg>
      <div class="curve-ends" aria-hidden="true">
        <span>{number(low)}</span><span>{positions ? "strongest position in" : "activation on"} a real picture</span><span>{number(high)}</span>
      </div>
    </div>
  );
}

/** `positions`: whether the unit has several in a picture, of which the strongest counts. */
export function Spectrum({ facts, examples, heat, positions }: {
  facts: FactsDoc | null; examples: ExamplesDoc | null; heat: boolean; positions: boolean;
}) {
  const [logarithmic, setLogarithmic] = useState(true);
  const shots = examples?.spectrum ?? [];
  const strip = examples?.strips.spectrum;
  if (!facts && (shots.length === 0 || !strip)) return null;
  const along = shots.map((shot, index) => ({ shot, index })) // older stores have the one near zero first
    .sort((a, b) => a.shot.value - b.shot.value);
  const begin = (examples?.top.length ?? 0) + (examples?.bottom.length ?? 0);
  return (
    <section class="section" aria-labelledby="spectrum">
      <div class="section-head">
        <h2 id="spectrum">Activation spectrum</h2>
        {facts && facts.shares.length > 0 && (
          <div class="choices" role="group" aria-label="Height of the bars">
            <button type="button" aria-pressed={logarithmic} onClick={() => setLogarithmic(true)}>logarithm</button>
            <button type="button" aria-pressed={!logarithmic} onClick={() => setLogarithmic(false)}>share</button>
          </div>
        )}
      </div>
      {facts && <Facts facts={facts} positions={positions} />}
      {facts && facts.shares.length > 0 && (
        <Bars facts={facts} marks={shots.map((shot) => shot.value)} logarithmic={logarithmic} positions={positions} />
      )}
      {strip && shots.length > 0 && (
        <div class="reals"><h3>Along it <span class="dim">the upright lines, from weak to strong</span></h3>
          <ol>
            {along.map(({ shot, index }) => (
              <Real key={index} shot={shot} strip={strip} index={index} heat={heat ? examples?.heat ?? null : null}
                place={begin + index} size={wide()} below={<span class="dim">{shot.level}</span>} />
            ))}
          </ol>
        </div>
      )}
      {facts && facts.shares.length > 0 && <Table facts={facts} positions={positions} />}
    </section>
  );
}
