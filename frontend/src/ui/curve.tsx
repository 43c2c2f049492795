// A curve: a score over steps.

import { number } from "../words";

export interface Mark { x: number; label?: string; strong?: boolean }

/** Lines through `points` (no line where a value is null); `marks`: upright lines. */
export function Curve({ points, marks = [], alt, height = 88, unit = "step" }: {
  points: readonly (readonly [number, number | null])[]; marks?: readonly Mark[]; alt: string; height?: number;
  unit?: string;
}) {
  const known = points.filter((point): point is [number, number] => point[1] !== null && Number.isFinite(point[1]));
  if (known.length === 0) return <p class="dim">No scores were kept.</p>;
  const xs = [...points.map((point) => point[0]), ...marks.map((mark) => mark.x)];
  const ys = known.map((point) => point[1]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(0, ...ys), Math.max(...ys)];
  const across = (x: number) => (100 * (x - left)) / (right - left || 1);
  const up = (y: number) => 100 - (100 * (y - low)) / (high - low || 1);
  const lines: string[] = [];
  let pen = false;
  for (const [x, y] of points) {
    if (y === null || !Number.isFinite(y)) {
      pen = false;
      continue;
    }
    lines.push(`${pen ? "L" : "M"}${across(x).toFixed(2)} ${up(y).toFixed(2)}`);
    pen = true;
  }
  return (
    <figure class="curve">
      <div class="curve-plot" style={{ height: `${height}px` }}>
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={alt}>
          <path class="zero" d={`M0 ${up(0)}H100`} />
          {marks.map((mark) => (
            <path class={mark.strong ? "mark strong" : "mark"} d={`M${across(mark.x)} 0V100`} />
          ))}
          <path class="line" d={lines.join("")} />
        </svg>
        {known.map(([x, y]) => known.length <= 24 && (
          <span class="dot" style={{ left: `${across(x)}%`, top: `${up(y)}%` }} aria-hidden="true" />
        ))}
      </div>
      <figcaption class="curve-ends" aria-hidden="true">
        <span>{unit} {number(left)}</span><span>top {number(high)}</span><span>{unit} {number(right)}</span>
      </figcaption>
    </figure>
  );
}
