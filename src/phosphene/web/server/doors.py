"""Where a server listens, and under which links it is reached. No torch."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import final

from ...errors import BadSpec, OutputError
from ...files import why
from .keys import SHORTEST

PORT, MORE_PORTS = 8765, 20  # tried after another
WAITING = 128  # connections that the system holds


@final
@dataclass(frozen=True)
class Door:
    """What was said about where to listen. ``port``: None for the usual one, or one of those after it."""

    host: str = "127.0.0.1"
    port: int | None = None
    token: str | None = None
    remote: bool = False
    names: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what cannot be, and what would let strangers in. BadSpec."""
        if self.port is not None and not 0 <= self.port <= 65535:
            raise BadSpec(f"--port is 0 to 65535, not {self.port}")
        if self.token is not None and not _plain(self.token):
            raise BadSpec("--token is letters, digits and signs without spaces")
        if self.token is not None and len(self.token) < SHORTEST:
            raise BadSpec(f"--token has {len(self.token)} characters; take {SHORTEST} or more")
        for name in self.names:
            if not _plain(name) or any(sign in name for sign in "/@?#*"):
                raise BadSpec(f"--allow-host is NAME or NAME:PORT, not {name!r}")
        if not self.inside and not (self.remote and self.token):
            raise BadSpec(
                f"--host {self.host} lets other machines in: that takes --allow-remote and a --token of {SHORTEST} "
                f"characters or more; safer is a tunnel: ssh -L {PORT}:localhost:{PORT} THIS-MACHINE"
            )

    @property
    def address(self) -> str:
        """The number of ``host``. BadSpec where it has none."""
        if not self.host:
            raise BadSpec("--host is a name or a number of this machine, such as 127.0.0.1")
        try:
            found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise BadSpec(f"--host {self.host} is no name of this machine: {why(error)}") from error
        return str(sorted(found, key=lambda one: one[0] != socket.AF_INET)[0][4][0])

    @property
    def inside(self) -> bool:
        """Whether only this machine gets in."""
        return ipaddress.ip_address(self.address).is_loopback

    def listen(self) -> socket.socket:
        """A socket that listens: nobody else gets this port. OutputError where none is free."""
        address = self.address
        first = PORT if self.port is None else self.port
        ports = range(first, min(first + MORE_PORTS, 65535) + 1) if self.port is None else [first]
        for port in ports:
            try:
                return _listening(address, port)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES) or self.port is not None:
                    raise OutputError(f"cannot listen at {self.host}, port {port}: {why(error)}; "
                                      "choose another: --port 0 takes any that is free") from error  # fmt: skip
        raise OutputError(f"the ports {first} to {ports[-1]} are all taken; --port 0 takes any that is free")


def link(host: str, port: int, word: str | None = None) -> str:
    """The address of the pages; for a server that listens everywhere, as this machine reaches it."""
    with_number = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{with_number}:{port}/" + ("" if word is None else f"?token={word}")


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio turns Nagle's waiting off, 40 ms an answer, for sockets that say they are TCP
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(WAITING)
    except OSError:
        made.close()
        raise
    return made


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
