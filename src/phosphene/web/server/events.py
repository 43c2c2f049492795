"""What the desk tells, passed on to every page that listens. No torch.

Each listener has a box with the latest state of each job: one that reads slowly misses states between, never the last.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, final

from pydantic import TypeAdapter
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ..schema.live_documents import JobDoc
from ..schema.parts import DeskPart

MOST_LISTENERS, MOST_WAITING = 16, 512  # a listener for whom more wait is sent away; it comes back and asks for all
HEARTBEAT = 15.0  # seconds between two signs of life
BEGIN = b"retry: 1000\n\n"  # milliseconds until a page that was cut off tries again


_JOB, _TEXTS = TypeAdapter(JobDoc), TypeAdapter(dict[str, str])


def event(kind: str, told: Any) -> bytes:
    """An event as it goes over the line: ``job``, ``gone`` or ``layer``."""
    if kind == "job":
        text = _JOB.dump_json(told)
    elif kind == "gone":
        text = _TEXTS.dump_json({"id": str(told)})
    else:
        text = _TEXTS.dump_json({"network": told[0], "layer": told[1]})
    return b"event: " + kind.encode() + b"\ndata: " + text + b"\n\n"


@final
class Box:
    """What one listener has not read yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rings = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, Any], Any] = {}
        self.closed = False

    def put(self, kind: str, told: Any) -> None:
        """From any thread; never waits."""
        key = ("job", told.id) if kind == "job" else ("job", told) if kind == "gone" else (kind, told)
        with self._lock:
            self._waiting.pop(key, None)  # the newest comes last
            self._waiting[key] = (kind, told)
            if len(self._waiting) > MOST_WAITING:
                self.closed = True
        self._ring()

    def close(self) -> None:
        self.closed = True
        self._ring()

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._rings.set)
        except RuntimeError:  # the server has ended meanwhile
            self.closed = True

    async def taken(self, wait: float) -> list[tuple[str, Any]]:
        """What came since; nothing when ``wait`` seconds went by."""
        try:
            await asyncio.wait_for(self._rings.wait(), wait)
        except TimeoutError:
            return []
        self._rings.clear()
        with self._lock:
            found, self._waiting = list(self._waiting.values()), {}
        return found


@final
class Hub:
    """All listeners. ``close`` ends their streams."""

    def __init__(self, desk: DeskPart | None, heartbeat: float = HEARTBEAT) -> None:
        self._boxes: tuple[Box, ...] = ()
        self._lock = threading.Lock()
        self._heartbeat = heartbeat
        self._closed = False
        self._unlisten: Callable[[], None] = (lambda: None) if desk is None else desk.listen(self._told)

    def _told(self, told: tuple[str, Any]) -> None:
        for box in self._boxes:
            box.put(told[0], told[1])

    def enter(self) -> Box | None:
        """A box for one more listener; None where there are too many."""
        with self._lock:
            if len(self._boxes) >= MOST_LISTENERS:
                return None
            box = Box(asyncio.get_running_loop())
            self._boxes = (*self._boxes, box)
        if self._closed:
            box.close()
        return box

    def leave(self, box: Box) -> None:
        with self._lock:
            self._boxes = tuple(one for one in self._boxes if one is not box)

    async def stream(self, box: Box) -> AsyncIterator[bytes]:
        """Events as they come, with signs of life between, until one side has enough."""
        yield BEGIN
        while not box.closed:
            found = await box.taken(self._heartbeat)
            for kind, told in found:
                yield event(kind, told)
            if not found and not box.closed:
                yield b": still here\n\n"

    def close(self) -> None:
        if not self._closed:
            self._unlisten()
        self._closed = True
        for box in self._boxes:
            box.close()


@final
class Stream(StreamingResponse):
    """The answer to a listener. It leaves the hub also where its first word was never read."""

    def __init__(self, hub: Hub, box: Box) -> None:
        super().__init__(hub.stream(box), media_type="text/event-stream")
        self._hub, self._box = hub, box

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._box)
