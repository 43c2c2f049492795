// Keyboard shortcuts: a page declares its own; `?` lists all that work at the moment.

import { useLayoutEffect, useRef } from "preact/hooks";

/** Key, as in KeyboardEvent.key (`Shift+` in front for keys without a character) -> what it does, and how. */
export type Keys = Record<string, [what: string, act: () => void]>;
interface Group { title: string; keys: Keys }

const groups: { current: Group }[] = [];

/** All that can be pressed at the moment, page first. */
export const listed = (): Group[] => groups.map((group) => group.current).reverse();

const SLIDES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"]);

/** Whether a key belongs to what has the focus: text is being typed, a slider moved, a button pressed. */
function taken(event: KeyboardEvent): boolean {
  const at = event.target;
  if (!(at instanceof HTMLElement) || at === document.body) return false;
  if (at.isContentEditable || at.closest("dialog[open]")) return true;
  if (at instanceof HTMLInputElement) {
    if (at.type === "range" || at.type === "radio") return SLIDES.has(event.key);
    return at.type !== "checkbox" && at.type !== "button" ? true : event.key === " " || event.key === "Enter";
  }
  if (at instanceof HTMLTextAreaElement || at instanceof HTMLSelectElement) return true;
  if (at.tagName === "SUMMARY" || at instanceof HTMLButtonElement || at instanceof HTMLAnchorElement) {
    return event.key === "Enter" || event.key === " ";
  }
  return false;
}

function pressed(event: KeyboardEvent) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  if (taken(event)) return;
  const name = event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
  for (let at = groups.length - 1; at >= 0; at--) {
    const found = groups[at]!.current.keys[name];
    if (found) {
      event.preventDefault();
      found[1]();
      return;
    }
  }
}

/**
 * Shortcuts as long as a component is shown; those of what was mounted last go first, those of `everywhere` last. Never
 * while one types. They work as soon as the component is seen: nobody waits for a key.
 */
export function useKeys(title: string, keys: Keys, everywhere = false): void {
  const group = useRef<Group>({ title, keys });
  group.current = { title, keys };
  useLayoutEffect(() => {
    if (groups.length === 0) document.addEventListener("keydown", pressed);
    if (everywhere) groups.unshift(group);
    else groups.push(group);
    return () => {
      groups.splice(groups.indexOf(group), 1);
      if (groups.length === 0) document.removeEventListener("keydown", pressed);
    };
  }, []);
}

const NAMES: Record<string, string> = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", " ": "Space",
  "Shift+ArrowLeft": "Shift ←", "Shift+ArrowRight": "Shift →", "Shift+ArrowUp": "Shift ↑", "Shift+ArrowDown": "Shift ↓",
};
/** A key as it is printed on the keyboard. */
export const keyName = (key: string): string => NAMES[key] ?? key;
