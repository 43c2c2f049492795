"""WebDataset: pictures and labels side by side in plain tar files, read from where they lie."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadSpec, Unreadable
from ..files import why
from .base import Pictures, Raw, class_names, kinds, named
from .decode import SUFFIXES, shown
from .listing import Names, digest

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
MOST_LABEL = 1 << 20  # bytes of a .json that are looked through for a label


@kinds.register("webdataset")
class Tars(Pictures):
    """The pictures of tar files in their order; members with the same key belong together."""

    about = (
        "a .tar file, a folder or a pattern of them such as x-{000..010}.tar (WebDataset): .jpg beside .cls or .json"
    )
    suffixes = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")

    def __init__(self, root: Path, names: Sequence[str], source: str) -> None:
        self.source, self._root, self._tars = source, root, Names(names)
        found = [(number, *one) for number, name in enumerate(names) for one in _pictures(root / name)]
        if not found:
            raise BadSpec(f"no pictures in {shown(source)}; looked for members that end in {' '.join(SUFFIXES)}")
        self._names = Names(f"{names[one[0]]}/{one[1]}" for one in found)
        # the tar, where its picture lies and how long it is, the same of its label, whether that is .json
        self._places = np.array([(one[0], *one[2:]) for one in found], dtype=np.int64)
        self._classes = class_names((root / names[0]).parent)
        sizes = (f"{name}\0{os.stat(root / name).st_size}" for name in names)
        self._fingerprint = digest([*sizes, digest(self._names), self._places.tobytes()])

    @classmethod
    def of_files(cls, root: Path, names: Sequence[str], source: str) -> Tars:
        return cls(root, names, source)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        return self._names[index]

    def label(self, index: int) -> str | None:
        self.name(index)  # an index that is none
        tar, _, _, offset, size, table = (int(value) for value in self._places[index])
        if offset < 0 or size > MOST_LABEL:
            return None
        try:
            data: Any = _bytes(self._root / self._tars[tar], offset, size)
            if table:
                data = json.loads(data)
                data = data.get("label") if isinstance(data, dict) else None
        except (OSError, ValueError, RecursionError):
            return None
        return named(data, self._classes) if isinstance(data, bytes | str | int) else None

    def raw(self, index: int) -> Raw:
        name = self.name(index)
        tar, offset, size, *_ = (int(value) for value in self._places[index])
        path = self._root / self._tars[tar]
        try:
            data = _bytes(path, offset, size)
        except OSError as error:
            raise Unreadable(f"cannot read {shown(str(path))}: {why(error)}") from error
        if len(data) != size:
            raise Unreadable(f"{shown(str(path))} ends before {shown(name)} does")
        return data

    @property
    def fingerprint(self) -> str:
        return self._fingerprint


def _bytes(path: Path, offset: int, size: int) -> bytes:
    """Opened anew each time: that costs next to nothing, and works in threads and in forked workers."""
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


Member = tuple[str, int, int]  # name, offset, bytes


def _pictures(path: Path) -> Iterator[tuple[str, int, int, int, int, bool]]:
    """Name, offset and length of each picture, offset and length of its label (-1 without), whether that is .json."""
    group: dict[str, Member] = {}
    key = None
    for member in _members(path):
        folder, slash, last = member[0].rpartition("/")
        stem, _, ending = last.partition(".")
        if (folder + slash + stem) != key or ending in group:
            yield from _of_group(group)
            key, group = folder + slash + stem, {}
        group[ending.lower()] = member
    yield from _of_group(group)


def _of_group(group: dict[str, Member]) -> Iterator[tuple[str, int, int, int, int, bool]]:
    pictures = [member for ending, member in group.items() if f".{ending}".endswith(SUFFIXES)]
    exact = [member for ending, member in group.items() if f".{ending}" in SUFFIXES]
    label = group.get("cls") or group.get("json") or ("", -1, 0)
    for member in exact[:1] or pictures:  # 0001.jpg of 0001.jpg and 0001.mask.png; all of a.1.jpg and a.2.jpg
        yield *member, *label[1:], "cls" not in group


def _members(path: Path) -> Iterator[Member]:
    """The plain files of a tar; BadSpec for what is none, is packed or ends too soon."""
    wrong = f"cannot read {shown(str(path))}"
    try:
        with open(path, "rb") as file:
            start = file.read(512)
            packer = next((name for magic, name in PACKED.items() if start.startswith(magic)), None)
            if packer is not None:
                raise BadSpec(
                    f"{wrong}: it is packed with {packer}; pictures are read from anywhere in a tar, unpack it"
                )
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as tar:
                while (member := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # it keeps them all
                    hidden = member.name.rpartition("/")[2].startswith(".")
                    if member.isreg() and not member.issparse() and not hidden:
                        yield member.name.removeprefix("./"), member.offset_data, member.size
                file.seek(tar.offset)
            if any(file.read(512)):  # where tarfile stopped without a word, though no end is marked
                raise BadSpec(f"{wrong}: it is damaged at byte {tar.offset}; copy it again")
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise BadSpec(f"{wrong}: {why(error)}") from error
