// Data from files beside the page: classic scripts that call phosphene.put(KEY, DOC), since file:// has no fetch.

import { CHUNK, frameFile, jobsFile, layerFile, networkFile, siteFile, unitsFile } from "./paths";
import { Trouble, type DataSource } from "./source";
import type { JobDoc, LayerDoc, NetworkDoc, SiteDoc, UnitDoc } from "./types";

declare global {
  interface Window { phosphene?: { put: (key: string, doc: unknown) => void } }
}

/** A unit of which nothing is known but that it exists. */
function blank(layer: LayerDoc, channel: number): UnitDoc {
  const line = layer.units[channel];
  return {
    network: layer.network, model: layer.model, address: layer.address, live: false, layer: layer.layer, channel,
    unit: line?.unit ?? `${layer.layer}:${channel}`, name: line?.name ?? null, units: layer.units.length, pictures: [],
    facets: null, examples: null, facts: null, neighbours: [], failures: [], tile: layer.tile, sheets: layer.sheets,
    python: "", cli: "",
  };
}

export class FileSource implements DataSource {
  readonly live = false;
  private docs = new Map<string, unknown>();
  private files = new Map<string, Promise<void>>();

  constructor() {
    window.phosphene = { put: (key, doc) => void this.docs.set(key, doc) };
  }

  private file(address: string): Promise<void> {
    const known = this.files.get(address);
    if (known) return known;
    const loaded = new Promise<void>((done, fail) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = () => done();
      script.onerror = () => fail(new Trouble(`${address} cannot be read; it belongs beside this page`, 404));
      document.head.append(script);
    });
    this.files.set(address, loaded);
    loaded.catch(() => this.files.delete(address)); // the next attempt reads it again
    return loaded;
  }

  private async read<T>(key: string, address: string): Promise<T> {
    if (!this.docs.has(key)) await this.file(address);
    if (!this.docs.has(key)) throw new Trouble(`${address} does not hold ${key}; export the gallery again`, 404);
    return this.docs.get(key) as T;
  }

  site = () => this.read<SiteDoc>("site", siteFile());
  jobs = () => this.read<JobDoc[]>("jobs", jobsFile());

  /** The whole fingerprint that begins with `id`. */
  private async whole(id: string): Promise<string> {
    const found = (await this.site()).networks.filter((line) => line.id.startsWith(id));
    if (found.length !== 1) throw new Trouble(`${found.length || "no"} networks begin with ${id}`, 404);
    return found[0]!.id;
  }

  async network(id: string) {
    const network = await this.whole(id);
    return this.read<NetworkDoc>(network, networkFile(network));
  }

  async layer(id: string, layer: string) {
    const known = await this.network(id);
    if (!known.layers.some((line) => line.name === layer)) throw new Trouble(`no layer ${layer} in ${known.model}`, 404);
    return this.read<LayerDoc>(`${known.id}/${layer}`, layerFile(known.id, layer));
  }

  async unit(id: string, layer: string, channel: number) {
    const whole = await this.layer(id, layer);
    const line = whole.units[channel];
    if (!line) throw new Trouble(`${layer} has units 0 to ${whole.units.length - 1}, there is no ${channel}`, 404);
    const chunk = Math.floor(channel / CHUNK);
    if (!whole.chunks?.includes(chunk)) return blank(whole, channel); // no file holds a unit of which there is nothing
    const units = await this.read<UnitDoc[]>(
      `${whole.network}/${layer}/${chunk}`, unitsFile(whole.network, layer, chunk));
    return units.find((unit) => unit.channel === channel) ?? blank(whole, channel);
  }

  async job(id: string) {
    const found = (await this.jobs()).find((job) => job.id === id);
    if (!found) throw new Trouble(`no picture ${id} was exported`, 404);
    return found;
  }

  frame = (id: string, step: number) => frameFile(id, step);

  private refuse = (): Promise<never> =>
    Promise.reject(new Trouble("these are files; to make pictures run phosphene serve on the gallery", 409));
  choices = this.refuse;
  complete = this.refuse;
  target = this.refuse;
  ask = this.refuse;
  pause = this.refuse;
  resume = this.refuse;
  stop = this.refuse;
  remove = this.refuse;
  look = this.refuse;
  listen = () => () => undefined;
}
