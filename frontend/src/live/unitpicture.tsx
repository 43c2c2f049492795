// The optimised picture of a unit that is named in a text, where one was made.

import { useSource } from "../context";
import { useLoaded } from "../load";
import { Thumb } from "../ui";
import type { DataSource } from "../source";
import type { UnitDoc } from "../types";
import { plainUnit } from "./mix";

/** What is known of a unit by its text: null for what is no plain unit, or a class nobody knows. */
export async function unitOf(source: DataSource, network: string, text: string): Promise<UnitDoc | null> {
  const place = plainUnit(text);
  if (!place) return null;
  let channel = place.channel;
  if (channel === null) {
    const { units } = await source.layer(network, place.layer);
    channel = units.find((one) => one.name === place.name || one.unit === text)?.channel ?? null;
  }
  return channel === null ? null : source.unit(network, place.layer, channel);
}

/** The picture for a unit that is pushed up, or down where there is one of that kind. */
export function pictureOf(doc: UnitDoc | null | undefined, down = false) {
  const all = doc?.pictures ?? [];
  const of = (kind: string) => all.find((one) => one.kind === kind);
  return (down ? of("negative") : undefined) ?? of("positive") ?? all[0];
}

interface Props { network: string; unit: string; size: number; down?: boolean }

export function UnitPicture({ network, unit, size, down = false }: Props) {
  const source = useSource();
  const { data } = useLoaded(() => unitOf(source, network, unit), [source, network, unit]);
  const picture = pictureOf(data, down);
  return picture
    ? <Thumb url={picture.url} w={picture.width} h={picture.height} size={size}
      alt={`optimised picture of ${unit}${picture.kind === "negative" ? ", negative" : ""}`} />
    : <span class="live-blank" style={{ width: `${size}px`, height: `${size}px` }} aria-hidden="true" />;
}
