"""A process that has loaded everything, and makes processes of itself: each runs the command at once, and can be killed
like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CODE = """
import json, os, sys
import torch
torch.set_num_threads(1)
from phosphene.cli.main import main


def run(words, told):
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    for number, name in ((0, os.devnull), (1, told), (2, told)):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    code = 1
    try:
        code = main(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


main(["sweep", *json.loads(sys.stdin.readline())])  # what is imported late is imported now
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(run(*asked) if isinstance(asked, list) else os.waitpid(asked, 0)[1], flush=True)
"""


@dataclass(frozen=True)
class Running:
    """One run of the command. ``told``: the file with all that it says."""

    zygote: Zygote
    pid: int
    told: Path

    def wait(self) -> int:
        """Its exit code; below 0 the signal that ended it."""
        return os.waitstatus_to_exitcode(int(self.zygote.ask(self.pid)))


class Zygote:
    """``start`` begins a run; ``words`` are those of the command."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self.folder, self.count = process, folder, 0

    def ask(self, what: object) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def start(self, *words: str) -> Running:
        self.count += 1
        told = self.folder / f"told{self.count}"
        return Running(self, int(self.ask([words, str(told)])), told)


@contextmanager
def zygote(folder: Path, *warm: str) -> Iterator[Zygote]:
    """``warm``: the words of a sweep that it makes itself, first."""
    with subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        made = Zygote(process, folder)
        assert process.stdin is not None
        process.stdin.write(json.dumps(warm) + "\n")
        process.stdin.flush()
        while (line := process.stdout.readline() if process.stdout else "") != "ready\n":
            assert line, "it cannot begin"
        yield made
        process.stdin.close()
