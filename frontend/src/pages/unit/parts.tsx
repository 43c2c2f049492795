// Facets, neighbours, failures and where a picture comes from.

import { href, Link } from "../../router";
import type { FacetsDoc, Neighbour, Picture, UnitDoc } from "../../types";
import { Blank, Copy, StripImage, TileImage } from "../../ui";
import { count, number, percent, short, STATES, times } from "../../words";
import { called } from "./real";

export function Facets({ facets, doc }: { facets: FacetsDoc; doc: UnitDoc }) {
  return (
    <section class="section" aria-labelledby="facets">
      <div class="section-head"><h2 id="facets">Facets</h2>
        <span class="dim">{facets.facets.length === 1 ? "its top pictures are all alike: one kind"
          : "the kinds of real pictures that fire it, and a picture made for each"}</span></div>
      {facets.why && <p class="dim">{facets.why}</p>}
      <ul class="facets">
        {facets.facets.map((facet, place) => {
          const named = `facet ${place + 1}`;
          return (
            <li key={facet.index}>
              {facets.pictures && facet.index < facets.pictures.count
                ? <StripImage strip={facets.pictures} index={facet.index} size={128} alt={`${named} of ${doc.unit}`} />
                : <Blank size={128} alt={`${named}: no picture`} />}
              <div>
                <h3>{named} {facet.share !== null && <span class="dim">{percent(facet.share)} of its top pictures</span>}</h3>
                {facet.status !== "ok" && <p>{STATES[facet.status]?.sign} {STATES[facet.status]?.word}</p>}
                {facet.real && (
                  <ol class="facet-reals" aria-label={`Real pictures of ${named}`}>
                    {facet.shots.slice(0, facet.real.count).map((shot, index) => (
                      <li key={index} title={`${called(shot)}, ${number(shot.value)}`}>
                        <StripImage strip={facet.real!} index={index} size={64} alt={`${called(shot)}, ${number(shot.value)}`} />
                      </li>
                    ))}
                  </ol>
                )}
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

const BY: Record<Neighbour["by"], [title: string, about: string]> = {
  fires: ["Fire together", "correlation on real pictures"],
  shares: ["Share their pictures", "overlap of the strongest real pictures"],
  weights: ["Read the same", "cosine of the incoming weights"],
  looks: ["Look alike", "of the optimised pictures"],
};

export function Neighbours({ doc }: { doc: UnitDoc }) {
  const kinds = (Object.keys(BY) as Neighbour["by"][]).filter((by) => doc.neighbours.some((one) => one.by === by));
  if (kinds.length === 0) return null;
  return (
    <section class="section" aria-labelledby="neighbours">
      <h2 id="neighbours">Neighbours</h2>
      {kinds.map((by) => (
        <div class="reals" key={by}>
          <h3>{BY[by][0]} <span class="dim">{BY[by][1]}</span></h3>
          <ol>
            {doc.neighbours.filter((one) => one.by === by).map((one) => (
              <li key={one.channel} class="near">
                <Link to={href("n", short(doc.network), doc.layer, one.channel)}>
                  {one.tile ? <TileImage tile={one.tile} sheets={doc.sheets} side={doc.tile} size={88} alt="" /> : <Blank size={88} />}
                  <span>{one.unit}</span>
                  {one.name && <span class="dim">{one.name}</span>}
                  <span class="dim">{number(Math.round(one.value * 1000) / 1000)}</span>
                </Link>
              </li>
            ))}
          </ol>
        </div>
      ))}
    </section>
  );
}

export function Failures({ doc }: { doc: UnitDoc }) {
  if (doc.failures.length === 0) return null;
  return (
    <section class="section" aria-labelledby="failures">
      <h2 id="failures">What could not be made</h2>
      <ul class="failures">
        {doc.failures.map((one) => (
          <li key={`${one.kind} ${one.row}`}><span aria-hidden="true">!</span>{" "}
            <strong>{one.kind}{one.row ? ` ${one.row + 1}` : ""}</strong> {one.error}</li>
        ))}
      </ul>
    </section>
  );
}

/** A part of a job in a few words: fourier 64 × 64, sd 0.01. */
function said(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (typeof value === "number") return number(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every((one) => typeof one === "number")) {
      return value.length > 4 ? `${number(Math.min(...value))} … ${number(Math.max(...value))}` : times(value);
    }
    return value.length === 0 ? "none" : value.map(said).join("; ");
  }
  const { name, ...rest } = value as Record<string, unknown>;
  const more = Object.entries(rest).filter(([, one]) => one !== null && one !== false)
    .map(([key, one]) => `${key.replace(/_/g, " ")} ${said(one)}`).join(", ");
  return [name, more].filter(Boolean).join(": ");
}

export function Provenance({ doc, picture }: { doc: UnitDoc; picture: Picture | null }) {
  const spec = picture?.spec ?? {};
  const rows: [string, string][] = [["model", doc.model], ["fingerprint", doc.network]];
  if (picture) {
    rows.push(
      ["target", picture.target], ["seed", String(picture.seed)], ["steps", String(picture.steps)],
      ["size", `${picture.width} × ${picture.height} px`], ["image", said(spec.image)], ["transform", said(spec.transform)],
      ["optimizer", said(spec.optimizer)], ["arithmetic", picture.arithmetic], ["job", picture.id],
      ["versions", Object.entries(picture.versions).map(([name, version]) => `${name} ${version}`).join(", ")],
    );
  }
  const [cli, python] = [picture?.cli || doc.cli, picture?.python || doc.python];
  return (
    <section class="section" aria-labelledby="from">
      <h2 id="from">Where it comes from</h2>
      <dl class="provenance">
        {rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
      </dl>
      {cli && <><h3>On the command line</h3><Copy show text={cli} label="command" /></>}
      {python && <><h3>In Python</h3><Copy show text={python} label="Python" /></>}
      {picture && (
        <details class="more"><summary>The whole job, as {count(Object.keys(spec).length, "field")}</summary>
          <pre class="scroll" tabIndex={0}>{JSON.stringify(spec, null, 2)}</pre></details>
      )}
    </section>
  );
}
