"""The guard in front of the application: who asks, from where, for what, and what every answer says. No torch.

The order: the name in ``Host`` is ours, the request is not oversized, no other site sent it, whoever sent it has a key,
what it brings along is of the right kind and size.
"""

from __future__ import annotations

import html
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, final

from .bodies import Gone, Message, Receive, Refused, again, swallowed
from .keys import LASTS, Keys
from .request import EVENTS, SAFE, UNSAFE, Asked, body_of, from_here, sized

Scope = Any
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]  # status, headers, body

MOST_PICTURES = 16  # that are taken in or looked at; each may have PICTURE_BYTES
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
# from a file, say: along a redirect from elsewhere a browser sends no cookie, from this page it does
ENTER = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>phosphene</title><meta http-equiv="refresh" content="0; url=/">
<p><a href="/">Open the microscope</a></p>
</html>
"""
CLOSE = (b"connection", b"close")  # what was not read is not taken for the next request


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
        self._pictures = 0  # in memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        safely = _with_headers(send)
        try:
            asked = Asked(scope)
            answer = self._checked(asked)
            if answer is None and asked.looking and self._pictures >= MOST_PICTURES:
                await swallowed(receive)
                raise Refused(429, "too many pictures at once; wait for the answers", (b"retry-after", b"1"))
        except Refused as refused:
            answer = _problem(refused)
        except Exception:
            answer = _broken()
        if answer is not None:
            await _send(safely, *answer)
            return
        self._pictures += asked.looking
        try:
            await self._passed(asked, scope, receive, safely)
        finally:
            self._pictures -= asked.looking

    async def _passed(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """What may come in goes on to the application, with its body."""
        try:
            body = await body_of(asked, receive)
        except Gone:
            return
        except Refused as refused:
            await _send(send, *_problem(refused))
            return
        except Exception:
            await _send(send, *_broken())
            return
        if asked.method == "HEAD":
            scope = {**scope, "method": "GET"}  # the server leaves the body out
        await self.app(scope, again(body, receive), send)

    def _checked(self, asked: Asked) -> Answer | None:
        """None for what may pass. Raises Refused."""
        sized(asked)
        if not self.guard.hosts.knows(asked.host, asked.server):
            raise Refused(
                403, "this server is not known under that name; ask for it as localhost, or start it with --allow-host"
            )
        if asked.method not in (*SAFE, *UNSAFE) or (asked.method == "HEAD" and asked.path == EVENTS):
            raise Refused(405, f"{asked.path[:80]} cannot be asked for so; use GET", (b"allow", b"GET, POST, DELETE"))
        scripted = self._scripted(asked)
        from_here(asked, scripted)
        if scripted:
            return None
        known = any(self.guard.keys.knows(value) for value in asked.cookies(self.guard.keys.cookie))
        if asked.method == "GET" and asked.path == "/" and asked.token is not None:
            return self._let_in(asked, asked.token, known)
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

    def _let_in(self, asked: Asked, word: str, known: bool) -> Answer:
        keys = self.guard.keys
        if known:
            return 303, ((b"location", b"/"),), b""
        if keys.opens(word):
            cookie = f"{keys.cookie}={keys.signed()}; HttpOnly; SameSite=Strict; Path=/; Max-Age={LASTS}"
            if asked.said(b"sec-fetch-site") in ("", "none", "same-origin"):
                return 303, ((b"location", b"/"), (b"set-cookie", cookie.encode())), b""
            return 200, ((b"content-type", b"text/html; charset=utf-8"), (b"set-cookie", cookie.encode())), ENTER
        keys.remind()
        return _page(403, "This link has been used, or never was one.")


def _problem(refused: Refused) -> Answer:
    body = json.dumps({"error": refused.line}).encode()
    return refused.status, ((b"content-type", b"application/json"), CLOSE, *refused.headers), body


def _broken() -> Answer:
    logging.getLogger(__name__).exception("the guard could not tell whether this may come in")
    return _problem(Refused(500, "something is broken in the server; its terminal says what"))


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
