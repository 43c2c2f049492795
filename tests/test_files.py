"""Whole files or none."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from phosphene.errors import OutputError
from phosphene.files import check_writable, write_atomic


@pytest.mark.parametrize("call", ["os.replace", "os.fsync", "os.chmod"])
def test_a_failed_write_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, b"old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(call, full)
    with pytest.raises(OutputError, match=r"cannot write .*a\.json: no space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_an_interrupted_write_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, b"old")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_new_content_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in (b"a long old content", b"new"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.json"]


def test_names_up_to_the_systems_limit_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".png")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"


def test_checking_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "a.png")
    assert os.listdir(tmp_path) == []
