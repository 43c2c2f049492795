// What was measured about a finished picture, and how to make it again.

import { Copy } from "../ui";
import { Trust } from "../pages/unit/trust";
import type { JobDoc, Picture } from "../types";
import { href } from "../router";

/** The file name of a download: of what it shows, without odd characters. */
function fileOf({ target, seed }: Picture): string {
  const plain = target.replace(/[^\w.]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  return `${plain || "picture"}-${seed}.png`;
}

export function Outcome({ job, index }: { job: JobDoc; index: number }) {
  const at = Math.min(index, job.pictures.length - 1);
  const picture = job.pictures[at];
  if (!picture) return null;
  const versions = Object.entries(picture.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  const link = new URL(href("live", job.id), location.href).href;
  return (
    <section class="live-outcome" aria-label="Result">
      {job.count > 1 && <p class="dim">Picture {at + 1} of {job.count}: {picture.target}</p>}
      <Trust picture={picture} doc={{ facts: null }} />
      <div class="live-buttons">
        <a class="button" href={picture.url} download={fileOf(picture)}>Download</a>
        <Copy text={picture.cli} label="as CLI" />
        <Copy text={picture.python} label="as Python" />
        <Copy text={link} label="link" />
      </div>
      <details>
        <summary>Where it comes from</summary>
        <dl class="live-facts">
          <div><dt>target</dt><dd><code>{picture.target}</code></dd></div>
          <div><dt>network</dt><dd>{job.model}</dd></div>
          <div><dt>picture</dt><dd>{picture.width} × {picture.height}, {picture.steps} steps,
            seed {picture.seed}, {picture.arithmetic}</dd></div>
          <div><dt>versions</dt><dd>{versions}</dd></div>
          <div><dt>id</dt><dd><code>{picture.id}</code></dd></div>
        </dl>
        <pre class="live-code" tabIndex={0}>{picture.cli}</pre>
      </details>
    </section>
  );
}
