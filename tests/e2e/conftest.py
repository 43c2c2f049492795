"""The command line in this process, for speed; ``command.py`` runs the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Ran

from phosphene.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return empty


@pytest.fixture
def here(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """``main`` in this process, in the empty folder."""

    def run(*words: str) -> Ran:
        capsys.readouterr()
        try:
            code: Any = main(list(words))
        except SystemExit as left:
            code = left.code
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return run
