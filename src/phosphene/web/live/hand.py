"""The one thread that makes what was asked for, a job at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, final

from ...errors import OutputError, PhospheneError
from ...models.network import Network, first_line
from ...result import Result, png
from ...store.ledger import Ledger
from ...sweeps.real import row
from ...watch import Shown
from ..loaded import meant
from ..schema.documents import Picture
from ..schema.lines import short_line
from ..schema.live_documents import JobState
from ..schema.paths import job_url
from .asked import Units, order_of
from .board import Board, Entry
from .work import Dropped, make_pictures, make_units, opened, picture_of

EVENLY, FIRST, MOST_FRAMES = 24, (0, 1, 2, 4, 8), 48  # frames of a job: so many apart, the first ones; with pauses
RUNNING: tuple[JobState, ...] = ("running",)
UNDER_WAY: tuple[JobState, ...] = ("running", "paused")  # what was stopped stays so
LAYERS_APART = 0.5  # seconds between two tellings that a layer has new pictures


@final
class Hand:
    """Takes from the board what waits; what is wished meanwhile is seen after each step."""

    def __init__(self, board: Board, ledger: Ledger, networks: Mapping[str, Network]) -> None:
        self.board, self.ledger, self.networks = board, ledger, networks

    def run(self) -> None:
        """Until the desk closes."""
        while (entry := self._next()) is not None:
            try:
                _Making(self, entry).make()
            except Dropped:
                pass
            except BaseException as error:  # also what ends a program: the next job has nothing to do with it
                self._failed(entry, error)
            finally:
                self._let_go(entry)

    def _next(self) -> Entry | None:
        board = self.board
        with board.lock:
            while not board.queue and not board.closing:
                board.lock.wait()
            if board.closing:
                return None
            entry = board.queue.pop(0)
            board.current, entry.leaving, entry.pace = entry, False, None
            board.set(entry, state="running", step=0)
            return entry

    def _failed(self, entry: Entry, error: BaseException) -> None:
        line = line_of(error)
        fields: dict[str, Any] = {"state": "failed", "error": line, "catching": False}
        try:
            self.board.change(entry, note=True, now=True, only=UNDER_WAY, **fields)
        except OutputError:  # the store takes nothing: it is told all the same
            self.board.change(entry, now=True, only=UNDER_WAY, **fields)

    def _let_go(self, entry: Entry) -> None:
        with self.board.lock:
            self.board.current = None
        if entry.gone:
            with suppress(OutputError):
                self.board.journal.remove(entry.doc.id)  # what was written while it was being deleted


@final
class _Making:
    """One job in hand."""

    def __init__(self, hand: Hand, entry: Entry) -> None:
        self.board, self.ledger, self.networks, self.entry = hand.board, hand.ledger, hand.networks, entry
        self.reached = 0 if entry.doc.ask.kind == "units" else max(entry.doc.frames, default=0)
        self.marks = frozenset(marks(entry.doc.steps))
        self.since: tuple[float, int] | None = None  # when a step ended, and which
        self.layer_told, self.layer_new = float("-inf"), False

    def make(self) -> None:
        board, entry, ask = self.board, self.entry, self.entry.doc.ask
        board.change(entry, note=True, now=True, catching=self.reached > 0)
        board.shifted()
        network = self.networks[meant(self.networks, ask.network)]
        start = None if ask.start is None else board.journal.picture(entry.doc.id, "start")
        size = None if start is None else opened(start).size[::-1]
        order = order_of(ask, network, self.ledger, size)
        if isinstance(order, Units):
            missing = make_units(order, network, self.ledger, self)
            self._layer(last=True)
            self._done(step=order.steps, error=missing)
            return
        results = make_pictures(order, network, self.ledger.place.url, start, self)
        self._heed()  # evidence takes its time
        score = _mean([one.score.clean for one in results])
        self._done(step=order.steps, catching=False, score=score, pictures=tuple(self._kept(results)))

    def _done(self, **fields: Any) -> None:
        """It has ended, unless something else was wished until now."""
        while not self.board.change(self.entry, note=True, now=True, only=RUNNING, state="done", **fields):
            self._heed()

    def _heed(self) -> None:
        """Do what is wished of a job that is made but for its end; that the desk closes is no reason to drop it."""
        with self.board.lock:
            state = self.entry.doc.state
            if self.entry.gone or state == "stopped":
                self.entry.leaving = True
                raise Dropped
        if state == "paused":
            self._hold()

    def shown(self, shown: Shown) -> None:
        """After each step of pictures."""
        entry, step = self.entry, shown.step
        self._clock(step)
        wish = self._wish()
        fields: dict[str, Any] = {"step": step, "catching": wish != "drop" and step < self.reached,
                                  "now": wish != "go" or step == shown.steps}  # fmt: skip
        frames = entry.doc.frames
        if (step in self.marks or wish != "go") and step not in frames and len(frames) < MOST_FRAMES:
            self._frame(shown, fields)
        elif wish == "go":
            self.board.change(entry, **fields)
        else:
            self.board.change(entry, note=True, **fields)
        if wish == "hold":
            self._hold()
        elif wish == "drop":
            raise Dropped
        self.since = time.monotonic(), step

    def counted(self, done: int, *, between: bool, layer: bool) -> None:
        """So many units are made; one pauses between packs, everything else happens at once."""
        self._clock(done)
        self.board.change(self.entry, step=done)
        if layer:
            self._layer()
        wish = self._wish(between=between)
        if wish != "go":
            with self.board.lock:
                self.entry.leaving = True
            raise Dropped
        if self.since is None or self.since[1] != done:
            self.since = time.monotonic(), done

    def _clock(self, step: int) -> None:
        if self.since is not None and step > max(1, self.since[1]):  # the first step lays weights out
            self.board.paced(self.entry, (time.monotonic() - self.since[0]) / (step - self.since[1]))

    def _wish(self, *, between: bool = True) -> str:
        """What is wanted of the job: ``go``, ``hold``, or ``drop``."""
        board, entry = self.board, self.entry
        with board.lock:
            if entry.gone:
                raise Dropped
            if board.closing or entry.doc.state == "stopped":
                entry.leaving = True
                return "drop"
            return "hold" if entry.doc.state == "paused" and between else "go"

    def _hold(self) -> None:
        """Stand still as long as nobody else waits."""
        board, entry = self.board, self.entry
        with board.lock:
            while entry.doc.state == "paused" and not (board.queue or board.closing or entry.gone):
                board.lock.wait()
            if entry.doc.state == "running" and not entry.gone:
                return
            entry.leaving = True
        raise Dropped

    def _frame(self, shown: Shown, fields: dict[str, Any]) -> None:
        """Keep the pictures of this step, then say so."""
        doc, frames = self.entry.doc, shown.frames
        score = _mean([frame.score for frame in frames])
        data = png(row([frame.pixels for frame in frames]))
        self.board.journal.put_picture(doc.id, shown.step, data)
        fields |= {"frames": tuple(sorted({*doc.frames, shown.step})), "score": score,
                   "curve": tuple(sorted({**dict(doc.curve), shown.step: score}.items()))}  # fmt: skip
        self.board.change(self.entry, note=True, **fields)

    def _kept(self, results: Sequence[Result]) -> list[Picture]:
        """What came out, put down."""
        job = self.entry.doc.id
        names = ["final"] if len(results) == 1 else [f"final-{number}" for number in range(len(results))]
        for name, one in zip(names, results, strict=True):
            self.board.journal.put_picture(job, name, png(one.pixels, one.alpha))
        return [picture_of(one, number, job_url(job, name))
                for number, (name, one) in enumerate(zip(names, results, strict=True))]  # fmt: skip

    def _layer(self, *, last: bool = False) -> None:
        """Tell that the layer has new pictures, not too often; ``last``: what was not told then."""
        self.layer_new = self.layer_new or not last
        if self.layer_new and (last or time.monotonic() - self.layer_told >= LAYERS_APART):
            self.layer_told, self.layer_new = time.monotonic(), False
            self.board.post(("layer", (self.entry.doc.ask.network, self.entry.doc.ask.layer)))


def marks(steps: int) -> list[int]:
    """The steps of which a picture is kept: the first ones, then some evenly apart, the last."""
    evenly = (round(steps * part / EVENLY) for part in range(EVENLY + 1))
    return sorted({step for step in (*FIRST, *evenly) if step <= steps})


def line_of(error: BaseException) -> str:
    """An error as a page shows it."""
    return short_line(error) if isinstance(error, PhospheneError) else f"{type(error).__name__}: {first_line(error)}"


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [one for one in scores if one is not None]
    return sum(known) / len(known) if known else None
