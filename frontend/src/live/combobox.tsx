// A field for a target: completes while one types and says whether the network understands it.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useSource } from "../context";
import type { Completion, TargetDoc } from "../types";
import { useExample } from "./networks";
import { problem } from "./say";

interface Props {
  network: string; value: string; label: string; hideLabel?: boolean; change(text: string): void;
  /** Called with what the network made of the text, or null while it is not known. */
  checked?(doc: TargetDoc | null): void;
}

const FIRST = 120; // ms without a key before anybody is asked
const CHECK = 200;

/** A combobox (ARIA 1.2 pattern): arrows choose, Enter or Tab takes, Escape closes. */
export function TargetField({ network, value, label, hideLabel, change, checked }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const found = useCompletions(network, value, open);
  const target = useChecked(network, value, checked);
  const example = useExample(network);
  const shown = open && found.length > 0;
  const at = active < found.length ? active : -1;

  useEffect(() => {
    if (shown && at >= 0) document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [shown, at]);

  const take = (one: Completion) => {
    change(one.text);
    setActive(-1);
    // A name that ends in a colon wants its channel next.
    setOpen(one.text.endsWith(":"));
    input.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const one = found[at];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!shown) { setOpen(true); return }
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive(at < 0 ? (step > 0 ? 0 : found.length - 1) : (at + step + found.length) % found.length);
    } else if (event.key === "Enter" && shown && one) {
      event.preventDefault();
      take(one);
    } else if (event.key === "Tab" && shown && one && !event.shiftKey) {
      take(one);
    } else if (event.key === "Escape" && shown) {
      event.preventDefault();
      event.stopPropagation();
      setOpen(false);
      setActive(-1);
    }
  };

  const wrong = shown ? null : target?.error ?? null; // who is offered ways to go on is not done yet
  const understood = target?.target && target.target !== value.trim() ? target.target : null;
  return (
    <div class="live-target">
      <label for={id} class={hideLabel ? "unseen" : undefined}>{label}</label>
      <div class="live-combo">
        <input ref={input} id={id} type="text" role="combobox" autocomplete="off" autocapitalize="off"
          spellcheck={false}
          maxLength={500} placeholder={example} value={value}
          aria-expanded={shown} aria-controls={`${id}-list`} aria-autocomplete="list"
          aria-activedescendant={shown && at >= 0 ? `${id}-${at}` : undefined}
          aria-invalid={wrong !== null} aria-describedby={`${id}-said`}
          onInput={(event) => { change(event.currentTarget.value); setOpen(true); setActive(-1) }}
          onKeyDown={onKeyDown} onBlur={() => setOpen(false)} />
        <ul id={`${id}-list`} class="live-list" role="listbox" aria-label={`${label}: ways to go on`} hidden={!shown}>
          {found.map((one, index) => (
            <li key={one.text} id={`${id}-${index}`} role="option" aria-selected={index === at}
              class={index === at ? "is-active" : undefined}
              onPointerDown={(event) => { event.preventDefault(); take(one) }}>
              <span>{one.text}</span> <span class="live-about">{one.about}</span>
            </li>
          ))}
        </ul>
      </div>
      <p id={`${id}-said`} class={wrong ? "live-wrong" : "dim live-note"} aria-live="polite">
        {wrong ?? (understood ? `understood as ${understood}` : "")}
      </p>
    </div>
  );
}

function useCompletions(network: string, text: string, wanted: boolean): Completion[] {
  const source = useSource();
  const [found, setFound] = useState<Completion[]>([]);
  useEffect(() => {
    if (!wanted) return;
    let here = true;
    const timer = setTimeout(() => {
      // Without completions the field is still a field; what is wrong with the text the check says.
      source.complete(network, text).then((list) => { if (here) setFound(list) }, () => { if (here) setFound([]) });
    }, FIRST);
    return () => { here = false; clearTimeout(timer) };
  }, [source, network, text, wanted]);
  useEffect(() => { if (!wanted) setFound([]) }, [wanted]);
  return found;
}

function useChecked(network: string, text: string, checked?: (doc: TargetDoc | null) => void): TargetDoc | null {
  const source = useSource();
  const [doc, setDoc] = useState<TargetDoc | null>(null);
  useEffect(() => {
    checked?.(null);
    if (text.trim() === "") { setDoc(null); return }
    let here = true;
    const tell = (told: TargetDoc) => { if (here) { setDoc(told); checked?.(told) } };
    const timer = setTimeout(() => {
      source.target(network, text).then(tell, (error: unknown) => tell({ text, target: null, error: problem(error) }));
    }, CHECK);
    return () => { here = false; clearTimeout(timer) };
  }, [source, network, text]);
  return doc !== null && doc.text.trim() === text.trim() ? doc : null;
}
