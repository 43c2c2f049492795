"""Pictures of records as addresses and sizes, once it is known that they are whole. No torch."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any, final

from ...errors import StoreError
from ...store.paths import hashed, object_of
from ...store.place import Place
from ..schema.documents import Strip
from ..schema.paths import OBJECT
from .kept import Recent

FORMATS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "jpeg": "JPEG"}  # what a file of each ending is
REMEMBERED = 65536  # pictures that were found to be whole

Size = tuple[int, int]  # width, height


@final
class Payloads:
    """The pictures of a store. Each is read once to see that it is whole."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._sizes: Recent[str, Size] = Recent(REMEMBERED)

    def look(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Read the pictures of some records together: a store on another machine is asked once."""
        names = {}
        for record in records:
            for entry in (record.get("payloads") or {}).values():
                path = _path(entry)
                if path is not None and self._sizes.get(path) is None:
                    names[path] = str(entry["hash"])
        for path, data in self.place.read_each(names):
            if not isinstance(data, StoreError) and hashed(data) == names[path]:
                size = size_of(data, path.rpartition(".")[2])
                if size is not None:
                    self._sizes.put(path, size)

    def picture(self, record: Mapping[str, Any], name: str) -> tuple[str, int, int]:
        """Address, width, height. StoreError when there is none, or it is missing or damaged."""
        entry = (record.get("payloads") or {}).get(name)
        path = _path(entry)
        if entry is None or path is None:
            raise StoreError(f"its record names no {name}")
        if self._sizes.get(path) is None:
            self.look([{"payloads": {name: entry}}])
        size = self._sizes.get(path)
        if size is None:
            raise StoreError(f"{path} is missing or damaged; phosphene verify puts it aside, the next sweep makes it")
        return path, *size

    def strip(self, record: Mapping[str, Any], name: str, count: int) -> Strip | None:
        """``count`` pictures side by side; None where they do not fit the file's width."""
        url, width, height = self.picture(record, name)
        return Strip(url, count, width // count, height) if count > 0 and width % count == 0 else None

    def object(self, name: str) -> bytes:
        """A picture by ``AB/HASH.KIND``; StoreError for any other name, for what is missing or damaged, and for what is
        not of the kind that its name says: browsers would show it as something else."""
        found = OBJECT.fullmatch(name)
        if found is None or found["two"] != found["hash"][:2]:
            raise StoreError("there is no such picture; its name is AB/HASH.KIND")
        path = object_of(found["hash"], found["kind"])
        try:
            data = self.place.read(path)
        except StoreError:
            raise StoreError(f"there is no picture {name} in the store") from None
        if hashed(data) != found["hash"]:
            raise StoreError(f"the picture {name} is damaged; phosphene verify puts it aside")
        if self._sizes.get(path) is None:
            size = size_of(data, found["kind"])
            if size is None:
                raise StoreError(f"there is no picture {name} in the store: what is called so is no {found['kind']}")
            self._sizes.put(path, size)
        return data


def _path(entry: Any) -> str | None:
    try:
        return path_of(str(entry["hash"]), str(entry["kind"]))
    except (TypeError, KeyError):
        return None


def path_of(digest: str, kind: str) -> str | None:
    """Where a picture is in the store, and in the pages; None for what can be the name of none."""
    path = object_of(digest, kind)
    return path if OBJECT.fullmatch(path.removeprefix("objects/")) else None


def size_of(data: bytes, kind: str) -> Size | None:
    """What a picture's head says; nothing is decoded. ``kind``: its name's ending; None where it is of another."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=[FORMATS[kind]]) as picture:
            return picture.width, picture.height
    except (UnidentifiedImageError, OSError, KeyError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
