// What is around every page: the head with where one is, the banner when nobody answers, the list of keys.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useSite, useSource } from "./context";
import { HttpSource } from "./http";
import { keyName, listed, useKeys, type Keys } from "./keys";
import { compareRoute, useList } from "./list";
import { go, Link, useRoute, withQuery } from "./router";
import { turnPixels, useTheme } from "./theme";
import { announce, Announcer } from "./ui";

/** Where one is: text and route of each step; the last one is here. */
export type Trail = readonly (readonly [text: string, route: string])[];

/** A page: its title, told when it changes, and its content. `trail`: the way to it. */
export function Page({ title, trail = [], actions, children, wide }: {
  title: string; trail?: Trail; actions?: ComponentChildren; children?: ComponentChildren; wide?: boolean;
}) {
  const first = useRef(true);
  useEffect(() => {
    document.title = title === "phosphene" ? title : `${title} · phosphene`;
    if (!first.current) announce(title);
    first.current = false;
  }, [title]);
  return (
    <main id="main" tabIndex={-1} class={wide ? "page wide" : "page"}>
      {trail.length > 0 && (
        <nav class="trail" aria-label="Where you are">
          {trail.map(([text, route]) => <Link to={route}>{text}</Link>)}
        </nav>
      )}
      <div class="page-head">
        <h1>{title}</h1>
        {actions && <div class="page-actions">{actions}</div>}
      </div>
      {children}
    </main>
  );
}

function useOnline(): boolean {
  const source = useSource();
  const [online, set] = useState(true);
  useEffect(() => source.listen((told) => {
    if (told.kind !== "online") return;
    set(told.online);
    announce(told.online ? "connected again" : "the server does not answer");
  }), [source]);
  return online;
}

function Offline() {
  const source = useSource();
  return (
    <div class="banner" role="alert">
      <span><strong>Offline.</strong> The server does not answer; what is shown may be old. Trying again …</span>
      {source instanceof HttpSource &&
        <button type="button" onClick={() => void source.retry()}>Reconnect now</button>}
    </div>
  );
}

/** Keys that do the same, together. */
function byWhat(keys: Keys): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const [key, [what]] of Object.entries(keys)) found.set(what, [...(found.get(what) ?? []), key]);
  return [...found];
}

function Help({ shut }: { shut: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [groups] = useState(listed);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={shut}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <div class="help-in">
        <div class="page-head">
          <h2 id="help-title">Keys</h2>
          <button type="button" onClick={() => dialog.current?.close()}>Close</button>
        </div>
        {groups.map((group) => Object.keys(group.keys).length > 0 && (
          <section>
            <h3>{group.title}</h3>
            <dl>
              {byWhat(group.keys).map(([what, keys]) => (
                <div><dt>{keys.map((key) => <kbd>{keyName(key)}</kbd>)}</dt><dd>{what}</dd></div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}

const PLACES = [["live", "Live"], ["mixer", "Mixer"], ["image", "Image"]] as const;

/** Everything around a page. */
export function Frame({ children }: { children: ComponentChildren }) {
  const site = useSite();
  const source = useSource();
  const list = useList();
  const online = useOnline();
  const [theme, turn] = useTheme();
  const [help, setHelp] = useState(false);
  const { path } = useRoute();
  const net = path[0] === "n" ? path[1] : undefined;
  const places = source.live ? PLACES : PLACES.slice(0, 1);
  useKeys("Everywhere", {
    "?": ["list the keys", () => setHelp(true)],
    t: ["theme: as the system, dark, light", turn],
    P: ["large pictures smooth, or every pixel a square", turnPixels],
    L: ["live", () => go("#/live")],
    ...(source.live && {
      M: ["mixer", () => go(withQuery("#/mixer", { net }))] as [string, () => void],
      I: ["image", () => go(withQuery("#/image", { net }))] as [string, () => void],
    }),
    C: ["compare what is selected", () => go(compareRoute(list.spots))],
    H: ["networks", () => go("#/")],
  }, true);
  const here = (place: string) => (path[0] === place ? "page" as const : undefined);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault(); // the hash is the route
        document.getElementById("main")?.focus();
      }}>Skip to the page</a>
      <header class="head">
        <Link to="#/" class="brand"><img src="icon.svg" width={22} height={22} alt="" />phosphene</Link>
        <nav aria-label="Pages">
          {places.map(([place, text]) => (
            <Link to={withQuery(`#/${place}`, place === "live" ? {} : { net })} aria-current={here(place)}>{text}</Link>
          ))}
          <Link to={compareRoute(list.spots)} aria-current={here("compare")}>
            Compare{list.spots.length > 0 && <span class="count" aria-label={`, ${list.spots.length} selected`}>
              {list.spots.length}</span>}
          </Link>
        </nav>
        <div class="head-tools">
          <button type="button" class="quiet" onClick={turn} aria-label={`Theme: ${theme}`} title={`Theme: ${theme} (t)`}>
            <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7" />
              <path class="full" d={theme === "light" ? "" : theme === "dark" ? "M10 3a7 7 0 0 1 0 14a7 7 0 0 1 0-14z"
                : "M10 3a7 7 0 0 1 0 14z"} /></svg>
          </button>
          <button type="button" class="quiet" onClick={() => setHelp(true)} aria-label="Keys" title="Keys (?)">?</button>
        </div>
      </header>
      {!online && <Offline />}
      {children}
      <footer class="foot">
        <span>phosphene {site.version}</span>
        <span>{site.live ? site.store || "nothing is stored" : source instanceof HttpSource ? `${site.store}, shown only` : "exported files"}</span>
      </footer>
      <Announcer />
      {help && <Help shut={() => setHelp(false)} />}
    </>
  );
}
