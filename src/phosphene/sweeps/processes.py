"""Packs made by processes of this machine: one dies, the others and the sweep go on."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, final

from ..errors import SweepError
from .executors import Done, Executor
from .plan import Pack
from .worker import Fault, Report, Setup

DEATHS = 3  # of processes that have not loaded the network yet, one after the other, before the sweep is given up


@final
class _Child:
    """A process with a worker in it, and a thread that listens to it."""

    def __init__(self, setup: Setup, heard: SimpleQueue[tuple[_Child, Any]]) -> None:
        self.pack: Pack | None = None
        self.ready = False
        root = str(Path(__file__).resolve().parents[2])  # where phosphene was imported from here
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        threads = {} if setup.threads is None else {"OMP_NUM_THREADS": str(setup.threads)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads, "PYTHONPATH": path},
        )
        self.say(setup)
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def say(self, what: Any) -> None:
        """Hand something over; a process that is gone is noticed by whoever listens."""
        try:
            pickle.dump(what, self.process.stdin)  # type: ignore[arg-type]
            self.process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            return

    def _listen(self, heard: SimpleQueue[tuple[_Child, Any]]) -> None:
        while True:
            try:
                heard.put((self, pickle.load(self.process.stdout)))  # type: ignore[arg-type]
            except (EOFError, OSError, pickle.UnpicklingError, ValueError):
                break
        heard.put((self, self.process.wait()))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                continue


@final
class Processes(Executor):
    """``setups``: one per process. A process that dies is started anew with the next pack."""

    name = "processes"

    def __init__(self, setups: Sequence[Setup]) -> None:
        self.setups = list(setups)
        self.slots, self.unmade = len(self.setups), 0
        self._heard: SimpleQueue[tuple[_Child, Any]] = SimpleQueue()
        self._children: list[_Child | None] = [None] * len(self.setups)
        self._deaths, self._begun = 0, False

    def submit(self, pack: Pack, *, look: bool) -> None:
        free = [place for place, child in enumerate(self._children) if child is None or child.pack is None]
        place = min(free, key=lambda one: self._children[one] is None)  # one that runs already, if there is one
        child = self._children[place]
        if child is None:
            child = self._children[place] = _Child(self.setups[place], self._heard)
        child.pack = pack
        self.unmade += 1
        child.say((pack, look))

    def wait(self, seconds: float) -> list[Done]:
        try:
            found = [self._heard.get(timeout=seconds)]
        except Empty:
            return []
        while not self._heard.empty():
            found.append(self._heard.get())
        return [done for child, what in found for done in self._heard_from(child, what)]

    def _heard_from(self, child: _Child, what: Any) -> list[Done]:
        if what == "ready":
            child.ready, self._deaths, self._begun = True, 0, True
            return []
        if isinstance(what, Exception):
            if not self._begun:  # it cannot begin; neither can another
                raise what
            return []  # one that came later; that it ends is heard next
        if isinstance(what, int):
            return self._buried(child, what)
        pack, child.pack = child.pack, None
        self.unmade -= 1
        return [(pack, what)] if pack is not None else []

    def _buried(self, child: _Child, code: int) -> list[Done]:
        """A process is gone."""
        for place, known in enumerate(self._children):
            if known is child:
                self._children[place] = None
        child.kill()
        how = how_it_ended(code)
        if not child.ready:
            self._deaths += 1
            if self._deaths >= DEATHS:
                raise SweepError(
                    f"{DEATHS} processes died while they loaded the network ({how}); what they said stands above; "
                    "try --executor serial, or fewer --workers if memory is short"
                )
        if child.pack is None:
            return []
        self.unmade -= 1
        return [(child.pack, Report(fault=Fault("crash", f"the process that made it died ({how})")))]

    def stop(self) -> None:
        for place, child in enumerate(self._children):
            if child is not None:
                child.kill()
                self._children[place] = None
        self.unmade = 0


def how_it_ended(code: int) -> str:
    """An exit code in words; signals by name."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, most often for lack of memory" if name == "SIGKILL" else name
