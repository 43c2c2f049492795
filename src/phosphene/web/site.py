"""A folder of files that is written anew, and is never half of one that looks whole. No torch."""

from __future__ import annotations

import json
import os
import re
import uuid
from importlib import metadata, resources
from pathlib import Path
from typing import final

from ..errors import BadSpec, OutputError
from ..files import why
from ..store.place import CUT_OFF, Place

MARKER, INDEX = "phosphene-export.json", "index.html"
FOLDERS = ("data", "jobs", "objects", "sheets")  # in which nothing but ours lies
NAME = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
SAYS = '<meta name="phosphene-source" content="files">'


def front_end() -> dict[str, bytes]:
    """The built pages by name, ``index.html`` told to read files. OutputError where they were not built."""
    folder = resources.files("phosphene.web") / "dist"
    if not (folder / INDEX).is_file():
        raise OutputError("the pages are not built in this source checkout: npm ci && npm run build in frontend/")
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    page = found[INDEX].decode()
    if SAYS not in page:
        page = page.replace("<head>", f"<head>\n{SAYS}", 1)
    if SAYS not in page:
        raise OutputError("index.html of the built pages has no <head>; build them again")
    return {**found, INDEX: page.encode()}


@final
class Site:
    """The folder. ``begin``, ``put`` for each file, ``end``; in between it has no ``index.html``."""

    def __init__(self, folder: Path, store: Place) -> None:
        self.folder = folder
        self.files: set[str] = set()
        self.bytes = self.written = self.removed = 0
        self._check(store)

    def _check(self, store: Place) -> None:
        """Refuse a folder that is not ours to write into."""
        folder, there = self.folder, store.local
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"cannot write to {folder}: it is a file; name a folder")
        if there is not None:
            own, other = folder.resolve(), there.resolve()
            if own == other or own in other.parents or other in own.parents:
                raise BadSpec(f"{folder} and the store {store.url} lie in each other; name a folder beside the store")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
            raise OutputError(f"{folder} holds other files; name an empty folder, or one of an earlier export")

    def begin(self) -> None:
        """From here on nothing looks finished."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            about = {"format": 1, "phosphene": metadata.version("phosphene")}
            self.put(MARKER, (json.dumps(about) + "\n").encode())
            (self.folder / INDEX).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write to {self.folder}: {why(error)}") from error

    def put(self, name: str, data: bytes) -> None:
        """A whole file; one that is the same is left as it is. OutputError for a name that leads anywhere else."""
        path = self._path(name)
        self.files.add(name)
        self.bytes += len(data)
        beside = path.with_name(f"{CUT_OFF}{uuid.uuid4().hex}")
        try:
            there = path.is_file() and not path.is_symlink() and path.stat().st_size == len(data)
            if there and path.read_bytes() == data:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(data)
            os.replace(beside, path)
        except OSError as error:
            raise OutputError(f"cannot write {name} to {self.folder}: {why(error)}") from error
        finally:
            beside.unlink(missing_ok=True)
        self.written += 1

    def _path(self, name: str) -> Path:
        """Where a file of that name goes: below the folder, whatever the name says and whatever links lie in it."""
        parts = name.split("/")
        if not NAME.fullmatch(name) or any(part in (".", "..") for part in parts):
            raise OutputError(f"{name[:80]!r} is no name of a file of the pages; the store is damaged, or was made up")
        parents = [self.folder.joinpath(*parts[:count]) for count in range(1, len(parts))]
        self._own(*parents)
        return self.folder.joinpath(*parts)

    def _own(self, *folders: Path) -> None:
        link = next((one for one in folders if one.is_symlink()), None)
        if link is not None:
            raise OutputError(f"cannot write to {self.folder}: {link.name} in it leads elsewhere; delete that link")

    def end(self, index: bytes) -> None:
        """Delete what an earlier export left and this one has not, then write the page that opens it all."""
        self._own(*(self.folder / name for name in FOLDERS))
        try:
            for name in FOLDERS:
                for path in sorted((self.folder / name).rglob("*"), reverse=True):  # files before their folders
                    if path.is_dir() and not path.is_symlink():
                        if not any(path.iterdir()):
                            path.rmdir()
                    elif path.relative_to(self.folder).as_posix() not in self.files:
                        path.unlink()
                        self.removed += not path.name.startswith(CUT_OFF)
        except OSError as error:
            raise OutputError(f"cannot tidy up {self.folder}: {why(error)}") from error
        self.put(INDEX, index)
