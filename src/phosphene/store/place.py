"""Where a store lies: a folder, or any URL that fsspec knows (``s3://``, ``gs://``, ``memory://`` ...). No torch."""

from __future__ import annotations

import os
import posixpath
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, final

from ..errors import MissingDependency, OutputError, StoreError
from ..files import why

AT_A_TIME = 256  # files that are asked for together
CUT_OFF = ".phosphene-"  # how the name of a file begins while it is being written


class Found(NamedTuple):
    """A file in a store, and its size in bytes."""

    name: str
    size: int


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
            filesystem, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)  # others write here too
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
            probe = folder / f"{CUT_OFF}{uuid.uuid4().hex}"
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
                self._put(filesystem, path, data)
                return
            os.makedirs(posixpath.dirname(path), exist_ok=True)
            _replace(path, data)
        except Exception as error:  # what a connection raises is not always an OSError
            raise OutputError(f"cannot write {name} to the store {self.url}: {_why(error)}") from error

    def _put(self, filesystem: Any, path: str, data: bytes) -> None:
        """What another machine took in must be as long as what was sent; what was cut off is taken away again."""
        try:
            filesystem.pipe_file(path, data)
            there = filesystem.size(path)
            if there != len(data):
                raise OSError(f"it kept {there} of {len(data)} bytes")
        except Exception:
            with suppress(Exception):
                found = filesystem.cat_file(path)
                if len(found) < len(data) and data.startswith(found):
                    filesystem.rm_file(path)
            raise

    def read(self, name: str) -> bytes:
        """A file's content; StoreError when it is not there or cannot be read."""
        filesystem, root = self._opened
        try:
            data: bytes = filesystem.cat_file(posixpath.join(root, name))
        except FileNotFoundError as error:
            raise StoreError(f"the store {self.url} has no {name}") from error
        except Exception as error:
            raise StoreError(f"cannot read {name} of the store {self.url}: {_why(error)}") from error
        return data

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Files with their names, in order; a store on another machine is asked for many at a time.

        StoreError at the first that is not there or cannot be read.
        """
        for name, data in self.read_each(names):
            if isinstance(data, StoreError):
                raise data
            yield name, data

    def read_each(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | StoreError]]:
        """As ``read_many``, but where a file is not there or cannot be read, the error stands in its place."""
        for some in _batched(names, 1 if self.local is not None else AT_A_TIME):
            yield from zip(some, self._read_all(some), strict=True)

    def _read_all(self, names: Sequence[str]) -> list[bytes | StoreError]:
        if len(names) == 1:
            try:
                return [self.read(names[0])]
            except StoreError as error:
                return [error]
        filesystem, root = self._opened
        paths = [posixpath.join(root, name) for name in names]
        try:
            found = filesystem.cat(paths, on_error="return")
        except Exception as error:
            found = dict.fromkeys(paths, error)
        return [self._read_or_not(name, found[path]) for name, path in zip(names, paths, strict=True)]

    def _read_or_not(self, name: str, found: Any) -> bytes | StoreError:
        if not isinstance(found, Exception):
            data: bytes = found
            return data
        error = StoreError(f"cannot read {name} of the store {self.url}: {_why(found)}")
        error.__cause__ = found
        return error

    def has(self, name: str) -> bool:
        filesystem, root = self._opened
        try:
            return bool(filesystem.exists(posixpath.join(root, name)))
        except Exception as error:
            raise StoreError(f"cannot look into the store {self.url}: {_why(error)}") from error

    def names(self, folder: str = "") -> list[str]:
        """The files and folders right below a folder, sorted; none if there is no such folder."""
        filesystem, root = self._opened
        path = posixpath.join(root, folder).rstrip("/")
        try:
            found = filesystem.ls(path or root, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except Exception as error:
            raise StoreError(f"cannot look into the store {self.url}: {_why(error)}") from error
        below = (str(one).rstrip("/") for one in found)  # what is a file lists itself
        names = {posixpath.basename(one) for one in below if one != path}
        return sorted(name for name in names if not name.startswith(CUT_OFF))

    def below(self, folder: str = "") -> list[Found]:
        """Every file at any depth below a folder, by name; also what is left of writes that were cut off."""
        filesystem, root = self._opened
        path = posixpath.join(root, folder).rstrip("/")
        try:
            found = filesystem.find(path or root, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except Exception as error:
            raise StoreError(f"cannot look into the store {self.url}: {_why(error)}") from error
        cut = len(root.rstrip("/")) + 1
        return sorted(Found(str(name)[cut:], int(info.get("size") or 0)) for name, info in found.items())

    def written(self, name: str) -> datetime | None:
        """When a file was written; None where the filesystem does not say, or there is no such file."""
        filesystem, root = self._opened
        try:
            when = filesystem.modified(posixpath.join(root, name))
        except Exception:
            return None
        known: datetime = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return known

    def age(self, name: str) -> float | None:
        """Seconds since a file was written; None where that is not known."""
        when = self.written(name)
        return None if when is None else (datetime.now(UTC) - when).total_seconds()

    def move(self, name: str, to: str) -> None:
        """Copy a file, then remove it where it was; a file of the new name is written over."""
        self.write(to, self.read(name))
        self.remove(name)

    def remove(self, name: str) -> None:
        """Delete a file or a folder with all in it; nothing happens where there is none."""
        filesystem, root = self._opened
        path = posixpath.join(root, name)
        try:
            if filesystem.exists(path):
                filesystem.rm(path, recursive=True)
        except FileNotFoundError:  # another writer was faster
            return
        except Exception as error:
            raise OutputError(f"cannot delete {name} of the store {self.url}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Why something did not work, in one line."""
    return " ".join(why(error).split()) or type(error).__name__


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _settled(folder: str) -> None:
    """Names last through a power cut, too, where the system has a way to say so."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # not on every filesystem
        return
    finally:
        os.close(handle)


def _replace(path: str, data: bytes) -> None:
    beside = posixpath.join(posixpath.dirname(path), f"{CUT_OFF}{uuid.uuid4().hex}")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _settled(posixpath.dirname(path))
    finally:
        if os.path.exists(beside):
            os.unlink(beside)
