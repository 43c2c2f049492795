// Routes to pages.

import type { ComponentChild, ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useSite } from "./context";
import { Frame, Page } from "./frame";
import { ImagePage, LivePage, MixerPage } from "./live/pages";
import { ComparePage } from "./pages/compare";
import { LayerPage } from "./pages/layer";
import { NetworkPage } from "./pages/network";
import { NetworksPage } from "./pages/networks";
import { UnitPage } from "./pages/unit";
import { go, href, Link, useRoute, type Route } from "./router";
import { Say } from "./ui";
import { short } from "./words";

/** No such page. */
function Nowhere({ text }: { text: string }) {
  return (
    <Page title="Nothing is here">
      <Say kind="missing" title="No such page" text={text} action={<Link to="#/">Networks</Link>} />
    </Page>
  );
}

/** Pages of one network: `net` is the beginning of its fingerprint. */
function OfNetwork({ net, layer, channel }: { net: string; layer?: string; channel?: string }) {
  const found = useSite().networks.filter((line) => line.id.startsWith(net));
  const [line] = found;
  if (!line) return <Nowhere text={`No network of this microscope begins with ${net}.`} />;
  if (found.length > 1) return <Nowhere text={`${found.length} networks begin with ${net}; give more digits.`} />;
  if (layer === undefined) return <NetworkPage key={line.id} id={line.id} />;
  if (channel === undefined) return <LayerPage key={`${line.id}/${layer}`} id={line.id} layer={layer} />;
  if (!/^\d+$/.test(channel)) return <Nowhere text={`A unit's address ends in its number, not in ${channel}.`} />;
  return <UnitPage key={`${line.id}/${layer}`} id={line.id} layer={layer} channel={Number(channel)} />;
}

/** A page that writes its own head. */
function Bare({ title, children }: { title: string; children: ComponentChildren }) {
  useEffect(() => void (document.title = `${title} · phosphene`), [title]);
  return <main id="main" tabIndex={-1} class="page wide">{children}</main>;
}

function Home() {
  const { networks } = useSite();
  const only = networks.length === 1 ? networks[0] : undefined;
  useEffect(() => {
    if (only && location.hash.replace(/^#\/?/, "") === "") go(href("n", short(only.id)), true); // it may have changed meanwhile
  }, [only]);
  return only ? null : <NetworksPage />;
}

function pageOf({ path, raw }: Route): ComponentChild {
  const [place, first, second, third, more] = path;
  if (place === undefined) return <Home />;
  if (place === "n" && first !== undefined && more === undefined) {
    return <OfNetwork net={first} layer={second} channel={third} />;
  }
  if (place === "networks") return <NetworksPage />;
  if (place === "compare") return <ComparePage texts={(raw[1] ?? "").split(",").filter(Boolean)} />;
  if (place === "live") return <Bare title="Live"><LivePage /></Bare>;
  if (place === "mixer") return <Bare title="Mixer"><MixerPage /></Bare>;
  if (place === "image") return <Bare title="Image"><ImagePage /></Bare>;
  return <Nowhere text={`There is no page ${place}.`} />;
}

/** The page that the address names. A new page begins at its top, and its reader there; another unit does not. */
export function App() {
  const route = useRoute();
  const [place, net, layer, channel] = route.path;
  const view = place === "n" ? [place, net, layer, channel === undefined ? "" : "unit"].join("/") : String(place);
  const before = useRef(view);
  useLayoutEffect(() => {
    if (before.current === view) return;
    before.current = view;
    window.scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [view]);
  return <Frame>{pageOf(route)}</Frame>;
}
