"""Every kind of dataset gives the same pictures, names that stay, labels, and goes to workers and back."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.made import encoded, photo
from data.sets import (
    COUNT,
    FILES,
    KINDS,
    SHAPE,
    WANTED,
    contents,
    kinds,
    on_disk,
)

from phosphene.data import decoded, open_pictures


@kinds
def test_the_same_pixels_and_labels(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    pictures = open_pictures(make(tmp_path))
    assert len(pictures) == COUNT
    assert contents(pictures) == WANTED
    assert open_pictures(pictures) is pictures


@kinds
def test_any_order_any_number_of_times(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    pictures = open_pictures(make(tmp_path))
    wanted = [decoded(pictures.raw(i), SHAPE) for i in range(COUNT)]
    for i in (6, 0, 0, 5, 1, 4, 2, 6, 3):
        assert np.array_equal(decoded(pictures.raw(i), SHAPE), wanted[i])
    for wrong in (COUNT, -1):
        for ask in (pictures.raw, pictures.name, pictures.label):
            with pytest.raises(IndexError):
                ask(wrong)


@kinds
def test_there_and_back_by_pickle(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    pictures = open_pictures(make(tmp_path))
    pictures.raw(3)  # so that files are open
    there = pickle.loads(pickle.dumps(pictures))
    assert contents(there) == WANTED
    assert there.source == pictures.source
    assert there.fingerprint == pictures.fingerprint
    assert [there.name(i) for i in range(COUNT)] == [pictures.name(i) for i in range(COUNT)]


@on_disk
def test_the_source_opens_the_same_from_elsewhere(
    tmp_path: Path, make: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = str(make(tmp_path))
    monkeypatch.chdir(tmp_path)
    pictures = open_pictures(made.replace(f"{tmp_path}/", ""))
    monkeypatch.chdir("/")
    again = open_pictures(pictures.source)
    assert again.source == pictures.source
    assert str(tmp_path) in again.source
    assert again.fingerprint == pictures.fingerprint


@on_disk
def test_the_fingerprint_stays_when_the_data_move_and_changes_with_them(
    tmp_path: Path, make: Callable[[Path], Any]
) -> None:
    (tmp_path / "here").mkdir()
    source = str(make(tmp_path / "here"))
    before = open_pictures(source).fingerprint
    shutil.move(tmp_path / "here", tmp_path / "there")
    there = source.replace(str(tmp_path / "here"), str(tmp_path / "there"))
    moved = open_pictures(there)
    assert moved.fingerprint == before
    assert len(moved.fingerprint) == 32
    assert set(moved.fingerprint) <= set("0123456789abcdef")
    FILES["cat/000.png"], kept = encoded(photo(seed=99)), FILES["cat/000.png"]
    try:
        shutil.rmtree(tmp_path / "there")
        (tmp_path / "there").mkdir()
        make(tmp_path / "there")
    finally:
        FILES["cat/000.png"] = kept
    assert open_pictures(there).fingerprint != before


def test_fingerprints_know_live_pictures() -> None:
    one, other = [photo(seed=1), photo(seed=2)], [photo(seed=1), photo(seed=3)]
    seen = [open_pictures(data).fingerprint for data in (one, other, [*one], one[:1], [(one[0], "a"), (one[1], "b")])]
    assert seen[0] == seen[2]
    assert len(set(seen)) == 4


def test_names(tmp_path: Path) -> None:
    names = {make.__name__: open_pictures(make(tmp_path / make.__name__)).name for make in KINDS}
    assert names["a_folder"](0) == "cat/000.png"
    assert names["a_folder"](6) == "猫/005.png"
    assert names["a_parquet"](6) == "train.parquet#6"
    assert [names["a_parquet_of_hugging_face"](i) for i in (1, 2)] == ["0.parquet#1", "1.parquet#0"]
    assert [names["a_tar"](i) for i in (3, 4)] == ["x-000.tar/003.png", "x-001.tar/000.png"]
    assert names["a_split"](6) == names["a_live_one"](6) == names["arrays"](6) == "#6"
