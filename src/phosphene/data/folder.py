"""Folders of pictures, in it and below; and a single picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .base import Pictures, Raw, kinds
from .decode import SUFFIXES
from .listing import Names, digest

UNCOMPRESSED = (".bmp", ".npy", ".pbm", ".pgm", ".pnm", ".ppm", ".tif", ".tiff")
PIECES, PIECE = 8, 64  # places in such a file that a fingerprint looks at, and bytes there


@kinds.register("folder")
class Folder(Pictures):
    """Picture files below a folder; a label is the folder of the first level."""

    about = "a folder of pictures (and of folders of them, one per class), a picture, a pattern such as DIR/*.jpg"
    suffixes = SUFFIXES
    mixes = True

    def __init__(self, root: Path, names: Sequence[str], source: str) -> None:
        self.source, self._root, self._names = source, root, Names(names)
        self._fingerprint: str | None = None

    @classmethod
    def of_files(cls, root: Path, names: Sequence[str], source: str) -> Folder:
        return cls(root, names, source)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        return self._names[index]

    def label(self, index: int) -> str | None:
        first, slash, _ = self._names[index].partition("/")
        return first if slash else None

    def raw(self, index: int) -> Raw:
        return self._root / self._names[index]

    @property
    def fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = digest(self._contents())
        return self._fingerprint

    def _contents(self) -> Iterator[str]:
        for name in self._names:
            try:
                size = os.stat(self._root / name).st_size
                pieces = _pieces(self._root / name, size) if name.lower().endswith(UNCOMPRESSED) else ""
            except OSError:
                size, pieces = -1, ""
            yield f"{name}\0{size}{pieces}"


def _pieces(path: Path, size: int) -> str:
    """Some of a file's content, in hexadecimal: in these kinds another picture can have as many bytes."""
    with open(path, "rb") as file:
        found = b""
        for part in range(PIECES):
            file.seek(part * size // PIECES)
            found += file.read(PIECE)
    return "\0" + found.hex()
