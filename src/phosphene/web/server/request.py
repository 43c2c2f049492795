"""What of a request the guard looks at: its size, which page sent it, what it brings along. No torch."""

from __future__ import annotations

import re
from typing import Any, final
from urllib.parse import parse_qs

from ..schema.limits import PICTURE_BYTES
from .bodies import JSON_BYTES, Receive, Refused, whole

LOOK = re.compile(r"/api/v1/models/[^/]+/look")
EVENTS = "/api/v1/events"
PICTURES = ("image/png", "image/jpeg", "image/webp")
SAFE, UNSAFE = ("GET", "HEAD"), ("POST", "DELETE")
LONGEST_URL, LONGEST_HEADERS = 8192, 32768  # bytes
MOST_FIELDS = 50  # in an address


@final
class Asked:
    """What of a request the guard looks at."""

    def __init__(self, scope: Any) -> None:
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
        """Raises Refused for an address in which nobody could find it."""
        try:
            words = parse_qs(self.query.decode("ascii", "replace"), max_num_fields=MOST_FIELDS).get("token")
        except ValueError:
            raise Refused(400, f"the address has more than {MOST_FIELDS} fields; leave some out") from None
        return None if words is None else words[0]

    @property
    def looking(self) -> bool:
        """Whether it brings a picture to be looked at."""
        return self.method == "POST" and LOOK.fullmatch(self.path) is not None

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


def sized(asked: Asked) -> None:
    if asked.url_bytes > LONGEST_URL:
        raise Refused(414, f"the address has {asked.url_bytes} bytes; at most {LONGEST_URL} are taken")
    size = sum(len(key) + len(value) for key, value in asked.headers)
    if size > LONGEST_HEADERS:
        raise Refused(431, f"the headers have {size} bytes; at most {LONGEST_HEADERS} are taken")
    names = [key for key, _ in asked.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Refused(400, "the length of the body is told in two ways; leave one out")


def from_here(asked: Asked, scripted: bool) -> None:
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


async def body_of(asked: Asked, receive: Receive) -> bytes:
    """What the request brings along, if that is of the right kind and size."""
    if asked.method in SAFE:
        if asked.brings:
            raise Refused(400, f"a {asked.method} brings no body along")
        return b""
    if not asked.brings:
        return b""
    kinds, most = (PICTURES, PICTURE_BYTES) if asked.looking else (("application/json",), JSON_BYTES)
    if asked.kind not in kinds:
        raise Refused(415, f"the body must be {' or '.join(kinds)}, and Content-Type must say so")
    said = asked.said(b"content-length")
    return await whole(receive, int(said) if said.isascii() and said.isdigit() else None, most)
