"""Which files a place holds, and a million names in little memory."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..errors import BadSpec
from ..files import why
from .decode import shown

MOST_NUMBERS = 1_000_000  # that a range in braces may stand for


class Names(Sequence[str]):
    """Texts in one block of bytes: a tenth of a list's memory, and nothing for forked workers to copy."""

    def __init__(self, names: Iterable[str]) -> None:
        ends, block = [0], bytearray()
        for name in names:
            block += name.encode("utf-8", "surrogatepass")
            ends.append(len(block))
        self._block, self._ends = bytes(block), np.array(ends, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(f"no name {index} of {len(self)}")
        return self._block[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogatepass")


def digest(parts: Iterable[str | bytes]) -> str:
    """32 hex digits of texts in their order."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()


def walk(root: Path, suffixes: tuple[str, ...]) -> list[str]:
    """The files below a folder that end so, relative, with ``/``, sorted; hidden ones not, each folder once.

    Links to folders are followed after the real folders, so that a loop or a second way changes no name.
    """
    names: list[str] = []
    seen: set[tuple[int, int]] = set()
    real: list[str] = [""]
    linked: list[str] = []
    while real or linked:
        linked.sort(reverse=True)
        inner = (real or linked).pop()
        try:
            place = os.stat(root / inner)
            if (place.st_dev, place.st_ino) in seen:
                continue
            seen.add((place.st_dev, place.st_ino))
            with os.scandir(root / inner) as entries:
                for entry in entries:
                    name = f"{inner}/{entry.name}" if inner else entry.name
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        (linked if entry.is_symlink() else real).append(name)
                    elif entry.name.lower().endswith(suffixes) and (entry.is_file() or _broken(entry)):
                        names.append(name)
        except OSError as error:
            raise BadSpec(f"cannot list the folder {shown(str(root / inner))}: {why(error)}") from error
    return sorted(names)


def _broken(entry: os.DirEntry[str]) -> bool:
    """A link to nothing: listed, so that it is named among what cannot be read."""
    return entry.is_symlink() and not os.path.exists(entry.path)


def matching(pattern: str) -> list[Path]:
    """The files that a glob or a range in braces stands for, sorted; BadSpec for a gap in the range."""
    found: dict[Path, None] = {}
    for text in braces(pattern):
        if glob.has_magic(text):
            found |= dict.fromkeys(Path(name) for name in sorted(glob.glob(text, recursive=True)))
        elif os.path.exists(text):
            found[Path(text)] = None
        else:
            raise BadSpec(f"there is no file {shown(text)}, which {shown(pattern)} stands for")
    return [path for path in found if path.is_file()]


def braces(pattern: str) -> Iterator[str]:
    """The texts that ``{000..010}`` and ``{a,b}`` stand for.

    >>> list(braces("x-{08..10}.{tar,txt}"))[:3]
    ['x-08.tar', 'x-08.txt', 'x-09.tar']
    """
    pieces = re.split(r"\{([^{}]*)\}", pattern)
    choices: list[Sequence[str]] = []
    count = 1
    for index, piece in enumerate(pieces):
        bounds = re.fullmatch(r"(\d+)\.\.(\d+)", piece) if index % 2 else None
        if bounds:
            first, last = int(bounds[1]), int(bounds[2])
            count *= max(0, last - first + 1)
            if not 0 < count <= MOST_NUMBERS:
                raise BadSpec(f"the range {{{piece}}} of {shown(pattern)} stands for {count} files; 1 to a million go")
            choices.append([f"{number:0{len(bounds[1])}d}" for number in range(first, last + 1)])
        elif index % 2:
            choices.append(piece.split(",") if "," in piece else [f"{{{piece}}}"])
        else:
            choices.append([piece])
    return ("".join(words) for words in itertools.product(*choices))
