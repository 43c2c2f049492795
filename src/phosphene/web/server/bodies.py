"""What a request brings along, taken in whole: not more than is allowed, nor slower than is sensible. No torch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

JSON_BYTES = 64 * 1000
PATIENCE = 10.0  # seconds until a body must be there, and one more for each of
RATE = 50_000  # bytes
LEFTOVER_BYTES, LEFTOVER_SECONDS = 64 * 1000 * 1000, 3.0  # that are thrown away so that the sender gets to read why


class Refused(Exception):
    """A request that is not answered as asked: an HTTP status, one line, more headers."""

    def __init__(self, status: int, line: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers


class Gone(Exception):
    """Whoever asked is not there any more."""


async def whole(receive: Receive, said: int | None, most: int) -> bytes:
    """The body. ``said``: its length as the request tells it. Raises Refused (408, 413), Gone."""
    loop = asyncio.get_running_loop()
    data, began = bytearray(), loop.time()
    while said is None or said <= most:
        left = began + PATIENCE + len(data) / RATE - loop.time()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0.0))
        except TimeoutError:
            raise Refused(408, f"only {len(data)} bytes came in {PATIENCE:.0f} seconds; send them faster") from None
        if message["type"] != "http.request":
            raise Gone
        data += message.get("body", b"")
        if len(data) > most:
            break
        if not message.get("more_body", False):
            return bytes(data)
    if said is None or said <= LEFTOVER_BYTES:
        await swallowed(receive)
    raise Refused(413, f"at most {_size(most)} are taken here, this is more; send less")


async def swallowed(receive: Receive) -> None:
    """Throw away what still comes, up to a point: a connection that is cut while it sends never reads the answer."""
    count = 0
    try:
        async with asyncio.timeout(LEFTOVER_SECONDS):
            while count < LEFTOVER_BYTES:
                message = await receive()
                count += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives a body that was taken in already, then what comes after."""
    left = [body]

    async def given() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return given


def _size(count: int) -> str:
    return f"{count // 1000} kB" if count < 1_000_000 else f"{count // 1_000_000} MB"
