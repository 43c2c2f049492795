"""A filesystem in memory of which one write goes wrong, in each way in which writes do."""

from __future__ import annotations

import errno
import uuid
from typing import Any, Literal

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from phosphene.store.place import Place

How = Literal["fails", "full", "cut", "cut and fails", "half and fails", "strange"]
WAYS: tuple[How, ...] = ("fails", "full", "cut", "cut and fails", "half and fails", "strange")


class Strange(Exception):
    """What no file system should raise, and some do."""


class Faulty(MemoryFileSystem):  # type: ignore[misc]
    """``nth``: the write that goes wrong, from 1; 0 for none. ``how``: what happens then. ``writes`` so far."""

    protocol = "faulty"
    store: dict[str, Any] = {}  # noqa: RUF012  not that of other memories
    pseudo_dirs = [""]  # noqa: RUF012
    cachable = False
    nth, writes = 0, 0
    how: How = "fails"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("faulty://", "memory://")))

    def pipe_file(self, path: str, value: bytes, **more: Any) -> None:
        Faulty.writes += 1
        if Faulty.writes != Faulty.nth:
            super().pipe_file(path, value, **more)
            return
        if Faulty.how in ("cut", "cut and fails"):
            super().pipe_file(path, value[:-1], **more)
        if Faulty.how == "half and fails":
            super().pipe_file(path, value[: len(value) // 2], **more)
        if Faulty.how == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if Faulty.how == "strange":
            raise Strange("the connection\nhas gone away")
        if Faulty.how != "cut":
            raise OSError(errno.EIO, "Input/output error")


def faulty() -> Place:
    """A place of its own in which all goes well, until ``goes_wrong``."""
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    goes_wrong(0)
    return Place(f"faulty://{uuid.uuid4().hex}/store")


def goes_wrong(nth: int, how: How = "fails") -> None:
    """The ``nth`` write from now on."""
    Faulty.nth, Faulty.how, Faulty.writes = nth, how, 0
