"""What a sweep costs besides the pictures: the loop over no-op jobs, and the store of so many.

    python -m benchmarks.sweep [--jobs 300000] [--out FILE.json]                 the loop alone: ms a job, memory
    python -m benchmarks.sweep --store DIR [--jobs 300000] [--out FILE.json]     with records and payloads of usual size

The jobs are those of a plan of so many units; whoever should make them says at once that they are made. With a store,
every job leaves a real record and a payload as large as a picture of 64 pixels takes; then the store is listed,
counted, packed, and listed again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import phosphene as ph
from phosphene.store.compact import compact
from phosphene.store.index import index
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.place import Place
from phosphene.sweeps.drive import Drive, Event, Stop, Tally
from phosphene.sweeps.executors import Done, Executor
from phosphene.sweeps.plan import Line, Pack, Plan
from phosphene.sweeps.planning import planned
from phosphene.sweeps.recipe import recipe
from phosphene.sweeps.survey import Known
from phosphene.sweeps.worker import Report, finite

WIDE = 2048  # units of a layer


class Idle(Executor):
    """Says at once that a pack is made; with a ledger, leaves records and payloads of usual size."""

    name, slots = "idle", 8

    def __init__(self, plan: Plan, ledger: Ledger | None, record: dict[str, Any], payload: bytes) -> None:
        self.plan, self.ledger, self.record, self.payload = plan, ledger, record, payload
        self.packs: list[Pack] = []

    @property
    def unmade(self) -> int:  # type: ignore[override]
        return len(self.packs)

    def submit(self, pack: Pack, *, look: bool) -> None:
        self.packs.append(pack)

    def wait(self, seconds: float) -> list[Done]:
        done = [(pack, Report(tuple("ok" for _ in pack.tasks), None, 0.0, self._write(pack))) for pack in self.packs]
        self.packs = []
        return done

    def _write(self, pack: Pack) -> int:
        if self.ledger is None:
            return 0
        for task in pack.tasks:
            line = self.plan.lines[task.line]
            record = {**self.record, "id": task.id, "fingerprint": self.plan.fingerprint, "layer": line.layer,
                      "unit": self.plan.unit(task), "channel": task.channel, "kind": task.kind}  # fmt: skip
            payload = self.payload + task.id.encode()  # no two alike, as pictures are
            self.ledger.put(record, {"picture": Payload(payload)})
        return len(self.payload) * len(pack.tasks)

    def stop(self) -> None:
        self.packs = []


def plan_of(jobs: int) -> Plan:
    """A plan of so many units of a network that is wide and deep."""
    small = planned(ph.load("miniception"), recipe("default"), layers=["mixed4b"])
    lines, left = [], jobs
    while left:
        name, units = f"block{len(lines)}", min(WIDE, left)
        spelling = dict.fromkeys(("unit", "positive", "negative"), (f"{name}:", ""))
        lines.append(Line(name, "Conv2d", units, ((0, units),), spelling, ""))
        left -= units
    return Plan(small.model, small.fingerprint, small.recipe, small.job, None, tuple(lines))


def memory() -> float:
    """MiB of this process."""
    return float(psutil.Process().memory_info().rss / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=300_000)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    made = ph.render("miniception", "mixed4b:11", steps=64)
    record = finite({key: value for key, value in made.record().items() if key != "seconds"} | {"row": 0})
    plan = plan_of(args.jobs)
    folder = args.store or Path(tempfile.mkdtemp())
    ledger = Ledger(Place(str(folder)), write=True)
    known = Known(plan, ledger)
    seen: list[tuple[int, float, float]] = []
    begun = time.perf_counter()

    def tell(event: Event) -> None:
        if event.tally.done // (args.jobs // 10) > len(seen):
            seen.append((event.tally.done, time.perf_counter() - begun, memory()))

    executor = Idle(plan, None if args.store is None else ledger, record, made._repr_png_())
    drive = Drive(plan, ledger, executor, rows=32, tries=2, stop=Stop(), tell=tell)
    tally = drive.run(known.left(), Tally(args.jobs))
    seconds = time.perf_counter() - begun
    steps = np.diff([0.0, *(at for _, at, _ in seen)]) / (args.jobs / len(seen)) * 1000
    found: dict[str, Any] = {
        "jobs": tally.done, "ms_per_job": round(seconds / args.jobs * 1000, 4),
        "ms_per_job_by_tenth": [round(float(step), 4) for step in steps],
        "mib_by_tenth": [round(size, 1) for _, _, size in seen], "store": args.store is not None,
    }  # fmt: skip
    print(json.dumps(found), flush=True)
    if args.store is not None:
        found |= listed(plan, ledger, folder)
    else:
        shutil.rmtree(folder)
    print(json.dumps(found, indent=1))
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


def listed(plan: Plan, ledger: Ledger, folder: Path) -> dict[str, Any]:
    """Seconds and bytes: counted, indexed, packed, counted and indexed again."""
    found: dict[str, Any] = {"bytes": size_of(folder)}

    def timed(name: str, do: Any) -> None:
        begun = time.perf_counter()
        do()
        found[f"{name}_s"] = round(time.perf_counter() - begun, 2)

    layers = [line.layer for line in plan.lines]
    timed("count", lambda: Known(plan, ledger).states())
    timed("index", lambda: [index(ledger, plan.fingerprint, layer) for layer in layers])
    timed("index_again", lambda: [index(ledger, plan.fingerprint, layer) for layer in layers])
    timed("compact", lambda: compact(ledger))
    found["bytes_packed"] = size_of(folder)
    timed("count_packed", lambda: Known(plan, ledger).states())
    timed("index_packed", lambda: [index(ledger, plan.fingerprint, layer) for layer in layers])
    timed("index_packed_again", lambda: [index(ledger, plan.fingerprint, layer) for layer in layers])
    found["mib_at_the_end"] = round(memory(), 1)
    return found


def size_of(folder: Path) -> dict[str, dict[str, int]]:
    """Files and bytes by folder."""
    found: dict[str, dict[str, int]] = {}
    for top in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = [Path(root) / name for root, _, names in os.walk(top) for name in names]
        found[top.name] = {"files": len(files), "bytes": sum(file.stat().st_size for file in files)}
    return found


if __name__ == "__main__":
    main()
