"""Datasets that are none: one line with what was asked, what was seen, what to do."""

from __future__ import annotations

import builtins
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data.made import encoded, photo, table, tar, written

from phosphene.data import open_pictures
from phosphene.errors import BadSpec, DownloadFailed, MissingDependency, PhospheneError


def refused(source: Any, kind: type[PhospheneError] = BadSpec) -> str:
    with pytest.raises(kind) as caught:
        open_pictures(source)
    text = str(caught.value)
    assert text.isprintable(), text
    assert len(text) < 600, text
    return text


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def rotten(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[1024:1536] = b"\xff" * 512
    path.write_bytes(content)
    return path


GOOD = encoded(photo())
THREE = {f"{i}.png": GOOD for i in range(3)}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda at: at / "no", ["no file or folder", "no"]),
        (lambda at: "", ["no file or folder"]),
        (lambda at: at, ["no pictures in", ".jpg", ".parquet", ".tar"]),
        (lambda at: written(at, {"a.txt": b"", "b/c.heic": b""}), ["no pictures in", "looked for"]),
        (lambda at: written(at, {"a.txt": b""}) / "a.txt", ["no pictures in", "looked for"]),
        (lambda at: f"{at}/*.png", ["no file matches"]),
        (lambda at: f"{at}/\udcff*\n.png", ["no file matches", r"\udcff*\n"]),
        (lambda at: f"{at}/x\0.png", ["no file or folder", r"x\x00.png"]),
        (lambda at: "x" * 5000, ["cannot open", "too long"]),
        (lambda at: f"{tar(at / 'x-0.tar', THREE).parent}/x-{{0..2}}.tar", ["no file", "x-1.tar"]),
        (lambda at: f"{at}/x-{{2..0}}.tar", ["range {2..0}"]),
        (lambda at: f"{at}/x-{{0..9}}{{0..999999999999}}.tar", ["range", "1 to a million"]),
        (lambda at: written(at, {"a.parquet": b"", "b.tar": b""}), [".parquet and .tar", "one kind"]),
        (lambda at: written(at, {"a.parquet": b""}), ["cannot read", "a.parquet"]),
        (lambda at: written(at, {"a.parquet": b"PAR1" * 9}), ["cannot read", "a.parquet"]),
        (lambda at: cut(table(at / "a.parquet", {"image": [GOOD]}), 0.8), ["cannot read", "a.parquet"]),
        (lambda at: table(at / "a.parquet", {"image": []}), ["a.parquet"]),
        (lambda at: table(at / "a.parquet", {"text": ["a"], "n": [1]}), ["no column image", "text, n"]),
        (lambda at: table(at / "a.parquet", {"a": [GOOD], "b": [GOOD]}), ["no column image", "a, b"]),
        (
            lambda at: (table(at / "a.parquet", {"image": [GOOD]}), table(at / "b.parquet", {"jpg": [GOOD]}), at)[2],
            ["b.parquet has other columns than a.parquet"],
        ),
        (lambda at: written(at, {"a.tar": b""}), ["cannot read", "a.tar"]),
        (lambda at: written(at, {"a.tar": b"x" * 5000}), ["cannot read", "a.tar"]),
        (lambda at: tar(at / "a.tar", {"a.txt": b"x"}), ["no pictures in", "members"]),
        (lambda at: cut(tar(at / "a.tar", THREE), 0.3), ["cannot read", "a.tar"]),
        (lambda at: rotten(tar(at / "a.tar", {f"{i}.png": b"x" for i in range(9)})), ["damaged at byte 1024"]),
        (lambda at: tar(at / "a.tar", THREE, "w:gz"), ["packed with gzip", "unpack"]),
        (lambda at: tar(at / "a.tar.xz", THREE, "w:xz"), ["packed with xz"]),
        (lambda at: tar(at / "a.tgz", THREE, "w:gz").parent, ["packed with gzip"]),
        (lambda at: [], ["empty"]),
        (lambda at: 5, ["int is no dataset"]),
        (lambda at: b"bytes", ["bytes is no dataset"]),
        (lambda at: {"a": 1}, ["dict is no dataset"]),
        (lambda at: (x for x in []), ["generator is no dataset"]),
    ],
)
def test_what_is_no_dataset(tmp_path: Path, make: Callable[[Path], Any], says: list[str]) -> None:
    source = make(tmp_path)
    text = refused(source)
    assert all(part in text for part in says), text


@pytest.mark.parametrize("content", ["{", "5", '[{"name": "a"}]', "[1]", '{"a": 1}'])
def test_class_names_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    table(tmp_path / "a.parquet", {"image": [GOOD], "label": [0]})
    (tmp_path / "classes.json").write_text(content)
    assert "cannot read the class names in" in refused(tmp_path)


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"a.png": GOOD, "inner/b.png": GOOD})
    tar(tmp_path / "b.tar", THREE)
    scandir, opens = os.scandir, builtins.open

    def no(path: Any, *args: Any, **options: Any) -> Any:
        if str(path).endswith(("inner", ".tar")):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return (opens if args or options else scandir)(path, *args, **options)

    monkeypatch.setattr(os, "scandir", no)
    monkeypatch.setattr(builtins, "open", no)
    assert "inner: permission denied" in refused(tmp_path)
    assert "b.tar: permission denied" in refused(tmp_path / "b.tar")


@pytest.mark.parametrize(
    ("package", "make"),
    [
        ("pyarrow", lambda at: table(at / "a.parquet", {"image": [GOOD]})),
        ("datasets", lambda at: "hf:some/name"),
    ],
)
def test_a_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, make: Callable[[Path], Any]
) -> None:
    source = make(tmp_path)
    imports = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return imports(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert f"pip install {package}" in refused(source, MissingDependency)


def test_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def fails(error: Exception) -> None:
        def load(_: str) -> Any:
            raise error

        monkeypatch.setattr(datasets, "load_dataset", load)

    bars = datasets.is_progress_bar_enabled()
    fails(ConnectionError("Couldn't reach\nthe hub"))
    text = refused("hf:some/name@test", DownloadFailed)
    assert "some/name" in text
    assert "couldn't reach" in text
    assert "hf:FOLDER" in text
    fails(datasets.exceptions.DatasetNotFoundError("Dataset 'some/name' doesn't exist on the Hub"))
    assert "doesn't exist" in refused("hf:some/name", DownloadFailed)
    fails(ValueError("Config name is missing"))
    assert "datasets cannot open some/name: config name is missing" in refused("hf:some/name")
    assert datasets.is_progress_bar_enabled() == bars


def test_splits_and_columns_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict({"image": [GOOD], "label": [0]})
    datasets.DatasetDict({"train": rows, "test": rows}).save_to_disk(tmp_path / "many")
    rows.save_to_disk(tmp_path / "one")
    datasets.Dataset.from_dict({"text": ["a"], "n": [1]}).save_to_disk(tmp_path / "none")
    assert "no split val; there are: train, test" in refused(f"hf:{tmp_path}/many@val")
    assert "one split, train" in refused(f"hf:{tmp_path}/one@val")
    assert "no column image" in refused(f"hf:{tmp_path}/none")
    monkeypatch.setattr(datasets, "load_dataset", lambda _: rows.select([]))
    assert "no rows" in refused("hf:some/name")
    monkeypatch.setattr(datasets, "load_dataset", lambda _: datasets.DatasetDict())
    assert "no splits" in refused("hf:some/name")
    (tmp_path / "many" / "dataset_dict.json").write_text(json.dumps({"splits": ["gone"]}))
    assert "datasets cannot open" in refused(f"hf:{tmp_path}/many")
