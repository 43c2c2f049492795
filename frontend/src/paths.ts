// Addresses of files beside the page; src/phosphene/web/schema/paths.py says the same.

/** A layer's name in a path: all but A-Z a-z 0-9 - _ . is percent-encoded with ~ in place of %; never . or .. itself. */
export function slug(layer: string): string {
  const more = (char: string) => "%" + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
  const name = encodeURIComponent(layer).replace(/[!*'()~]/g, more).replace(/%/g, "~");
  return /^\.*$/.test(name) ? name.replace(/\./g, "~2E") : name;
}

export const CHUNK = 32; // units in a file of data

export const siteFile = () => "data/site.js";
export const jobsFile = () => "data/jobs.js";
export const networkFile = (id: string) => `data/${id}.js`;
export const layerFile = (id: string, layer: string) => `data/${id}/${slug(layer)}.js`;
export const unitsFile = (id: string, layer: string, chunk: number) => `data/${id}/${slug(layer)}/${chunk}.js`;

/** The picture of a job after a step. */
export const frameFile = (job: string, step: number | "final") => `jobs/${job}/${step}.png`;
