// What is shown in place of a picture or a page, and what is told to those who do not see the page.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Trouble } from "../source";

export type SayKind = "empty" | "computing" | "failed" | "dead" | "missing" | "offline";

/** A drawing for each state, in lines: it is not told by colour. */
const DRAWN: Record<SayKind, ComponentChildren> = {
  empty: <><rect x="5" y="5" width="22" height="22" rx="2" stroke-dasharray="3 3" /><path d="M16 12v8M12 16h8" /></>,
  computing: <><circle cx="16" cy="16" r="11" stroke-opacity=".3" /><path d="M16 5a11 11 0 0 1 11 11" class="spin" /></>,
  failed: <><path d="M16 5 28 26H4z" stroke-linejoin="round" /><path d="M16 13v6M16 22v.5" /></>,
  dead: <><circle cx="16" cy="16" r="11" /><path d="M8.5 23.5l15-15" /></>,
  missing: <><rect x="5" y="5" width="22" height="22" rx="2" /><path d="M13 13a3 3 0 1 1 4 3c-1 .4-1 1-1 2M16 21v.5" /></>,
  offline: <><path d="M4 13a17 17 0 0 1 24 0M8 17.500a11 11 0 0 1 16 0M12 22a6 6 0 0 1 8 0" /><path d="M5 27 27 5" /></>,
};

/** A state of a page or of a part of it. `action`: a button or link that helps. */
export function Say({ kind, title, text, action, small }: {
  kind: SayKind; title: string; text?: ComponentChildren; action?: ComponentChildren; small?: boolean;
}) {
  return (
    <div class={`say say-${kind}${small ? " small" : ""}`} role={kind === "computing" ? "status" : undefined}>
      <svg viewBox="0 0 32 32" aria-hidden="true">{DRAWN[kind]}</svg>
      <div>
        <p class="say-title">{title}</p>
        {text && <p class="say-text">{text}</p>}
        {action && <div class="say-action">{action}</div>}
      </div>
    </div>
  );
}

/** Shown while one waits; not at once, so that quick answers do not flash. */
export function Waiting({ what }: { what: string }) {
  const [late, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), 250);
    return () => clearTimeout(timer);
  }, []);
  return late ? <Say kind="computing" title={what} /> : <div class="waiting" aria-busy="true" />;
}

/** What went wrong, with the way on that fits. */
export function Failed({ trouble, again, what }: { trouble: Trouble; again?: () => void; what: string }) {
  const kind: SayKind = trouble.status === 0 ? "offline" : trouble.status === 404 ? "missing" : "failed";
  const title = { offline: "Nobody answers", missing: `There is no such ${what}`, failed: `The ${what} cannot be shown` };
  return (
    <Say kind={kind} title={title[kind as keyof typeof title]} text={trouble.message}
      action={again && trouble.status !== 404 ? <button type="button" onClick={again}>Try again</button> : undefined} />
  );
}

let teller: ((text: string) => void) | null = null;

/** Tell something to those who listen to the page. */
export const announce = (text: string): void => teller?.(text);

/** Where `announce` speaks; once in a page. */
export function Announcer() {
  const [text, set] = useState("");
  useEffect(() => {
    teller = (said) => set((old) => (old === said ? said + "\u00a0" : said)); // the same twice is told twice
    return () => void (teller = null);
  }, []);
  return <div class="unseen" role="status" aria-live="polite">{text}</div>;
}
