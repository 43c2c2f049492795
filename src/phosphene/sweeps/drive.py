"""The loop that hands out packs: what fails is halved until the one task that cannot be made stands alone."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, final

from ..errors import OutputError, SweepError
from ..store.ledger import Ledger
from .executors import Executor, Late
from .plan import Pack, Plan, Task, packs
from .worker import Fault, Report

Ended = Literal["done", "interrupted", "terminated"]
PATIENCE = 0.25  # seconds between two looks at the clock
REFUSALS = 3  # of the store, before the sweep is given up
HOPELESS = 8  # tasks that fail before anything was made: then nothing will be
GRACE = 8.0  # seconds in which a pack may be finished after SIGTERM; containers are killed after ten


@final
@dataclass
class Tally:
    """Where a sweep is. ``total`` tasks; ``before``: those that were there, ``failed_before``: those given up before;
    ``made`` now, by status, and ``failed``. ``seconds`` of all workers; ``stored``: bytes."""

    total: int
    before: int = 0
    failed_before: int = 0
    made: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    seconds: float = 0.0
    stored: int = 0
    begun: float = field(default_factory=time.monotonic)
    ended: Ended = "done"

    @property
    def done(self) -> int:
        """Tasks that need no more work."""
        return self.before + self.failed_before + self.made.total() + self.failed

    @property
    def rate(self) -> float:
        """Tasks a second, of this run."""
        now = self.made.total() - self.made["there"] + self.failed
        return now / max(time.monotonic() - self.begun, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds to the end at this pace; None as long as nothing was made."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


@final
@dataclass(frozen=True)
class Event:
    """Something happened: ``what`` is made, failed, halved, crashed, begin or end. ``layer``: of the pack."""

    what: str
    tally: Tally
    pack: Pack | None = None
    report: Report | None = None
    text: str = ""
    layer: str = ""


@final
class Stop:
    """What was asked for from outside. ``asked``: None, or how it shall end; ``due``: when patience ends."""

    def __init__(self, grace: float = GRACE) -> None:
        self.asked: Ended | None = None
        self.grace, self._due = grace, 0.0

    def ask(self, how: Ended) -> None:
        if self.asked is None:
            self.asked, self._due = how, time.monotonic() + self.grace

    @property
    def due(self) -> bool:
        return self.asked is not None and time.monotonic() >= self._due


@final
class Drive:
    """One run over a plan's tasks.

    ``rows``: pictures in a pack. ``tries``: how often a task that fails alone is tried.
    """

    def __init__(self, plan: Plan, ledger: Ledger, executor: Executor, *, rows: int, tries: int, stop: Stop,
                 tell: Callable[[Event], None] | None = None, again: bool = False) -> None:  # fmt: skip
        self.retrying = again  # what failed before: it may well fail again, all of it
        self.plan, self.ledger, self.executor = plan, ledger, executor
        self.rows, self.tries, self.stop, self.tell = rows, tries, stop, tell
        self.again: deque[Pack] = deque()  # packs that were under way before, first those in halves
        self.limits: dict[tuple[int, str], int] = {}  # line and kind -> tasks that were found to fit
        self.wary: dict[tuple[int, str], int] = {}  # the same, because workers went away; perhaps for lack of memory
        self.refused = 0  # times that the store took or gave nothing, one after the other
        self.tried: Counter[str] = Counter()
        self.lost: Counter[tuple[str, int]] = Counter()  # packs whose worker went away, by first task and length
        self.tally = Tally(0)

    def run(self, tasks: Iterable[Task], tally: Tally) -> Tally:
        """To the end, or until asked to stop. Raises OutputError when the store takes nothing, SweepError when
        nothing can be made."""
        self.tally = tally
        self.executor.hurry(lambda: self.stop.due)
        todo = packs(tasks, self.rows, self.plan.recipe.diverse or 1)
        self._say("begin")
        for text in self.executor.warnings:
            self._say("warning", text=text)
        try:
            self._loop(todo)
        except Late:  # the time for finishing is over
            self.executor.stop()
        except KeyboardInterrupt:
            self.stop.ask("interrupted")
        finally:
            self.executor.stop()
        tally.ended = self.stop.asked or "done"
        self._say("end")
        return tally

    def _loop(self, todo: Iterator[Pack]) -> None:
        executor, more = self.executor, True
        while True:
            asked = self.stop.asked
            if asked == "interrupted" or self.stop.due:
                return
            if asked is not None:
                executor.drain()
            while asked is None and executor.unmade < executor.slots and (more or self.again):
                pack = self._next(todo)
                if pack is None:
                    more = False
                    break
                executor.submit(pack, look=self._is_old(pack))
            if not executor.unmade:
                if asked is not None or not (more or self.again):
                    return
                continue
            for pack, report in executor.wait(PATIENCE):
                self._settle(pack, report)

    def _next(self, todo: Iterator[Pack]) -> Pack | None:
        """The next pack, no larger than what was found to fit."""
        pack = self.again.popleft() if self.again else next(todo, None)
        if pack is None:
            return None
        key, size = (pack.line, pack.kind), len(pack.tasks)
        limit = min(self.limits.get(key, size), self.wary.get(key, size))
        if size > limit:
            pieces = [Pack(pack.line, pack.kind, pack.tasks[at : at + limit])
                      for at in range(0, size, limit)]  # fmt: skip
            self.again.extendleft(reversed(pieces[1:]))
            pack = pieces[0]
        return pack

    def _is_old(self, pack: Pack) -> bool:
        return bool(self.tried[pack.tasks[0].id] or self.lost)

    def _settle(self, pack: Pack, report: Report) -> None:
        """What a report means: made, to be tried again in pieces, or given up."""
        if report.fault is None:
            self.refused = 0
            self.tally.made.update(report.statuses)
            self.tally.seconds += report.seconds
            self.tally.stored += report.stored
            if self.retrying:
                self._forget(pack)
            self._say("made", pack, report)
        elif report.fault.kind == "store":
            self._wait_for_the_store(pack, report.fault)
        elif report.fault.kind == "crash" and self._comes_first(pack):
            self.again.append(pack)  # it may have been the machine; next time it is the pack
            self._say("crashed", pack, report)
        elif len(pack.tasks) > 1:
            first, second = pack.split()
            if report.fault.kind != "task":
                limits = self.limits if report.fault.kind == "memory" else self.wary
                key = pack.line, pack.kind
                most = limits.get(key, len(pack.tasks))  # another pack may have said less by now
                limits[key] = min(most, max(1, len(pack.tasks) // 2))
            self.again.extendleft((second, first))
            self._say("halved", pack, report)
        else:
            self._settle_one(pack, report, report.fault)

    def _forget(self, pack: Pack) -> None:
        """What was made now did not fail."""
        for task in pack.tasks:
            layer = self.plan.lines[task.line].layer
            self.ledger.forget({"id": task.id, "fingerprint": self.plan.fingerprint, "layer": layer})

    def _wait_for_the_store(self, pack: Pack, fault: Fault) -> None:
        """Another machine may answer the next time; a full disk will not."""
        self.refused += 1
        if self.refused >= REFUSALS:
            raise OutputError(f"{fault.text}\nwhat was made is kept; the same command goes on from there")
        time.sleep(self.refused * PATIENCE)
        self.again.append(pack)

    def _comes_first(self, pack: Pack) -> bool:
        """Whether the worker of this pack went away for the first time."""
        key = pack.tasks[0].id, len(pack.tasks)
        self.lost[key] += 1
        return self.lost[key] == 1

    def _settle_one(self, pack: Pack, report: Report, fault: Fault) -> None:
        task = pack.tasks[0]
        if fault.kind == "crash":  # it is this task that ends workers, not how many there were
            self.wary.pop((pack.line, pack.kind), None)
        self.tried[task.id] += 1
        if self.tried[task.id] < self.tries:
            self.again.append(pack)
            return
        line = self.plan.lines[task.line]
        self.ledger.fail({"id": task.id, "fingerprint": self.plan.fingerprint, "layer": line.layer,
                          "unit": self.plan.unit(task), "channel": task.channel, "kind": task.kind,
                          "error": fault.text, "trouble": fault.kind, "tries": self.tries,
                          "sweep": self.plan.id})  # fmt: skip
        self.tally.failed += 1
        self._say("failed", pack, report, f"{self.plan.unit(task)} ({task.kind}): {fault.text}")
        if self.tally.failed >= HOPELESS and not (self.tally.made or self.tally.before or self.retrying):
            raise SweepError(
                f"the first {self.tally.failed} tasks all failed, so the sweep was stopped; the last: {fault.text}\n"
                f"mend that, then: phosphene retry {self.ledger.place.url}"
            )

    def _say(self, what: str, pack: Pack | None = None, report: Report | None = None, text: str = "") -> None:
        if self.tell is not None:
            text = text if text or report is None or report.fault is None else report.fault.text
            layer = "" if pack is None else self.plan.lines[pack.line].layer
            self.tell(Event(what, self.tally, pack, report, text, layer))
