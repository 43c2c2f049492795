"""Where all live jobs stand: who waits, who is at work, who wants to hear of it. No torch.

Changes are made under one lock and told outside of it, in their order. What is told was put down before, as far as it
lasts.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, final

from ...errors import StoreError
from ..schema.live_documents import JobDoc, JobState
from ..schema.parts import Event, Told
from .journal import Journal, Noted

APART = 0.1  # seconds between two tellings of one job
SMOOTH = 0.8  # of the pace so far that stays with each step


@final
@dataclass(eq=False)
class Entry:
    """A job. ``turn``: those that wait go by it. ``gone``: it was deleted. ``leaving``: the worker lets go of it, and
    would not see a wish any more. ``pace``: seconds that a step took."""

    doc: JobDoc
    turn: int
    gone: bool = False
    leaving: bool = False
    pace: float | None = None
    told: float = float("-inf")

    @property
    def work(self) -> int:
        """What a step takes, as far as one can compare jobs: pixels, or units."""
        return max(1, self.doc.count * self.doc.width * self.doc.height)

    @property
    def kin(self) -> tuple[str, bool]:
        """Jobs whose paces can be compared."""
        return self.doc.ask.network, self.doc.ask.kind == "units"


@final
class Board:
    """``lock``: held while anything here is read or changed, never while files are written or listeners called; waiters
    wake when the queue or a job's state has changed. ``pen``: held while a job is put down, and from looking at its
    state until another is set."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.lock = threading.Condition()
        self.entries: dict[str, Entry] = {}
        self.queue: list[Entry] = []
        self.current: Entry | None = None
        self.closing = False
        self.pen, self._telling = threading.Lock(), threading.RLock()
        self._outbox: deque[Event] = deque()
        self._listeners: list[Told] = []
        self._paces: dict[tuple[str, bool], float] = {}
        self._turn = 0

    def take_up(self, noted: Noted, state: JobState) -> None:
        """A job that was put down before."""
        entry = Entry(_newer(noted.doc, {"state": state, "catching": False}), noted.turn)
        self.entries[entry.doc.id] = entry
        self._turn = max(self._turn, noted.turn)
        if state == "waiting":
            self.queue.append(entry)
            self.queue.sort(key=lambda one: one.turn)

    def entry(self, job: str) -> Entry:
        """A job by its id; StoreError when there is none."""
        with self.lock:
            found = self.entries.get(job)
        if found is None:
            raise StoreError(f"there is no job {job[:40]!r}; it may have been deleted")
        return found

    def turn(self) -> int:
        """A turn behind all others."""
        with self.lock:
            self._turn = max(self._turn + 1, time.time_ns() // 1000)
            return self._turn

    def seen(self, entry: Entry) -> JobDoc:
        """A job as it is now, with its place in the queue and the time that it may take."""
        with self.lock:
            doc = entry.doc
            if doc.state == "running":
                return replace(doc, eta=self._left(entry))
            if doc.state != "waiting" or entry not in self.queue:
                return doc
            before = self.queue[: self.queue.index(entry)]
            if self.current is not None and self.current.doc.state == "running":
                before = [self.current, *before]
            times = [self._left(one) for one in [*before, entry]]
            known = [one for one in times if one is not None]
            return replace(doc, position=len(before), eta=sum(known) if len(known) == len(times) else None)

    def _left(self, entry: Entry) -> float | None:
        """Seconds of work that are left of a job, by its own pace, else by what others of the network took."""
        pace = entry.pace
        if pace is None:
            each = self._paces.get(entry.kin)
            pace = None if each is None else each * entry.work
        done = entry.doc.step if entry.doc.state == "running" or entry.kin[1] else 0  # pictures begin anew
        return None if pace is None else round(pace * max(0, entry.doc.steps - done), 1)

    def paced(self, entry: Entry, seconds: float) -> None:
        """A step took so long."""
        with self.lock:
            entry.pace = seconds if entry.pace is None else SMOOTH * entry.pace + (1 - SMOOTH) * seconds
            self._paces[entry.kin] = entry.pace / entry.work

    def change(
        self, entry: Entry, *, note: bool = False, now: bool = False, only: Collection[JobState] = (), **fields: Any
    ) -> bool:
        """Change a job. ``note``: put it down first; ``now``: tell of it even if it was told of a moment ago; ``only``:
        if it is in one of these states. Returns whether it was.

        Raises OutputError when it cannot be put down; then nothing has changed.
        """
        if note or only:
            with self.pen:
                if only and entry.doc.state not in only:
                    return False
                if note:
                    self.put_down(entry, entry.turn, **fields)
                else:
                    self.set(entry, **fields)
        else:
            self.set(entry, **fields)
        self.announce(entry, now=now)
        return True

    def put_down(self, entry: Entry, turn: int, **fields: Any) -> None:
        """Write a changed job, then change it; by whoever has the pen. OutputError; then nothing has changed."""
        with self.lock:
            doc, gone = entry.doc, entry.gone
            ahead = _newer(doc, fields)
        if not gone:
            self.journal.put(ahead, turn)
        with self.lock:
            entry.turn = turn
            entry.doc = ahead if entry.doc is doc else _newer(entry.doc, fields)
            self.lock.notify_all()

    @contextmanager
    def kept_back(self, entry: Entry) -> Iterator[None]:
        """What happens to a job that waits happens outside of the queue; if that fails, it is where it was."""
        with self.lock:
            waits = entry in self.queue
            if waits:
                self.queue.remove(entry)
        try:
            yield
        except BaseException:
            with self.lock:
                if waits and not entry.gone:
                    self.queue.append(entry)
                    self.queue.sort(key=lambda one: one.turn)
                    self.lock.notify_all()
            raise

    def set(self, entry: Entry, **fields: Any) -> None:
        """Change a job; nobody is told yet."""
        with self.lock:
            entry.doc = _newer(entry.doc, fields)
            self.lock.notify_all()

    def holds(self, entry: Entry) -> bool:
        """Whether the worker has a job in hand, and sees what is wished."""
        with self.lock:
            return self.current is entry and not entry.leaving

    def announce(self, entry: Entry, *, now: bool) -> None:
        """Tell of a job; without ``now`` only if it was not told of a moment ago."""
        with self.lock:
            at = time.monotonic()
            if entry.gone or not (now or at - entry.told >= APART):
                return
            entry.told = at
            self._outbox.append(("job", self.seen(entry)))
        self.deliver()

    def shifted(self) -> None:
        """Tell of those that wait: others have come or gone before them."""
        with self.lock:
            for entry in self.queue:
                entry.doc = _newer(entry.doc, {})
                self._outbox.append(("job", self.seen(entry)))
        self.deliver()

    def post(self, event: Event) -> None:
        """Tell of something else."""
        with self.lock:
            self._outbox.append(event)
        self.deliver()

    def drop(self, entry: Entry) -> None:
        """Delete a job; the worker may still have it in hand."""
        with self.lock:
            entry.gone = True
            self.entries.pop(entry.doc.id, None)
            if entry in self.queue:
                self.queue.remove(entry)
            self._outbox.append(("gone", entry.doc.id))
            self.lock.notify_all()
        try:
            with self.pen:
                self.journal.remove(entry.doc.id)
        finally:
            self.deliver()

    def listen(self, tell: Told) -> Callable[[], None]:
        """Call ``tell`` with what happens from now on, from any thread; it must not block. Returns what ends that."""
        with self.lock:
            self._listeners.append(tell)
        return lambda: self._unlisten(tell)

    def _unlisten(self, tell: Told) -> None:
        with self.lock:
            if tell in self._listeners:
                self._listeners.remove(tell)

    def deliver(self) -> None:
        with self._telling:  # one after the other, so that nobody hears the new before the old
            while True:
                with self.lock:
                    if not self._outbox:
                        return
                    event, listeners = self._outbox.popleft(), list(self._listeners)
                for tell in listeners:
                    try:
                        tell(event)
                    except Exception:  # a connection that has just closed is no reason to stop work
                        self._unlisten(tell)


def _newer(doc: JobDoc, fields: dict[str, Any]) -> JobDoc:
    """A later version; by the clock, so that it rises across restarts too."""
    return replace(doc, **fields, version=max(doc.version + 1, time.time_ns() // 1_000_000))
