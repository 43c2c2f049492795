// Hash routes, the same with a server and from file://: `#/n/NET/LAYER/CHANNEL?query`.

import type { ComponentChildren, ComponentProps } from "preact";
import { useEffect, useState } from "preact/hooks";

export interface Route {
  path: string[]; // decoded
  raw: string[]; // as it stands in the address
  query: URLSearchParams;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray % that somebody typed
  }
}

/** The route of an address's hash. */
export function routeOf(hash: string): Route {
  const text = hash.replace(/^#?\/?/, "");
  const at = text.indexOf("?");
  const raw = (at < 0 ? text : text.slice(0, at)).split("/").filter((part) => part !== "");
  return { path: raw.map(decoded), raw, query: new URLSearchParams(at < 0 ? "" : text.slice(at + 1)) };
}

/** `#/n/NET/LAYER/3` of ("n", net, layer, 3): each part is encoded. */
export function href(...parts: (string | number)[]): string {
  return "#/" + parts.map((part) => encodeURIComponent(String(part))).join("/");
}

/** The same with a query; what is null, undefined or empty is left out. */
export function withQuery(route: string, query: Record<string, string | number | null | undefined>): string {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(kept.map(([key, value]) => [key, String(value)])).toString();
  return text ? `${route}?${text}` : route;
}

const changed = new Set<() => void>();
const now = () => location.href.includes("#") ? location.href.slice(location.href.indexOf("#")) : "";
addEventListener("hashchange", () => changed.forEach((tell) => tell()));

/** Goes to a route; `replace`: without a new entry in the history, such as for a filter that is being typed. */
export function go(route: string, replace = false): void {
  const to = route.startsWith("#") ? route : "#" + (route.startsWith("/") ? route : "/" + route);
  if (to === now()) return;
  if (replace) {
    history.replaceState(history.state, "", to);
  } else {
    location.hash = to;
  }
  changed.forEach((tell) => tell()); // before the browser does: a key pressed next must meet the new page
}

/** The current route; the component is drawn again when it changes. */
export function useRoute(): Route {
  const [hash, set] = useState(now);
  useEffect(() => {
    const tell = () => set(now());
    changed.add(tell);
    tell();
    return () => void changed.delete(tell);
  }, []);
  return routeOf(hash);
}

/** A link within the microscope. */
export function Link(
  { to, children, ...rest }: { to: string; children?: ComponentChildren } & Omit<ComponentProps<"a">, "href" | "role">,
) {
  return <a {...rest} href={to.startsWith("#") ? to : "#" + to}>{children}</a>;
}
