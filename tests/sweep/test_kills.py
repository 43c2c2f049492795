"""Whoever dies, and whenever: what is stored is whole, and the same command ends at the same store."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sweep.made import all_failures, all_records, files, ledger, loaded, same, swept, tiny, written
from sweep.zygote import Running, Zygote, zygote

from phosphene.sweeps.recipe import text_of

TASKS = 28
PATIENCE = 100.0
SERIAL = ("--executor", "serial")
PROCESSES = ("--executor", "processes", "--workers", "2", "--batch", "1")


@dataclass(frozen=True)
class Home:
    """A slow network, what an undisturbed sweep of it leaves, and who sweeps it."""

    folder: Path
    whole: Path
    zygote: Zygote

    def sweep(self, store: Path, *words: str) -> Running:
        return self.zygote.start("sweep", *_words(self.folder, store), *words)

    def finishes(self, store: Path) -> None:
        """What is there is whole, and the same sweep ends at the same store."""
        there = len(list(all_records(ledger(store))))
        assert not all_failures(ledger(store))
        tally = swept(loaded(self.folder, "slow"), store, recipe=tiny(negative=True))
        assert (tally.before, tally.done, tally.failed) == (there, TASKS, 0)
        assert same(store, self.whole)


def _words(folder: Path, store: Path) -> list[str]:
    recipe = folder / "tiny.toml"
    recipe.write_text(text_of(tiny(negative=True)))
    return [written(folder, "slow"), "--store", str(store), "--layers", "first,second", "--recipe", str(recipe)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("network")
    whole = folder / "whole"
    with zygote(folder, *_words(folder, whole), *SERIAL) as made:
        assert len(list(all_records(ledger(whole)))) == TASKS
        yield Home(folder, whole, made)


def until(store: Path, records: int) -> None:
    """Until so many pictures are there, at the most all."""
    begun = time.monotonic()
    while len(list(store.glob("records/*/*/*.json"))) < min(records, TASKS):
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.001)


def test_killed_at_any_moment_again_and_again_it_ends_at_the_same_store(home: Home, tmp_path: Path) -> None:
    """By the signal that nobody catches, each time in packs of another size, until it is done."""
    rng, kills, there, code = random.Random(0), 0, 0, 1
    for attempt in range(40):
        running = home.sweep(tmp_path, *SERIAL, "--batch", str(rng.randint(1, 4)), "-q")
        if attempt < 8:
            until(tmp_path, there + rng.randint(0, 4))
            os.kill(running.pid, signal.SIGKILL)
        code = running.wait()
        now = len(list(all_records(ledger(tmp_path))))  # each is whole
        assert now >= there
        there = now
        if code == 0:
            break
        assert code == -signal.SIGKILL, running.told.read_text()
        kills += 1
    assert (code, there) == (0, TASKS)
    assert kills >= 2
    assert same(tmp_path, home.whole)
    assert files(tmp_path, "sweeps") == files(home.whole, "sweeps")


def test_two_writers_at_once_leave_what_one_leaves(home: Home, tmp_path: Path) -> None:
    """Both begin with nothing, and end well."""
    both = [home.sweep(tmp_path, *SERIAL, "--batch", "3") for _ in range(2)]
    assert [running.wait() for running in both] == [0, 0], [running.told.read_text() for running in both]
    assert same(tmp_path, home.whole)
    assert files(tmp_path, "sweeps") == files(home.whole, "sweeps")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"])
def test_a_signal_ends_it_and_nothing_is_lost(number: signal.Signals, code: int, home: Home, tmp_path: Path) -> None:
    running = home.sweep(tmp_path, *SERIAL, "--batch", "2")
    until(tmp_path, 3)
    os.kill(running.pid, number)
    assert running.wait() == code
    told = running.told.read_text()
    assert "Traceback" not in told
    assert "the same command goes on from there" in told
    there = len(list(all_records(ledger(tmp_path))))
    assert 3 <= there < TASKS
    assert number == signal.SIGINT or there % 2 == 0  # what was under way was finished
    home.finishes(tmp_path)


def workers(running: Running) -> list[psutil.Process]:
    """The processes that make pictures for a run."""
    found = []
    for child in psutil.Process(running.pid).children():
        with suppress(psutil.Error):
            found += [child] if any(word.endswith("sweeps.child") for word in child.cmdline()) else []
    return found


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all end by themselves."""
    _, alive = psutil.wait_procs(processes, timeout=30)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_ctrl_c_reaches_all_processes_and_none_complains(home: Home, tmp_path: Path) -> None:
    """As a terminal sends it: to the whole group, also to processes that have just begun."""
    running = home.sweep(tmp_path, *PROCESSES)
    begun, children = time.monotonic(), []
    while not children:
        assert time.monotonic() - begun < PATIENCE
        children = workers(running)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait() == 130
    told = running.told.read_text()
    assert "the same command goes on from there" in told
    assert "Traceback" not in told, told
    assert gone(children)
    home.finishes(tmp_path)


def test_processes_end_with_their_parent_and_it_goes_on_without_one(home: Home, tmp_path: Path) -> None:
    """First the parent alone dies; the second time a child does, and the sweep ends as if it had not."""
    running = home.sweep(tmp_path, *PROCESSES)
    until(tmp_path, 2)
    children = workers(running)
    assert 1 <= len(children) <= 2
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert gone(children)
    there = len(list(all_records(ledger(tmp_path))))
    assert 0 < there < TASKS
    running = home.sweep(tmp_path, *PROCESSES)
    until(tmp_path, there + 1)
    workers(running)[0].kill()
    assert running.wait() == 0, running.told.read_text()
    assert "SIGKILL" in running.told.read_text()
    assert not all_failures(ledger(tmp_path))
    assert len(list(all_records(ledger(tmp_path)))) == TASKS
    assert same(tmp_path, home.whole)
