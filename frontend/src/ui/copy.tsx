// Copying a text.

import { useEffect, useState } from "preact/hooks";
import { announce } from "./say";

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea"); // without permission, or where the page is not a secure one
    field.value = text;
    field.className = "unseen";
    document.body.append(field);
    const before = document.activeElement as HTMLElement | null;
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus();
    return done;
  }
}

/** A button that copies `text`; `show`: with the text beside it. */
export function Copy({ text, label, show }: { text: string; label: string; show?: boolean }) {
  const [state, set] = useState<"" | "done" | "failed">("");
  useEffect(() => {
    if (!state) return;
    const timer = setTimeout(() => set(""), 1600);
    return () => clearTimeout(timer);
  }, [state]);
  const act = async () => {
    const done = await copied(text);
    set(done ? "done" : "failed");
    announce(done ? `${label} copied` : "the browser does not allow copying");
  };
  const button = (
    <button type="button" class="copy" aria-label={`Copy ${label}`} onClick={() => void act()}>
      {state === "done" ? "✓ copied" : state === "failed" ? "not allowed" : `Copy ${label}`}
    </button>
  );
  return show ? <div class="copy-row"><code tabIndex={0}>{text}</code>{button}</div> : button;
}
