"""The loop that hands out packs: whatever fails, dies or does not fit, everything that can be made is made, and what
cannot is put down alone. The executors here make nothing, they say what would have become of a pack."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep.made import tiny

from phosphene.errors import OutputError, SweepError
from phosphene.store.ledger import Ledger
from phosphene.store.place import Place
from phosphene.sweeps.drive import HOPELESS, REFUSALS, Drive, Event, Stop, Tally
from phosphene.sweeps.executors import Done, Executor
from phosphene.sweeps.plan import Line, Pack, Plan
from phosphene.sweeps.survey import Known
from phosphene.sweeps.worker import Fault, Report

Unit = tuple[int, int]  # line, channel


def plan(*widths: int) -> Plan:
    lines = tuple(
        Line(f"l{n}", "Conv2d", width, ((0, width),), {"unit": (f"l{n}:", ""), "positive": (f"l{n}:", "")}, "")
        for n, width in enumerate(widths)
    )
    return Plan({"address": "x"}, "ab" * 16, tiny(), {"steps": 2, "group": None}, None, lines)


class Scripted(Executor):
    """Ends packs in any order. ``fate``: what becomes of a pack."""

    name = "scripted"
    most: int | None = None  # packs that end together

    def __init__(self, slots: int, seed: int, fate: Callable[[Pack], Report]) -> None:
        self.slots, self.fate, self.random = slots, fate, random.Random(seed)
        self.held: list[Pack] = []
        self.given: list[tuple[Pack, bool]] = []
        self.stopped = 0

    @property
    def unmade(self) -> int:
        return len(self.held)

    def submit(self, pack: Pack, *, look: bool) -> None:
        assert len(self.held) < self.slots
        self.held.append(pack)
        self.given.append((pack, look))

    def wait(self, seconds: float) -> list[Done]:
        ended = self.random.sample(self.held, self.random.randint(1, self.most or len(self.held)))
        self.held = [pack for pack in self.held if pack not in ended]
        return [(pack, self.fate(pack)) for pack in ended]

    def stop(self) -> None:
        self.held = []
        self.stopped += 1


def units(pack: Pack) -> set[Unit]:
    return {(task.line, task.channel) for task in pack.tasks}


def fine(pack: Pack) -> Report:
    return Report(("ok",) * len(pack.tasks), None, 1.0, 7)


def fault(kind: str) -> Report:
    return Report(fault=Fault(kind, f"because of {kind}"))  # type: ignore[arg-type]


def driven(one: Plan, executor: Executor, *, rows: int = 8, tries: int = 2, stop: Stop | None = None,
           tell: Callable[[Event], None] | None = None) -> tuple[Tally, Ledger]:  # fmt: skip
    kept = Ledger(Place(f"memory://{uuid.uuid4().hex}/store"), write=True)
    drive = Drive(one, kept, executor, rows=rows, tries=tries, stop=stop or Stop(), tell=tell)
    return drive.run(one.tasks(), Tally(len(one))), kept


SETS = st.sets(st.tuples(st.integers(0, 1), st.integers(0, 11)), max_size=5)


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)), st.integers(1, 4), st.integers(0, 999), st.integers(1, 16),
    st.integers(1, 3), SETS, SETS, SETS, st.none() | st.integers(1, 8),
)  # fmt: skip
def test_all_that_can_be_made_is_made_once_and_the_rest_is_put_down(
    widths: tuple[int, int], slots: int, seed: int, rows: int, tries: int, poison: set[Unit], deadly: set[Unit],
    large: set[Unit], fits: int | None,
) -> None:  # fmt: skip
    """Any units that fail, kill, or never fit, any limit of memory, any order: the same end."""
    one = plan(*widths)
    every = {(line, channel) for line, width in enumerate(widths) for channel in range(width)}
    hopeless = (poison | deadly | large) & every
    made: Counter[Unit] = Counter()
    good: list[Pack] = []

    def fate(pack: Pack) -> Report:
        some = units(pack)
        if some & deadly:
            return fault("crash")
        if some & large or (fits is not None and len(some) > fits):
            return fault("memory")
        if some & poison:
            return fault("task")
        made.update(some)
        good.append(pack)
        return fine(pack)

    executor = Scripted(slots, seed, fate)
    if len(hopeless) >= HOPELESS:
        return
    tally, kept = driven(one, executor, rows=rows, tries=tries)
    assert made == Counter(every - hopeless)
    assert (tally.made.total(), tally.failed, tally.ended) == (len(every - hopeless), len(hopeless), "done")
    assert (tally.done, tally.left in (0, None)) == (tally.total, True)
    assert (tally.seconds, tally.stored) == (len(good), 7 * len(good))
    assert executor.stopped == 1
    failures = [record for line in one.lines for record in kept.failures(one.fingerprint, line.layer)]
    ids = {task.id: (task.line, task.channel) for task in one.tasks()}
    assert {ids[record["id"]] for record in failures} == hopeless
    alone = Counter((pack.tasks[0].line, pack.tasks[0].channel) for pack, _ in executor.given if len(pack.tasks) == 1)
    for record in failures:
        unit = ids[record["id"]]
        kind = "crash" if unit in deadly else "memory" if unit in large else "task"
        assert (record["trouble"], record["error"], record["tries"]) == (kind, f"because of {kind}", tries)
        assert (record["unit"], record["channel"], record["sweep"]) == (f"l{unit[0]}:{unit[1]}", unit[1], one.id)
        assert alone[unit] == tries + (unit in deadly)  # the first time it may have been the machine
    states = Known(one, kept).states()
    assert [(state.tasks, state.failed, state.left) for state in states] == [
        (width, bad, width - bad)
        for place, width in enumerate(widths)
        for bad in [sum(line == place for line, _ in hopeless)]
    ]


@settings(max_examples=200)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 99), st.integers(2, 16), st.integers(1, 6))
def test_what_did_not_fit_is_not_tried_again(width: int, slots: int, seed: int, rows: int, fits: int) -> None:
    """Once a pack of a layer did not fit, none as large is begun in that layer; another layer is on its own."""
    one = plan(width, width)
    seen: dict[int, int] = {}  # line -> the least that did not fit, as known when packs are handed out
    handed: list[Pack] = []

    def fate(pack: Pack) -> Report:
        return fault("memory") if pack.line == 0 and len(pack.tasks) > fits else fine(pack)

    class Watched(Scripted):
        def submit(self, pack: Pack, *, look: bool) -> None:
            if pack.line in seen:
                assert len(pack.tasks) <= max(1, seen[pack.line] // 2)
            handed.append(pack)
            super().submit(pack, look=look)

        def wait(self, seconds: float) -> list[Done]:
            ended = super().wait(seconds)
            for pack, report in ended:
                if report.fault is not None:
                    seen[pack.line] = min(len(pack.tasks), seen.get(pack.line, 99))
            return ended

    tally, _ = driven(one, Watched(slots, seed, fate), rows=rows)
    assert (tally.made.total(), tally.failed) == (2 * width, 0)
    assert max(len(pack.tasks) for pack in handed if pack.line == 1) == min(rows, width)


def test_a_worker_that_goes_away_once_is_no_fault_of_its_pack() -> None:
    gone: list[Pack] = []

    def fate(pack: Pack) -> Report:
        if not gone and len(pack.tasks) == 8:
            gone.append(pack)
            return fault("crash")
        return fine(pack)

    executor = Scripted(1, 0, fate)
    tally, _ = driven(plan(16), executor)
    assert (tally.made.total(), tally.failed) == (16, 0)
    assert [len(pack.tasks) for pack, _ in executor.given] == [8, 8, 8]
    assert [look for _, look in executor.given] == [False, True, True]  # some of it may be made by now


def test_where_nothing_can_be_made_it_ends_early() -> None:
    executor = Scripted(2, 0, lambda _: fault("task"))
    with pytest.raises(SweepError, match="because of task") as caught:
        driven(plan(200), executor, rows=1, tries=1)
    assert len(str(caught.value).splitlines()) == 2
    assert "phosphene retry" in str(caught.value)
    assert HOPELESS <= len(executor.given) <= HOPELESS + 2
    assert executor.stopped == 1


def test_a_store_that_takes_nothing_ends_it() -> None:
    executor = Scripted(2, 0, lambda _: fault("store"))
    with pytest.raises(OutputError, match="goes on from there") as caught:
        driven(plan(40), executor)
    assert len(str(caught.value).splitlines()) == 2
    assert len(executor.given) <= REFUSALS + 1
    assert executor.stopped == 1


def test_a_store_that_fails_now_and_then_does_not_end_it() -> None:
    """What comes back is what was asked for; nothing is put down as failed."""
    tried: list[Pack] = []

    def fate(pack: Pack) -> Report:
        tried.append(pack)
        return fault("store") if len(tried) % 3 else fine(pack)

    tally, _ = driven(plan(12), Scripted(1, 0, fate), rows=4)
    assert (tally.made.total(), tally.failed, tally.ended) == (12, 0, "done")


@pytest.mark.parametrize(("how", "grace", "finished"), [("terminated", 60.0, True), ("terminated", 0.0, False),
                                                        ("interrupted", 60.0, False)])  # fmt: skip
def test_asked_to_stop_it_finishes_what_is_under_way_or_drops_it(how: str, grace: float, finished: bool) -> None:
    stop = Stop(grace)
    executor = Scripted(2, 0, fine)
    executor.most = 1

    def tell(event: Event) -> None:
        if event.what == "made":
            stop.ask(how)  # type: ignore[arg-type]

    tally, _ = driven(plan(200), executor, stop=stop, tell=tell)
    assert tally.ended == how
    assert len(executor.given) == 2
    assert (tally.made.total() == 8 * len(executor.given)) == finished
    assert executor.stopped == 1


def test_ctrl_c_from_within_a_pack_ends_it() -> None:
    def fate(_: Pack) -> Report:
        raise KeyboardInterrupt

    executor = Scripted(1, 0, fate)
    tally, _ = driven(plan(20), executor)
    assert (tally.ended, tally.made.total(), executor.stopped) == ("interrupted", 0, 1)


def test_events_tell_what_happens() -> None:
    events: list[Event] = []
    lost: list[Pack] = []

    def fate(pack: Pack) -> Report:
        if not lost:
            lost.append(pack)
            return fault("crash")
        return fault("task") if (0, 3) in units(pack) else fine(pack)

    driven(plan(4), Scripted(1, 0, fate), rows=4, tries=1, tell=events.append)
    assert [event.what for event in events] == ["begin", "crashed", "halved", "made", "halved", "made", "failed", "end"]
    texts = [event.text for event in events if event.text]
    assert texts == ["because of crash", *["because of task"] * 2, "l0:3 (positive): because of task"]
