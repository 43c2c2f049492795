"""Real servers for the tests: in a thread with parts of one's own, or ``phosphene serve`` as a process."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from phosphene.models.network import Network
from phosphene.store.ledger import Ledger
from phosphene.web.serve import assembled
from phosphene.web.server.doors import Door, link
from phosphene.web.server.keys import Keys
from phosphene.web.server.security import Guard, Hosts
from phosphene.web.server.wire import Server

TOKEN = "a-token-for-scripts"
PATIENCE = 15.0  # seconds for one answer


@dataclass
class Answer:
    """What came back on a plain connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass
class Served:
    """A server that runs. ``words``: those that let in once, as the terminal would show them."""

    port: int
    keys: Keys
    ledger: Ledger
    words: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        """A ``Cookie`` header of someone who was let in."""
        return f"{self.keys.cookie}={self.keys.signed()}"

    def client(self) -> httpx.Client:
        """What a page in the browser that was let in is: cookie and origin."""
        return httpx.Client(base_url=self.url, headers={"cookie": self.cookie, "origin": self.url}, timeout=PATIENCE)

    def script(self) -> httpx.Client:
        """What a script with the token is."""
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE)

    def plain(self, data: bytes, method: str = "GET") -> Answer:
        """Whatever bytes on a connection of their own, and the answer to them."""
        with self.connected() as connection:
            with suppress(OSError):  # it may be shut before all is sent; what it said is still there
                connection.sendall(data)
            return answer(connection, method)

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            yield connection

    def well(self) -> bool:
        """Whether a good request is answered."""
        with self.client() as client:
            return client.get("/api/v1/site").status_code == 200


def answer(connection: socket.socket, method: str = "GET") -> Answer:
    """Read one answer. ``http.client.BadStatusLine`` or OSError where there is none."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


@contextmanager
def served(
    ledger: Ledger, networks: Mapping[str, Network] | None = None, *, token: str | None = TOKEN, waiting: int = 32
) -> Iterator[Served]:
    """A server in a thread: a store, and the networks of which new pictures can be made, by fingerprint."""
    with ExitStack() as stack:
        listening = stack.enter_context(Door(port=0).listen())
        port = listening.getsockname()[1]
        words: list[str] = []
        keys = Keys(b"s" * 32, port, token=token, tell=words.append)
        app = assembled(ledger, networks or {}, Guard(keys, Hosts.of(port)), stack, waiting=waiting)
        ready = threading.Event()
        server = Server(app, listening, ready.set)
        thread = threading.Thread(target=server.serve_here, daemon=True)
        thread.start()
        assert ready.wait(20), "the server did not begin"
        try:
            yield Served(port, keys, ledger, words)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server did not end"


@dataclass
class Running:
    """``phosphene serve`` as a process."""

    process: subprocess.Popen[str]
    link: str
    said: list[str]

    @property
    def port(self) -> int:
        found = re.search(r":(\d+)/", self.link)
        assert found is not None
        return int(found[1])

    @property
    def url(self) -> str:
        return link("127.0.0.1", self.port).rstrip("/")

    def fresh_link(self) -> str:
        """A link that works now: the last that was printed."""
        return next(line.removeprefix("open ") for line in reversed(self.said) if line.startswith("open "))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def end(self, how: int = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(20)


@contextmanager
def running(state: Path, *words: str, code: str | None = None, browser: bool = False) -> Iterator[Running]:
    """``phosphene serve WORDS --no-browser``, on any free port unless they say one. ``state``: the user's folder.

    ``code``: Python to run instead of the command line, which then finds ``words`` in ``sys.argv``. ``browser``: open
    one.
    """
    port = () if "--port" in words else ("--port", "0")
    program = ["-m", "phosphene.cli.main"] if code is None else ["-c", code]
    process = subprocess.Popen(
        [sys.executable, *program, "serve", *words, *port, *(() if browser else ("--no-browser",))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(state), "LOCALAPPDATA": str(state), "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # where the tests' shell ignores Ctrl-C
    )
    said: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip("\n"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        until = time.monotonic() + 60
        while not any(line.startswith("open http") for line in said):
            assert process.poll() is None, f"it did not begin: {said}"
            assert time.monotonic() < until, f"it did not begin in time: {said}"
            time.sleep(0.05)
        yield Running(process, next(line for line in said if line.startswith("open http")).removeprefix("open "), said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        reader.join(20)
        assert process.stdout is not None
        process.stdout.close()
