"""Where a store lies: a folder, or any URL that fsspec knows (``s3://``, ``gs://``, ``memory://`` ...). No torch."""

from __future__ import annotations

import os
import posixpath
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, final

from ..errors import MissingDependency, OutputError, StoreError
from ..files import why


AT_A_TIME = 256  # files that are asked for together


def _batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Items in lists of ``size``, the last perhaps shorter."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


@final
@dataclass(frozen=True)
class Place:
    """A store's root. Files in it are written whole or not at all; names are posix paths below the root."""

    url: str

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        import fsspec

        if not self.url or "\0" in self.url:
            raise StoreError(f"a store is a folder or a URL, not {self.url!r}")
        try:
            filesystem, root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise MissingDependency(f"the store {self.url} needs another package: {why(error)}") from error
        except (ValueError, OSError) as error:
            raise StoreError(f"cannot open the store {self.url}: {why(error)}") from error
        return filesystem, str(root)

    @property
    def local(self) -> Path | None:
        """The folder, if it is one."""
        filesystem, root = self._opened
        return Path(root) if "file" in _protocols(filesystem) else None

    def check(self) -> None:
        """Raise OutputError now if nothing could be written here; a local folder is made."""
        folder = self.local
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".phosphene-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except FileExistsError as error:
            raise OutputError(f"the store {self.url} is a file; name a folder") from error
        except OSError as error:
            raise OutputError(f"cannot write to the store {self.url}: {why(error)}; choose another place") from error

    def write(self, name: str, data: bytes) -> None:
        """A whole file or nothing: a local one is flushed and renamed over its name, others are put at once."""
        filesystem, root = self._opened
        path = posixpath.join(root, name)
        try:
            if self.local is None:
                filesystem.pipe_file(path, data)
                self._check_whole(name, path, len(data))
                return
            os.makedirs(posixpath.dirname(path), exist_ok=True)
            _replace(path, data)
        except OSError as error:
            raise OutputError(f"cannot write {name} to the store {self.url}: {why(error)}") from error

    def read(self, name: str) -> bytes:
        """A file's content; StoreError when it is not there or cannot be read."""
        filesystem, root = self._opened
        try:
            data: bytes = filesystem.cat_file(posixpath.join(root, name))
        except FileNotFoundError as error:
            raise StoreError(f"the store {self.url} has no {name}") from error
        except OSError as error:
            raise StoreError(f"cannot read {name} of the store {self.url}: {why(error)}") from error
        return data

    def _check_whole(self, name: str, path: str, size: int) -> None:
        """What another machine took in must be as long as what was sent."""
        filesystem, _ = self._opened
        there = filesystem.size(path)
        if there != size:
            raise OutputError(f"the store {self.url} kept {there} of the {size} bytes of {name}")

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Files with their names, in order; a store on another machine is asked for many at a time.

        StoreError at the first that is not there or cannot be read.
        """
        for some in _batched(names, 1 if self.local is not None else AT_A_TIME):
            yield from zip(some, self._read_all(some), strict=True)

    def _read_all(self, names: Sequence[str]) -> list[bytes]:
        if len(names) == 1:
            return [self.read(names[0])]
        filesystem, root = self._opened
        paths = [posixpath.join(root, name) for name in names]
        found = filesystem.cat(paths, on_error="return")
        for name, path in zip(names, paths, strict=True):
            if isinstance(found[path], BaseException):
                raise StoreError(f"cannot read {name} of the store {self.url}: {why(found[path])}") from found[path]
        return [found[path] for path in paths]

    def has(self, name: str) -> bool:
        filesystem, root = self._opened
        return bool(filesystem.exists(posixpath.join(root, name)))

    def names(self, folder: str = "") -> list[str]:
        """The files and folders right below a folder, sorted; none if there is no such folder."""
        filesystem, root = self._opened
        path = posixpath.join(root, folder).rstrip("/")
        try:
            found = filesystem.ls(path or root, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(f"cannot look into the store {self.url}: {why(error)}") from error
        below = (str(one).rstrip("/") for one in found)  # what is a file lists itself
        names = {posixpath.basename(one) for one in below if one != path}
        return sorted(name for name in names if not name.startswith(".phosphene-"))  # of writes that were cut off

    def remove(self, name: str) -> None:
        """Delete a file or a folder with all in it; nothing happens where there is none."""
        filesystem, root = self._opened
        path = posixpath.join(root, name)
        try:
            if filesystem.exists(path):
                filesystem.rm(path, recursive=True)
        except FileNotFoundError:  # another writer was faster
            return
        except OSError as error:
            raise OutputError(f"cannot delete {name} of the store {self.url}: {why(error)}") from error


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _replace(path: str, data: bytes) -> None:
    beside = posixpath.join(posixpath.dirname(path), f".phosphene-{uuid.uuid4().hex}")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        if os.path.exists(beside):
            os.unlink(beside)
