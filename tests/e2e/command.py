"""Running the command as a user has it, and reading what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

COMMAND = Path(sys.executable).with_name("phosphene")


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    def refused(self) -> str:
        """The one reason, as it must look: exit code 2, no more than two lines or two and a caret, no traceback."""
        assert (self.code, self.out) == (2, ""), self
        lines = self.err.rstrip("\n").split("\n")
        assert lines[0].startswith("phosphene: "), self.err
        assert len(lines) <= (3 if lines[-1].strip() == "^" else 2), self.err
        assert "Traceback" not in self.err
        assert "Errno" not in self.err
        return self.err


def command(*words: str, folder: Path, **more: Any) -> Ran:
    """The installed command, in ``folder``."""
    if not COMMAND.exists():
        pytest.skip("the phosphene command is not installed beside this Python")
    done = subprocess.run(
        [COMMAND, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, **more
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def record(path: Path) -> Any:
    return json.loads(path.read_text())


def pixels(path: Path) -> tuple[Any, ...]:
    with Image.open(path) as picture:
        return picture.mode, picture.size, picture.tobytes()


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))
