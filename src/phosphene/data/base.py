"""Datasets: numbered pictures with names and labels. A kind says how it is opened; nothing else knows it."""

from __future__ import annotations

import glob
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from ..errors import BadSpec
from ..files import why
from ..registry import Registry
from .decode import shown
from .listing import matching, walk

kinds: Registry[type[Pictures]] = Registry("kind of dataset")

Raw = Any  # bytes, a path, a PIL image or an array: what decode.decoded takes


class Pictures(ABC):
    """A dataset: numbered pictures, the same numbers every time. Pickles to the same, without open files."""

    about: ClassVar[str]  # what it reads, in one line
    suffixes: ClassVar[tuple[str, ...]] = ()  # of the files that it reads
    mixes: ClassVar[bool] = False  # whether files of other kinds may lie beside them
    prefix: ClassVar[str | None] = None  # of the texts that it opens itself

    source: str  # what opens it again: the text given, paths made absolute

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def name(self, index: int) -> str:
        """The same in every place and time: ``tabby/0001.jpg``, ``train.parquet#17``, ``#17``."""

    @abstractmethod
    def label(self, index: int) -> str | None:
        """The class's name, or its number as text; None if there is none."""

    @abstractmethod
    def raw(self, index: int) -> Raw:
        """The picture, undecoded where possible: bytes, a path, a PIL image or an array. Raises Unreadable."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """32 hex digits of the names and of what is cheap to know of the contents; the same in another place."""

    @classmethod
    def of_text(cls, text: str) -> Pictures:
        """What a text with the prefix stands for."""
        raise NotImplementedError

    @classmethod
    def of_files(cls, root: Path, names: Sequence[str], source: str) -> Pictures:
        """What files with the suffixes hold; ``names`` are relative to ``root``, sorted, at least one."""
        raise NotImplementedError

    @classmethod
    def of_object(cls, data: Any) -> Pictures:
        """What an object with a length and items stands for."""
        raise NotImplementedError


def open_pictures(source: Any) -> Pictures:
    """The dataset at a folder, file, glob or ``hf:NAME``, or in a sequence. Raises BadSpec, MissingDependency,
    DownloadFailed."""
    if isinstance(source, Pictures):
        return source
    if not isinstance(source, str | os.PathLike):
        return kinds.get("live").of_object(source)
    text = os.fspath(source)
    if not isinstance(text, str) or not text:
        raise BadSpec(f"there is no file or folder {text!r}")
    for _, kind in kinds.items():
        if kind.prefix is not None and text.startswith(kind.prefix):
            return kind.of_text(text)
    where = os.path.abspath(os.path.expanduser(text))
    known = tuple(suffix for _, kind in kinds.items() for suffix in kind.suffixes)
    root, names = _files(text, where, known)
    for _, kind in kinds.items():  # pictures first, whatever lies beside them
        own = [name for name in names if name.lower().endswith(kind.suffixes)]
        if kind.suffixes and own:
            others = {Path(name).suffix for name in names} - {Path(name).suffix for name in own}
            if others and not kind.mixes:
                raise BadSpec(f"{shown(text)} holds {' and '.join(sorted({Path(own[0]).suffix, *others}))} files; "
                              "give one kind: a folder or a pattern such as *.parquet")  # fmt: skip
            return kind.of_files(root, own, where)
    raise BadSpec(f"no pictures in {shown(text)}; looked for {' '.join(known)}")


def _files(text: str, where: str, known: tuple[str, ...]) -> tuple[Path, list[str]]:
    """A place's files of known kinds: the folder that all lie in, and their names below it."""
    path = Path(where)
    try:
        if path.is_dir():
            return path, walk(path, known)
        if path.exists():
            return path.parent, [path.name]
    except (OSError, ValueError) as error:  # a name too long; one with a zero in it
        raise BadSpec(f"cannot open {shown(text[:200])}: {why(error)}") from error
    if not glob.has_magic(text) and "{" not in text:
        raise BadSpec(f"there is no file or folder {shown(text)}")
    found = [str(name) for name in matching(where)]
    if not found:
        raise BadSpec(f"no file matches {shown(text)}")
    root = Path(os.path.commonpath([os.path.dirname(name) for name in found]))
    return root, sorted(Path(name).relative_to(root).as_posix() for name in found)


def class_names(folder: Path) -> list[str] | dict[str, str]:
    """The names in a ``classes.json``: a list, a table from numbers, or a list of ``{"label": 0, "name": ...}``."""
    path = folder / "classes.json"
    if not path.is_file():
        return []
    wrong = f"cannot read the class names in {shown(str(path))}"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadSpec(f"{wrong}: {why(error)}") from error
    if isinstance(data, list) and all(isinstance(one, dict) and {"label", "name"} <= one.keys() for one in data):
        return {str(one["label"]): str(one["name"]) for one in data}
    if isinstance(data, list) and all(isinstance(one, str) for one in data):
        return data
    if isinstance(data, dict) and all(isinstance(one, str) for one in data.values()):
        return data
    raise BadSpec(f'{wrong}; write a list of names, {{"0": "name", ...}} or [{{"label": 0, "name": "name"}}, ...]')


def named(label: Any, names: Sequence[str] | dict[str, str]) -> str | None:
    """A label as a data file has it: a number, also one in text, by its name if there is one; else as text."""
    if label is None:
        return None
    text = (label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)).strip()
    if isinstance(names, dict):
        return names.get(text, text) or None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else len(names)
    return (names[number] if number < len(names) else text) or None
