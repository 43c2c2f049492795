// A slider with its value beside it.

import { useId } from "preact/hooks";

export function Slider({ label, value, min, max, step = 1, format = String, onInput, disabled }: {
  label: string; value: number; min: number; max: number; step?: number; format?: (value: number) => string;
  onInput: (value: number) => void; disabled?: boolean;
}) {
  const id = useId();
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <input id={id} type="range" min={min} max={max} step={step} value={value} disabled={disabled}
        aria-valuetext={format(value)} onInput={(event) => onInput(Number(event.currentTarget.value))} />
      <output for={id}>{format(value)}</output>
    </div>
  );
}
