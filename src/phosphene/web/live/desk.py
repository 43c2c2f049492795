"""The desk: takes what is asked for and has it made, one after the other; opened again, it goes on where it was.

A job that is paused stands still in memory as long as nobody else waits; then it is put away, and later goes through
its steps again, to the same bits.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import final

from ...errors import BadSpec, ModelError, OutputError, StoreError
from ...models.network import Network
from ...store.ledger import Ledger
from ...store.place import Place
from ..loaded import meant
from ..schema.limits import MOST_JOBS, Full
from ..schema.live_documents import Ask, JobDoc, JobState
from ..schema.parts import Told
from .asked import Pictures, order_of
from .board import Board, Entry
from .hand import Hand
from .journal import LIVE, Journal, folder_of, new_id
from .lock import Lock
from .work import opened

PATIENCE = 10.0  # seconds that a step may take when the desk is closed
GUESS, LONGEST = 10, 3600  # seconds to wait where nobody knows, and the most that one is told to


@final
class Desk:
    """The live jobs of a store. ``networks``: by fingerprint; what they are made of is looked at now, later only the
    desk's own thread runs them. ``waiting``: so many jobs may wait.

    Jobs that a desk before has left are taken up. Raises OutputError, StoreError when the store cannot be used; Taken
    when another desk is at work there.
    """

    def __init__(self, place: Place, networks: Mapping[str, Network], *, waiting: int = 32) -> None:
        self.networks, self.waiting = networks, waiting
        self.ledger = Ledger(place, write=True)
        self.board = Board(Journal(place))
        self._asking, self._lock = threading.Lock(), Lock(place)
        try:
            self._take_up()
        except BaseException:
            self._lock.close()
            raise
        hand = Hand(self.board, self.ledger, networks)
        self._thread = threading.Thread(target=hand.run, name="phosphene-desk", daemon=True)
        self._thread.start()

    def _take_up(self) -> None:
        """What desks before this one have left."""
        if self._lock.alone:  # or it might be what another is just writing
            _sweep(self.ledger.place)
        for network in self.networks.values():
            with suppress(ModelError):  # whoever asks for something of it is told
                _ = network.runs, network.classes
        for noted in self.board.journal.noted():
            there = noted.doc.ask.network in self.networks
            state = noted.doc.state
            if state in ("waiting", "running"):
                state = "waiting" if there else "paused"
            self.board.take_up(noted, state)

    def ask(self, ask: Ask) -> JobDoc:
        """Put a job into the queue. Everything that can be checked is checked now.

        Raises Full when too many wait; UnknownName, UnknownLayer, UnknownClass, UnknownOption, UnitOutOfRange,
        BadTarget, BadSpec, StoreError for what cannot be, OutputError.
        """
        ask = replace(ask, network=meant(self.networks, ask.network))
        network, start, frame = self.networks[ask.network], None, None
        if ask.start is not None:
            frame, start = self._start(ask)
        order = order_of(ask, network, self.ledger, frame)
        height, width = order.size if isinstance(order, Pictures) else (0, 0)
        with self._asking:
            self._room(len(self.board.entries))
            turn = self.board.turn()
            doc = JobDoc(
                id=new_id(),
                version=turn // 1000,
                created=datetime.now(UTC).isoformat(timespec="microseconds"),
                title=order.title,
                model=network.name,
                ask=ask,
                state="waiting",
                step=0,
                steps=order.steps,
                count=len(order.jobs) if isinstance(order, Pictures) else 1,
                width=width,
                height=height,
            )
            try:
                if start is not None:
                    self.board.journal.put_picture(doc.id, "start", start)
                self.board.journal.put(doc, turn)
            except OutputError:
                with suppress(OutputError):
                    self.board.journal.remove(doc.id)
                raise
            entry = Entry(doc, turn)
            self._queue(entry)
        return self._told(entry)

    def _start(self, ask: Ask) -> tuple[tuple[int, int], bytes]:
        """The frame that a job branches off from: height, width and PNG."""
        assert ask.start is not None
        job, step = self.job(ask.start.job), ask.start.step
        if job.count != 1 or job.ask.kind == "units":
            raise BadSpec(f"the job {job.id} has several pictures in a frame; one branches off from a single one")
        if step not in job.frames:
            there = ", ".join(map(str, job.frames)) or "none yet"
            raise BadSpec(f"the job {job.id} has no frame of step {step}; there are {there}")
        data = self.picture(job.id, str(step))
        size = opened(data).size[::-1]
        if size != (job.height, job.width):
            raise BadSpec(f"the pictures of {job.model} have channels that are no colours; nothing can start from them")
        return size, data

    def _room(self, kept: int = 0) -> None:
        """Refuse one more job when there are too many."""
        with self.board.lock:
            waiting, current = len(self.board.queue), self.board.current
            left = None if current is None else self.board.seen(current).eta
        if waiting >= self.waiting:
            wait = GUESS if left is None else max(1, min(LONGEST, math.ceil(left)))
            raise Full(f"{waiting} jobs wait, no more fit in the queue; try again in {wait} seconds", wait)
        if kept >= MOST_JOBS:
            raise Full(f"{kept} jobs are kept, no more are taken; delete some that are done", LONGEST)

    def _queue(self, entry: Entry) -> None:
        with self.board.lock:
            self.board.entries[entry.doc.id] = entry
            self.board.queue.append(entry)
            self.board.lock.notify_all()

    def _told(self, entry: Entry) -> JobDoc:
        self.board.announce(entry, now=True)
        return self.board.seen(entry)

    def jobs(self) -> list[JobDoc]:
        """All jobs, newest first."""
        with self.board.lock:
            found = [self.board.seen(entry) for entry in self.board.entries.values()]
        return sorted(found, key=lambda doc: (doc.created, doc.id), reverse=True)

    def job(self, job: str) -> JobDoc:
        """One job; StoreError when there is none."""
        return self.board.seen(self.board.entry(job))

    def pause(self, job: str) -> JobDoc:
        """Let a job stand still; BadSpec when it has ended, OutputError when that cannot be put down."""
        return self._halted(job, "paused", "running", "waiting", "paused")

    def resume(self, job: str) -> JobDoc:
        """Let a paused job go on, or wait for that behind others. Raises BadSpec, Full, UnknownName, OutputError."""
        entry = self.board.entry(job)
        meant(self.networks, entry.doc.ask.network)
        with self._asking, self.board.pen:
            self._refuse(entry, "resumed", "running", "waiting", "paused")
            if entry.doc.state != "paused":
                return self.board.seen(entry)
            held = self.board.holds(entry)
            if not held:
                self._room()
            turn, state = (entry.turn, "running") if held else (self.board.turn(), "waiting")
            self.board.put_down(entry, turn, state=state)
            with self.board.lock:
                if held and not self.board.holds(entry):  # it was put away meanwhile
                    entry.turn, held = self.board.turn(), False
                    self.board.set(entry, state="waiting")
                if not held:
                    self._queue(entry)
        return self._settled(entry)

    def stop(self, job: str) -> JobDoc:
        """End a job; its frames are kept. BadSpec when it has ended otherwise, OutputError as ``pause``."""
        return self._halted(job, "stopped", "running", "waiting", "paused", "stopped")

    def _halted(self, job: str, state: JobState, *states: JobState) -> JobDoc:
        """A job in ``state``, which it takes from one of ``states``: first put down, then so."""
        entry = self.board.entry(job)
        with self.board.pen:
            self._refuse(entry, state, *states)
            with self.board.kept_back(entry):
                self.board.put_down(entry, entry.turn, state=state)
        return self._settled(entry)

    def remove(self, job: str) -> None:
        """Delete a job with its pictures, wherever it stands. Raises StoreError, OutputError."""
        self.board.drop(self.board.entry(job))
        self.board.shifted()

    def picture(self, job: str, name: str) -> bytes:
        """A PNG of a job: ``16``, ``final``, ``final-0``; StoreError when there is none."""
        return self.board.journal.picture(self.board.entry(job).doc.id, name)

    def listen(self, tell: Told) -> Callable[[], None]:
        """Call ``tell`` from any thread with ``("job", JobDoc)``, ``("gone", id)``, ``("layer", (network, layer))``; it
        must not block. Returns what ends that."""
        return self.board.listen(tell)

    def close(self) -> None:
        """End; what is under way is noted and goes on when a desk is opened here again."""
        with self.board.lock:
            self.board.closing = True
            self.board.lock.notify_all()
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():  # or it may still write
            self._lock.close()

    def _refuse(self, entry: Entry, what: str, *states: str) -> None:
        if entry.gone:
            raise StoreError(f"there is no job {entry.doc.id}; it was deleted")
        if entry.doc.state not in states:
            raise BadSpec(f"the job {entry.doc.id} is {entry.doc.state}, it cannot be {what}; ask for a new one")

    def _settled(self, entry: Entry) -> JobDoc:
        """Tell what has changed."""
        self.board.announce(entry, now=True)
        self.board.shifted()
        return self.board.seen(entry)


def _sweep(place: Place) -> None:
    """Delete what is left of jobs that were cut off before they were one, or while they were deleted."""
    for name in place.names(LIVE):
        with suppress(StoreError, OutputError):  # not ours, or not to be deleted: it does no harm
            if not place.has(f"{folder_of(name)}/job.json"):
                place.remove(folder_of(name))
