// How pages look: light or dark as the system says, or as it was chosen here; large pictures smooth or in squares.

import { useState } from "preact/hooks";

export type Theme = "system" | "dark" | "light";
const KEY = "phosphene.theme";

/** What was kept under a key; browsers may refuse. */
export function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keep a text; a browser that refuses forgets it when the page is closed. */
export function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // nothing to do: it is a convenience
  }
}

const known = (text: string | null): Theme => (text === "dark" || text === "light" ? text : "system");

/** Before the first drawing, so that nothing flashes. */
export function applyTheme(theme: Theme = known(kept(KEY))): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** The theme, and what turns to the next one. */
export function useTheme(): [Theme, () => void] {
  const [theme, set] = useState(() => known(kept(KEY)));
  const next = () => {
    const order: Theme[] = ["system", "dark", "light"];
    const to = order[(order.indexOf(theme) + 1) % order.length]!;
    keep(KEY, to);
    applyTheme(to);
    set(to);
  };
  return [theme, next];
}

const PIXELS = "phosphene.pixels";

/** Whether pixels of large pictures are drawn as squares, as it was chosen; before the first drawing. */
export function applyPixels(squares: boolean = kept(PIXELS) === "squares"): void {
  if (squares) document.documentElement.dataset.pixels = "squares";
  else delete document.documentElement.dataset.pixels;
}

/** From smooth to squares, and back. */
export function turnPixels(): void {
  const squares = document.documentElement.dataset.pixels !== "squares";
  keep(PIXELS, squares ? "squares" : "smooth");
  applyPixels(squares);
}
