"""Desks for the tests: opened on a folder, waited for, looked at."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sweep.made import written

from phosphene.models.network import Network
from phosphene.store.place import Place
from phosphene.web.live.desk import Desk
from phosphene.web.schema.live_documents import Ask, JobDoc

PATIENCE = 60.0


@contextmanager
def desk_on(folder: Path, *networks: Network, **said: Any) -> Iterator[Desk]:
    desk = Desk(Place(str(folder)), {network.fingerprint: network for network in networks}, **said)
    try:
        yield desk
    finally:
        desk.close()
        assert not desk._thread.is_alive()


def until(happened: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < PATIENCE, "it did not happen"
        time.sleep(0.01)


def ended(desk: Desk, job: JobDoc) -> JobDoc:
    """A job once it has ended."""
    until(lambda: desk.job(job.id).state in ("done", "failed", "stopped"))
    return desk.job(job.id)


def reached(desk: Desk, job: JobDoc, step: int) -> None:
    until(lambda: desk.job(job.id).step >= step)


def still(desk: Desk, job: JobDoc) -> JobDoc:
    """A job once nothing happens to it."""
    seen = [desk.job(job.id)]

    def same() -> bool:
        time.sleep(0.2)
        seen.append(desk.job(job.id))
        return seen[-1] == seen[-2]

    until(same)
    return seen[-1]


def blocked(folder: Path) -> None:
    """From now on nothing can be written into a job's folder; what was there is put beside the store."""
    folder.rename(folder.parents[1] / "aside")
    folder.write_text("nothing can be written below this")


def freed(folder: Path) -> None:
    folder.unlink()
    (folder.parents[1] / "aside").rename(folder)


def picture(net: Network, **said: Any) -> Ask:
    """A small picture of a unit, in a few steps."""
    return Ask(**{"network": net.fingerprint, "target": "second:3", "steps": 24, **said})


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


# loads everything once, then at each line makes a process of itself that has a desk: it takes up what is there, asks
# for what is not, and ends when nothing is left to do
CODE = """
import json, os, sys, time
import torch
torch.set_num_threads(1)
import phosphene as ph
from phosphene.store.place import Place
from phosphene.web.live.desk import Desk
from phosphene.web.schema.live_documents import Ask

network = ph.load(sys.argv[1])
for said in json.loads(sys.argv[3]):
    ph.render(network, said["target"], preset="fast", steps=1)  # what is found out once is found out now


def work():
    desk = Desk(Place(sys.argv[2]), {network.fingerprint: network})
    for said in json.loads(sys.argv[3])[len(desk.jobs()) :]:
        desk.ask(Ask(network.fingerprint, **said))
    while any(job.state in ("waiting", "running") for job in desk.jobs()):
        time.sleep(0.02)
    desk.close()


print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Processes:
    """``start``: a process with a desk, by its id; ``wait``: how it ended, as an exit code or below 0 the signal."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self.running = running

    def line(self) -> str:
        assert self.running.stdout is not None
        return self.running.stdout.readline().strip()

    def start(self) -> int:
        assert self.running.stdin is not None
        self.running.stdin.write("\n")
        self.running.stdin.flush()
        return int(self.line())

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(int(self.line()))


@contextmanager
def processes(folder: Path, store: Path, asks: str) -> Iterator[Processes]:
    words = [sys.executable, "-c", CODE, written(folder, "slow"), str(store), asks]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        made = Processes(running)
        assert made.line() == "ready"
        yield made
        assert running.stdin is not None
        running.stdin.close()
