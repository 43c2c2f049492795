"""The guard in front of the application: who asks, from where, for what, and what every answer says. No torch.

The order: the name in ``Host`` is ours, the request is not oversized, no other site sent it, whoever sent it has a key,
what it brings along is of the right kind and size.
"""

from __future__ import annotations

import html
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, final
from urllib.parse import parse_qs

from .bodies import JSON_BYTES, PICTURE_BYTES, Gone, Message, Receive, Refused, again, whole
from .keys import LASTS, Keys

Scope = Any
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOK = re.compile(r"/api/v1/models/[^/]+/look")
EVENTS = "/api/v1/events"
PICTURES = ("image/png", "image/jpeg", "image/webp")
SAFE, UNSAFE = ("GET", "HEAD"), ("POST", "DELETE")
LONGEST_URL, LONGEST_HEADERS = 8192, 32768  # bytes
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NOT_ALLOWED = ("accelerometer", "autoplay", "display-capture", "geolocation", "gyroscope", "hid",
               "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock",
               "serial", "usb", "xr-spatial-tracking")  # fmt: skip
ALWAYS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(["camera=(self)", *(f"{one}=()" for one in NOT_ALLOWED)]).encode()),
)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>phosphene</title>
<h1>This microscope is locked</h1>
<p>{why}</p>
<p>Look at the terminal in which <code>phosphene serve</code> runs: it shows a link that opens the microscope once.
After that this browser may come back.</p>
</html>
"""


@final
@dataclass(frozen=True)
class Hosts:
    """The names under which the server is asked for; others come from pages that play tricks with addresses.

    ``here``: the address at which a connection came in counts, too: what is asked for by number was not looked up.
    """

    names: frozenset[str]
    here: bool = False

    @classmethod
    def of(cls, port: int, host: str = "127.0.0.1", more: Iterable[str] = ()) -> Hosts:
        """What belongs to a server that listens at ``host``. ``more``: ``NAME`` or ``NAME:PORT``."""
        names = ["localhost", "127.0.0.1", "[::1]"]
        wild = False
        with suppress(ValueError):
            wild = ipaddress.ip_address(host).is_unspecified
        if not wild:
            names.append(f"[{host}]" if ":" in host else host)
        told = [one.lower() for one in more]
        every = {f"{name.lower()}:{port}" for name in [*names, *told]} | set(told)
        return cls(frozenset(every | ({name.lower() for name in names} if port == 80 else set())), wild)

    def knows(self, host: str, server: Any) -> bool:
        """``server``: address and port at which the connection came in."""
        if host in self.names:
            return True
        if not self.here or not server:
            return False
        address, port = server[0], server[1]
        return host == (f"[{address}]:{port}" if ":" in address else f"{address}:{port}")


@final
@dataclass(frozen=True)
class Guard:
    """Who may come in, and under which names."""

    keys: Keys
    hosts: Hosts


@final
class Guarded:
    """An application behind a guard, as an ASGI application."""

    def __init__(self, app: App, guard: Guard) -> None:
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        asked = Asked(scope)
        safely = _with_headers(send)
        try:
            answer = self._checked(asked)
            if answer is None:
                body = await _body_of(asked, receive)
        except Gone:
            return
        except Refused as refused:
            answer = _problem(asked, refused)
        if answer is not None:
            await _send(safely, *answer)
            return
        if asked.method == "HEAD":
            scope = {**scope, "method": "GET"}  # the server leaves the body out
        await self.app(scope, again(body, receive), safely)

    def _checked(self, asked: Asked) -> Answer | None:
        """None for what may pass. Raises Refused."""
        _sized(asked)
        if not self.guard.hosts.knows(asked.host, asked.server):
            raise Refused(
                403, "this server is not known under that name; ask for it as localhost, or start it with --allow-host"
            )
        if asked.method not in (*SAFE, *UNSAFE) or (asked.method == "HEAD" and asked.path == EVENTS):
            raise Refused(405, f"{asked.path[:80]} cannot be asked for so; use GET", (b"allow", b"GET, POST, DELETE"))
        scripted = self._scripted(asked)
        _from_here(asked, scripted)
        if scripted:
            return None
        known = any(self.guard.keys.knows(value) for value in asked.cookies(self.guard.keys.cookie))
        if asked.method == "GET" and asked.path == "/" and asked.token is not None:
            return self._let_in(asked.token, known)
        if known:
            return None
        if asked.path != "/":
            raise Refused(401, "no key: open the link that phosphene serve shows in its terminal",
                          (b"www-authenticate", b"Bearer"))  # fmt: skip
        self.guard.keys.remind()
        return _page(401, "Whoever opens it must have been let in first.")

    def _scripted(self, asked: Asked) -> bool:
        """Whether a script shows the user's token; a wrong one is refused, whatever else is there."""
        if not asked.authorization:
            return False
        kind, _, word = asked.authorization.partition(" ")
        if kind.lower() == "bearer" and self.guard.keys.fits(word.strip()):
            return True
        raise Refused(401, "that is not the token of --token", (b"www-authenticate", b"Bearer"))

    def _let_in(self, word: str, known: bool) -> Answer:
        keys = self.guard.keys
        if known:
            return 303, ((b"location", b"/"),), b""
        if keys.opens(word):
            cookie = f"{keys.cookie}={keys.signed()}; HttpOnly; SameSite=Strict; Path=/; Max-Age={LASTS}"
            return 303, ((b"location", b"/"), (b"set-cookie", cookie.encode())), b""
        keys.remind()
        return _page(403, "This link has been used, or never was one.")


@final
class Asked:
    """What of a request the guard looks at."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.server: Any = scope.get("server")
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.url_bytes = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        self.host = self.said(b"host").lower()
        self.origin = self.said(b"origin").lower()
        self.authorization = self.said(b"authorization")
        self.kind = self.said(b"content-type").partition(";")[0].strip().lower()
        self.query: bytes = scope["query_string"]

    @property
    def token(self) -> str | None:
        words = parse_qs(self.query.decode("ascii", "replace"), max_num_fields=50).get("token")
        return None if words is None else words[0]

    @property
    def brings(self) -> bool:
        """Whether there is a body, or may be one."""
        return self.said(b"transfer-encoding") != "" or self.said(b"content-length") not in ("", "0")

    def said(self, name: bytes) -> str:
        """A header's value; "" without it, and where it is there twice: then nobody knows which one counts."""
        values = [value for key, value in self.headers if key == name]
        return values[0].decode("latin-1").strip() if len(values) == 1 else ""

    def cookies(self, name: str) -> list[str]:
        """The values of a cookie; several where other paths or servers of the same name have set it as well."""
        lines = [value.decode("latin-1") for key, value in self.headers if key == b"cookie"]
        pairs = [pair.strip().partition("=") for line in lines for pair in line.split(";")]
        return [value for key, _, value in pairs if key == name][:8]


def _sized(asked: Asked) -> None:
    if asked.url_bytes > LONGEST_URL:
        raise Refused(414, f"the address has {asked.url_bytes} bytes; at most {LONGEST_URL} are taken")
    size = sum(len(key) + len(value) for key, value in asked.headers)
    if size > LONGEST_HEADERS:
        raise Refused(431, f"the headers have {size} bytes; at most {LONGEST_HEADERS} are taken")
    names = [key for key, _ in asked.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Refused(400, "the length of the body is told in two ways; leave one out")


def _from_here(asked: Asked, scripted: bool) -> None:
    """Refuse what another site's page sent: all that changes something, and all that is not an address being opened."""
    site = asked.said(b"sec-fetch-site")
    ours = site in ("same-origin", "none")
    if asked.method in SAFE:
        opened = asked.said(b"sec-fetch-mode") == "navigate" and asked.said(b"sec-fetch-dest") == "document"
        if site and not ours and not (opened and asked.path == "/"):
            raise Refused(403, "another site's page asked for this; open the microscope itself")
        return
    named = [value for key, value in asked.headers if key == b"origin"]
    if site and not ours:
        raise Refused(403, "another site's page sent this; open the microscope itself")
    if named and asked.origin not in (f"http://{asked.host}", f"https://{asked.host}"):
        raise Refused(403, "a page from elsewhere sent this; open the microscope itself")
    if not named and not scripted and site != "same-origin":
        raise Refused(403, "this does not say which page sent it (no Origin); scripts show the token of --token")


async def _body_of(asked: Asked, receive: Receive) -> bytes:
    """What the request brings along, if that is of the right kind and size."""
    if asked.method in SAFE:
        if asked.brings:
            raise Refused(400, f"a {asked.method} brings no body along")
        return b""
    if not asked.brings:
        return b""
    looking = asked.method == "POST" and LOOK.fullmatch(asked.path) is not None
    kinds, most = (PICTURES, PICTURE_BYTES) if looking else (("application/json",), JSON_BYTES)
    if asked.kind not in kinds:
        raise Refused(415, f"the body must be {' or '.join(kinds)}, and Content-Type must say so")
    said = asked.said(b"content-length")
    return await whole(receive, int(said) if said.isascii() and said.isdigit() else None, most)


Answer = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]
CLOSE = (b"connection", b"close")  # what was not read is not taken for the next request


def _problem(asked: Asked, refused: Refused) -> Answer:
    body = json.dumps({"error": refused.line}).encode()
    return refused.status, ((b"content-type", b"application/json"), CLOSE, *refused.headers), body


def _page(status: int, why: str) -> Answer:
    return status, ((b"content-type", b"text/html; charset=utf-8"), CLOSE), PAGE.format(why=html.escape(why)).encode()


async def _send(send: Send, status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    """Every answer says what a browser may do with it; it is not kept unless it says so itself."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            told = [(key, value) for key, value in message.get("headers", []) if key.lower() != b"server"]
            if not any(key.lower() == b"cache-control" for key, _ in told):
                told.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*told, *ALWAYS]}
        await send(message)

    return sent
