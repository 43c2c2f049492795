"""One desk at a time: a lock that the system lets go of when its holder ends, however that happens. No torch."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import final

from ...errors import OutputError, StoreError
from ...files import why
from ...store.place import Place
from .journal import LIVE

NAME = "lock"
TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class Taken(StoreError):
    """Another process makes the live pictures of this store."""


@final
class Lock:
    """Held from now on. Taken when another holds it, OutputError when it cannot be written.

    ``alone``: nobody else works here. False where there is nothing to lock: in stores on other machines, and on
    filesystems without locks.
    """

    def __init__(self, place: Place) -> None:
        self.alone = False
        self._handle: int | None = None
        if place.local is None:
            return
        path = place.local / LIVE / NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        except OSError as error:
            raise OutputError(f"cannot write {LIVE}/{NAME} to the store {place.url}: {why(error)}") from error
        try:
            _lock(handle)
        except OSError as error:
            os.close(handle)
            if error.errno in TAKEN:
                raise Taken(f"another phosphene serve makes the live pictures of {place.url}; use that one") from error
            return
        self.alone, self._handle = True, handle

    def close(self) -> None:
        """Let go of it."""
        if self._handle is not None:
            with suppress(OSError):
                os.close(self._handle)
        self._handle, self.alone = None, False


def free(place: Place) -> bool:
    """Whether nobody holds the lock of a store."""
    try:
        Lock(place).close()
    except Taken:
        return False
    return True


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
