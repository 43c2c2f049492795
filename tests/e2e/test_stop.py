"""Ctrl-C: the picture so far or nothing, never half of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.command import COMMAND, Ran, files, pixels, record

import phosphene.build
import phosphene.cli.output
from phosphene.again import replay
from phosphene.ascent import Ascent
from phosphene.cli.progress import Bar

Here = Callable[..., Ran]
SLOW = """
import pathlib, time

def build():
    pathlib.Path({flag!r}).touch()
    time.sleep(120)
"""


# A job in the background of a script is started deaf to Ctrl-C and hands that on; a user's terminal does not.
_HEARS = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


@contextmanager
def started(*words: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    if not COMMAND.exists():
        pytest.skip("the phosphene command is not installed beside this Python")
    process = subprocess.Popen(
        [sys.executable, "-c", _HEARS, COMMAND, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_picture_so_far_is_kept(tmp_path: Path) -> None:
    with started("render", "miniception", "mixed4b:11", "-o", "a.png", "--steps", "600", folder=tmp_path) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("step ")  # mid-ascent
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert files(tmp_path) == ["a.json", "a.png"]
    told = record(tmp_path / "a.json")
    assert told["partial"] is True
    assert 0 < told["steps"] < 600
    assert pixels(tmp_path / "a.png")[1] == (64, 64)
    assert f"stopped after {told['steps']} steps; marked partial" in err
    assert "picture a.png" in out


def test_before_there_is_a_picture_nothing_is_written(tmp_path: Path) -> None:
    flag, folder = tmp_path / "flag", tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "net.py").write_text(SLOW.format(flag=str(flag)))
    with started("render", "../net.py:build", "a:1", "-o", "a.png", folder=folder) as process:
        while not flag.exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "phosphene: stopped early; nothing was written\n")
    assert files(folder) == []


def test_two_in_a_row_leave_both_files_or_none(tmp_path: Path) -> None:
    with started("render", "miniception", "mixed4b:11", "-o", "a.png", "--steps", "600", folder=tmp_path) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert files(tmp_path) in ([], ["a.json", "a.png"])
    if files(tmp_path):
        assert record(tmp_path / "a.json")["partial"] is True


def test_ctrl_c_while_files_are_written_waits(here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = phosphene.cli.output.write_atomic

    def interrupted(path: Path, data: bytes) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        write(path, data)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(phosphene.cli.output, "write_atomic", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert here("render", "miniception", "conv1:1,2", "--steps", "1", "-o", "a.png").code == 0
    assert files(folder) == ["a.jsonl", "a.png"]
    assert signal.getsignal(signal.SIGINT) is before


def stop_at(monkeypatch: pytest.MonkeyPatch, when: Callable[[Any], bool]) -> None:
    """Ctrl-C as soon as the progress is so."""

    def show(_: Bar, progress: Any) -> None:
        if when(progress):
            raise KeyboardInterrupt

    monkeypatch.setattr(Bar, "__call__", show)


def test_pictures_finished_before_the_stop_are_kept_whole(
    here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phosphene.build, "TOGETHER", 2)
    with monkeypatch.context() as patched:
        stop_at(patched, lambda progress: progress.first == 2 and progress.step == 8)
        words = ("--steps", "9", "--size", "16", "--timelapse", "0,9")
        ran = here("render", "miniception", "conv1:0..4", "-o", "a.png", *words)
    assert ran.code == 130
    told = [json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines()]
    assert [(one["target"], one["steps"], one["partial"]) for one in told] == [
        ("conv1:0", 9, False), ("conv1:1", 9, False), ("conv1:2", 7, True), ("conv1:3", 7, True),
    ]  # fmt: skip
    assert here("render", "--replay", "a.jsonl").code == 0
    again = [json.loads(line) for line in (folder / "a.again.jsonl").read_text().splitlines()]
    assert [one["score"] for one in again] == [one["score"] for one in told]


def test_a_stop_between_two_batches_keeps_the_first(here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phosphene.build, "TOGETHER", 1)
    made = phosphene.produce._Making.make

    def make(self: Any) -> Any:
        if self.batch.jobs[0].target == "conv1:1":
            raise KeyboardInterrupt
        return made(self)

    monkeypatch.setattr(phosphene.produce._Making, "make", make)
    assert here("render", "miniception", "conv1:0..3", "--steps", "1", "--size", "16", "-o", "a.png").code == 130
    assert record(folder / "a.json")["target"] == "conv1:0"


def test_a_partial_picture_is_the_one_of_its_step(here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when Ctrl-C comes after the optimiser has moved the parameters in place; and it replays as what it is."""
    move, calls = Ascent._move, [0]

    def moved(self: Any, *parts: Any) -> None:
        move(self, *parts)
        calls[0] += 1
        if calls[0] == 4:
            raise KeyboardInterrupt

    words = ("render", "miniception", "conv2:3", "--size", "16", "--preset", "lucid")
    with monkeypatch.context() as patched:
        patched.setattr(Ascent, "_move", moved)
        assert here(*words, "--steps", "9", "-o", "a.png").code == 130
    assert record(folder / "a.json")["steps"] == 3
    assert here(*words, "--steps", "3", "-o", "b.png").code == 0
    assert pixels(folder / "a.png") == pixels(folder / "b.png")
    again = replay(record(folder / "a.json"))
    assert (again.id, again.steps, again.partial) == (record(folder / "a.json")["id"], 3, True)
    assert again.image.tobytes() == pixels(folder / "a.png")[2]


def test_a_partial_picture_replays_under_the_rate_of_the_whole_ascent(
    here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate falls over all the steps that were asked for, not over those that were taken."""
    run, words = Ascent._gradients, ("render", "miniception", "conv2:3", "--size", "16", "--steps", "9", "-o", "a.png")
    seen: list[Any] = []

    def stopped(self: Any, theta: Any, draw: Any, **how: Any) -> Any:
        seen.extend([draw] if draw not in seen else [])
        if len(seen) == 5:
            raise KeyboardInterrupt
        return run(self, theta, draw, **how)

    with monkeypatch.context() as patched:
        patched.setattr(Ascent, "_gradients", stopped)
        assert here(*words).code == 130
    again = replay(record(folder / "a.json"))
    assert (again.steps, again.partial) == (4, True)
    assert again.image.tobytes() == pixels(folder / "a.png")[2]


def test_a_stop_before_the_first_step_writes_nothing(here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ascent, "_move", stopped)
    ran = here("render", "miniception", "conv2:3", "--size", "16", "-o", "a.png")
    assert ran == Ran(130, "", "phosphene: stopped early; nothing was written\n")
    assert files(folder) == []


def test_a_stop_is_quiet_too(here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, lambda progress: progress.step == 8)
    ran = here("render", "miniception", "conv2:3", "--size", "16", "--steps", "9", "-o", "a.png", "--quiet")
    assert ran == Ran(130, "", "")
    assert files(folder) == ["a.json", "a.png"]
