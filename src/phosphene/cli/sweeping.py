"""What commands that sweep share: who does the work, the bar, JSON lines, the table at the end, the exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter as Counts
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import StoreError, UnknownOption
from .common import number, whole
from .counting import PAUSE, clock

if TYPE_CHECKING:
    from ..store.ledger import Ledger
    from ..sweeps.drive import Event, Tally
    from ..sweeps.plan import Plan
    from ..sweeps.survey import State
    from ..sweeps.where import Where

MOST = 20  # failures that are named while it runs
TOLD = ("failed", "crashed", "warning")
PARTIAL, INTERRUPTED, TERMINATED = 3, 130, 143


def where_arguments(parser: argparse.ArgumentParser) -> None:
    """Who does the work, and what is said about it."""
    group = parser.add_argument_group("who does the work")
    group.add_argument("--executor", metavar="NAME", default="auto", help="processes of this machine (what auto takes "
                       "where there are several processors), serial, or ray")  # fmt: skip
    group.add_argument("--workers", type=whole, metavar="N", help="so many; by default what suits the machine")
    group.add_argument("--address", metavar="A", help="of a Ray cluster: auto, HOST:PORT, ray://HOST:PORT; by default "
                       "RAY_ADDRESS, or a Ray of this machine")  # fmt: skip
    group.add_argument("--num-gpus-per-worker", type=number, metavar="G", help="for Ray; .5 puts two on one")
    group.add_argument("--num-cpus-per-worker", type=number, metavar="C", help="for Ray")
    group.add_argument("--batch", type=whole, metavar="N", help="pictures in a forward pass at most; 32, 64 on GPUs")
    group.add_argument("--tries", type=whole, default=2, metavar="K", help="of a task before it is left as failed; 2")
    group.add_argument("--log-json", action="store_true", help="a line of JSON for everything that happens")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")


def where_of(args: argparse.Namespace) -> Where:
    from ..sweeps.where import Where

    return Where(args.executor, args.workers, args.device, args.address, args.num_gpus_per_worker,
                 args.num_cpus_per_worker)  # fmt: skip


def sweep_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sweep", metavar="ID", help="only this sweep: how its id begins, as phosphene status says it")


def plans_of(ledger: Ledger, store: str, wanted: str | None = None) -> list[Plan]:
    """The plans of a store, the one that was begun last at the end, where the store says when; what cannot be read is
    told, and does not keep the others from being used.

    ``wanted``: how the id of the only one begins. Raises StoreError, UnknownOption.
    """
    from ..store.paths import sweep_of
    from ..sweeps.plan import Plan

    found = []
    for data in ledger.plans():
        if isinstance(data, StoreError):
            print(f"left out: {data}", file=sys.stderr)
            continue
        try:
            found.append(Plan.from_dict(data))
        except StoreError as error:
            print(f"left out: {error}", file=sys.stderr)
    if not found:
        raise StoreError(f"no sweep in {store}; begin one: phosphene sweep miniception --store {store}")
    times = {plan.id: ledger.place.written(sweep_of(plan.id)) for plan in found}
    found.sort(key=lambda plan: (when.timestamp() if (when := times[plan.id]) else 0.0, plan.id))
    if wanted is None:
        return found
    own = [plan for plan in found if wanted and plan.id.startswith(wanted)]
    if len(own) != 1:
        said = ", ".join(f"{plan.id[:8]} ({plan.model['address']}, {plan.recipe.name})" for plan in own or found)
        many = f"{len(own)} sweeps" if own else "no sweep"
        raise UnknownOption(f"the id of {many} in {store} begins with {wanted!r}; there are {said}")
    return own


class SweepBar:
    """``with SweepBar(args) as bar: run(..., tell=bar)``; counts what becomes of each layer on the way."""

    def __init__(self, quiet: bool, lines: bool, kinds: int = 1) -> None:
        self.quiet, self.lines, self.kinds = quiet, lines, kinds
        self.terminal = sys.stderr.isatty() and not lines
        self.statuses: dict[int, Counts[str]] = {}
        self.told = 0
        self._bar: Any = None
        self._said = time.monotonic()

    def __enter__(self) -> SweepBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, event: Event) -> None:
        if event.pack is not None and event.report is not None and event.what == "made":
            self.statuses.setdefault(event.pack.line, Counts()).update(event.report.statuses)
        try:
            if self.lines:
                print(json.dumps(said(event)), flush=True)
            elif not self.quiet:
                self._draw(event) if self.terminal else self._say(event)
        except BrokenPipeError:  # nobody reads on; the pictures are wanted all the same
            self.quiet, self.lines = True, False

    def _tells(self, event: Event) -> bool:
        """Whether a failure is named: of many the first ones."""
        self.told += event.what == "failed"
        return event.what != "failed" or self.told <= MOST

    def _say(self, event: Event) -> None:
        if event.what in TOLD and self._tells(event):
            print(_trouble(event), file=sys.stderr)
        if event.what == "end" or time.monotonic() - self._said < PAUSE:
            return
        self._said = time.monotonic()
        tally = event.tally
        left = "" if tally.left is None else f"  {clock(tally.left)} left"
        print(f"{tally.done}/{tally.total}  {self._rate(tally)}{left}{_failures(tally)}", file=sys.stderr)

    def _rate(self, tally: Tally) -> str:
        return f"{tally.rate / self.kinds:.2f} units/s"

    def _draw(self, event: Event) -> None:
        from tqdm import tqdm

        tally = event.tally
        if self._bar is None:
            form = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
            self._bar = tqdm(
                total=tally.total, initial=tally.done, file=sys.stderr, dynamic_ncols=True, bar_format=form
            )
        if event.what in TOLD and self._tells(event):
            self._bar.write(_trouble(event), file=sys.stderr)
        left = "" if tally.left is None else f"{clock(tally.left)} left, "
        self._bar.set_postfix_str(f"{left}{self._rate(tally)}{_failures(tally)}", refresh=False)
        self._bar.update(tally.done - self._bar.n)
        self._bar.refresh()


def _failures(tally: Tally) -> str:
    many = tally.failed + tally.failed_before
    return f", {many} failed" if many else ""


def _trouble(event: Event) -> str:
    from ..data import shown

    tasks = 0 if event.pack is None else len(event.pack.tasks)
    away = f"a worker with {tasks} of them went away; they are tried again"
    return f"{away if event.what == 'crashed' else event.what}: {shown(event.text)}"


def said(event: Event) -> dict[str, Any]:
    """An event as a line of a log."""
    tally, pack, report = event.tally, event.pack, event.report
    data: dict[str, Any] = {
        "event": event.what, "time": round(time.time(), 3), "done": tally.done, "total": tally.total,
        "failed": tally.failed + tally.failed_before, "rate": round(tally.rate, 4),
        "left": None if tally.left is None else round(tally.left, 1),
    }  # fmt: skip
    if pack is not None:
        tasks = pack.tasks
        data |= {"layer": event.layer, "kinds": sorted({task.kind for task in tasks}),
                 "channels": [task.channel for task in tasks], "ids": [task.id for task in tasks]}  # fmt: skip
    if report is not None:
        data |= {"statuses": list(report.statuses), "seconds": round(report.seconds, 3), "bytes": report.stored}
    if event.text:
        data["error"] = event.text
    if event.what == "end":
        data["ended"] = tally.ended
    return data


def dead_of(plan: Plan, ledger: Ledger) -> tuple[list[str], int]:
    """By layer, how many of a plan's pictures show nothing, dead or diverged; and how many records are damaged."""
    from ..store.index import glance

    counts, damaged = [], 0
    for place, line in enumerate(plan.lines):
        seen = glance(ledger, plan.fingerprint, line.layer)
        blank = [one for one in seen.lines if one.status in ("dead", "diverged")]
        own = {name for one in blank for name in ids_of(plan, place, one.kind, one.channel)}
        counts.append(str(sum(one.id in own for one in blank)))
        damaged += len(seen.damaged)
    return counts, damaged


def ids_of(plan: Plan, place: int, kind: str, channel: int) -> tuple[str, ...]:
    """Of the records that a plan makes of a channel; none if it makes no such thing."""
    known = next((one for one in plan.recipe.kinds if one == kind), None)
    return () if known is None else plan.task(place, known, channel).ids


def table(plan: Plan, states: list[State], dead: list[str] | None = None) -> str:
    """A line per layer and one for all. ``dead``: by layer, what is said of those that show nothing."""
    from ..store.scans import shown_layer

    head = ("layer", "units", "tasks", "made", "dead", "failed", "left")
    blank = dead or ["-"] * len(states)
    rows = [(shown_layer(state.line.layer), str(len(state.line)), str(state.tasks), str(state.made), one,
             str(state.failed), str(state.left)) for state, one in zip(states, blank, strict=True)]  # fmt: skip
    sums = [sum(getattr(state, name) for state in states) for name in ("tasks", "made", "failed", "left")]
    known = [row[4] for row in rows if row[4].isdigit()]
    whole = str(sum(map(int, known))) if len(known) == len(rows) else "-"
    rows.append(("all", str(plan.units), str(sums[0]), str(sums[1]), whole, str(sums[2]), str(sums[3])))
    wide = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(wide[0]) if at == 0 else cell.rjust(wide[at]) for at, cell in enumerate(row))
        for row in [head, *rows]
    )


def ended(args: argparse.Namespace, tally: Tally, store: str, kinds: int) -> int:
    """What is said at the end, and the exit code: 0 when all is there, 3 when some failed, 130 and 143 when stopped.

    ``kinds``: things that are made of each unit.
    """
    try:
        _tell_end(args, tally, store, kinds)
    except BrokenPipeError:  # the exit code counts, whoever listens
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if tally.ended != "done":
        return INTERRUPTED if tally.ended == "interrupted" else TERMINATED
    return PARTIAL if tally.failed + tally.failed_before else 0


def _tell_end(args: argparse.Namespace, tally: Tally, store: str, kinds: int) -> None:
    failed = tally.failed + tally.failed_before
    if not args.quiet:
        out = sys.stderr if args.log_json or tally.ended != "done" else sys.stdout
        made = tally.made.total() - tally.made["there"]
        spent = time.monotonic() - tally.begun
        what = ", ".join(f"{count} {status}" for status, count in tally.made.most_common() if status != "there")
        pace = (
            f" in {clock(spent)}, {made / kinds / max(spent, 1e-9) * 3600:,.0f} units an hour: {what}" if made else ""
        )
        before = f"; {tally.before} were there" if tally.before else ""
        print(f"{made} made{pace}{before}", file=out)
        if failed:
            print(f"{failed} failed; why: phosphene status {store}; again: phosphene retry {store}", file=out)
    if tally.ended != "done" and not args.quiet:
        how = "stopped" if tally.ended == "interrupted" else "stopped by SIGTERM"
        far = f"with {tally.done} of {tally.total} done" if tally.total else "before it began"
        print(f"phosphene: {how} {far}; the same command goes on from there", file=sys.stderr)
