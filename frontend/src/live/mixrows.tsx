// The units of a mix, each with its weight.

import { useId, useState } from "preact/hooks";
import { TargetField } from "./combobox";
import type { Row } from "./mix";
import { UnitPicture } from "./unitpicture";

const MOST = 2; // as far as the slider goes; the number field takes any weight

interface Props { network: string; rows: Row[]; change(rows: Row[]): void }

export function MixRows({ network, rows, change }: Props) {
  const set = (at: number, part: Partial<Row>) =>
    change(rows.map((row, index) => (index === at ? { ...row, ...part } : row)));
  return (
    <>
      <ul class="live-mix">
        {rows.map((row, at) => (
          <MixRow key={at} network={network} row={row} number={at + 1} set={(part) => set(at, part)}
            remove={rows.length > 1 ? () => change(rows.filter((_, index) => index !== at)) : null} />
        ))}
      </ul>
      <button type="button" onClick={() => change([...rows, { unit: "", weight: 1 }])}>Add a unit</button>
    </>
  );
}

interface RowProps {
  network: string; row: Row; number: number; set(part: Partial<Row>): void; remove: (() => void) | null;
}

function MixRow({ network, row, number, set, remove }: RowProps) {
  const id = useId();
  const [typed, type] = useState<string | null>(null); // a number on its way: "-", "-0."
  const weigh = (text: string) => {
    const weight = Number(text);
    if (text.trim() !== "" && Number.isFinite(weight)) set({ weight });
  };
  return (
    <li class={`live-mix-row${row.weight < 0 ? " is-down" : ""}`}>
      <UnitPicture network={network} unit={row.unit} size={56} down={row.weight < 0} />
      <div class="live-mix-fields">
        <TargetField network={network} label={`Unit ${number}`} value={row.unit} change={(unit) => set({ unit })} />
        <div class="live-weight">
          <label for={id} class="unseen">Weight of unit {number}</label>
          <input id={id} type="range" min={-MOST} max={MOST} step={0.05} value={row.weight} list={`${id}-marks`}
            onInput={(event) => weigh(event.currentTarget.value)} />
          <datalist id={`${id}-marks`}><option value="-1" /><option value="0" /><option value="1" /></datalist>
          <input type="number" step={0.05} value={typed ?? row.weight} aria-label={`Weight of unit ${number}, as a number`}
            onInput={(event) => { type(event.currentTarget.value); weigh(event.currentTarget.value) }}
            onBlur={() => type(null)} />
          {remove && <button type="button" onClick={remove} aria-label={`remove unit ${number}`}
            title="Remove">✕</button>}
        </div>
      </div>
    </li>
  );
}
