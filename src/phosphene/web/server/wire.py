"""uvicorn, less patient: headers that trickle, connections that pile up, streams that would keep it from ending."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, final

import h11
import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .app import Application
from .security import ALWAYS

HEADERS_BYTES = 32768
HEADERS_SECONDS = 10.0  # from the end of the last answer until all headers of the next request are there
MOST_CONNECTIONS = 256  # beyond, the oldest that asks for nothing is closed
LAST_WORDS = 2  # seconds that answers get when the server ends


@final
class Wire(H11Protocol):
    """A connection that is closed when nothing is asked on it for too long."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._began = False

    @property
    def busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self._watch()
        others = [one for one in self.connections if isinstance(one, Wire) and one is not self]
        if len(others) >= MOST_CONNECTIONS:
            idle = [one for one in others if not one.busy and one._deadline is not None]
            oldest = min(idle, key=lambda one: one._deadline.when() if one._deadline else 0.0, default=self)
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._began = True
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        self._began = False
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Called where something is no HTTP, while the error that says so is at hand."""
        hint = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self._refuse(hint, "the headers are too long" if hint == 431 else "this is no request that can be read")

    def _watch(self) -> None:
        """Start the clock where nothing is being answered, stop it where something is."""
        if self.busy or self.transport.is_closing():
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_SECONDS, self._too_late)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing() or self.busy:
            return
        if self._began and self.conn.our_state is h11.IDLE:
            self._refuse(408, f"the request was not there after {HEADERS_SECONDS:.0f} seconds; send it faster")
        else:
            self.transport.close()

    def _refuse(self, status: int, line: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # an answer is on its way already
            self.transport.close()
            return
        body = json.dumps({"error": line}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
            *ALWAYS,
        ]
        answer = h11.Response(status_code=status, headers=headers, reason=b"")
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


@final
class Server(uvicorn.Server):
    """An application on a socket that listens. ``ready``: set when requests are answered."""

    def __init__(self, application: Application, listening: socket.socket, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=Wire,
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=HEADERS_BYTES,
                timeout_graceful_shutdown=LAST_WORDS,
            )
        )
        self._application, self._listening, self._ready = application, listening, ready

    def serve_here(self) -> None:
        """Answer until a signal comes, or ``should_exit`` is set."""
        super().run(sockets=[self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        threading.Thread(target=self._ready, name="phosphene-ready", daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.close()  # open streams never end of themselves
        await super().shutdown(sockets=sockets)
