"""Requests that nobody should send, as data, and the server that they are sent to."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.made import encoded, photo, png
from nets import two
from web.served import TOKEN, Answer, Served, served

from phosphene.store.ledger import Ledger
from phosphene.store.paths import hashed, object_of
from phosphene.store.place import Place

NET = two()
ID = NET.fingerprint
PICTURE = encoded(photo())
LOOK = f"/api/v1/models/{ID}/look"
WAITING = 3  # jobs


@contextmanager
def guarded(folder: Path) -> Iterator[Served]:
    """A server with a network, a picture in its store, and one beside it that must never be seen."""
    ledger = Ledger(Place(str(folder / "store")), write=True)
    ledger.place.write(object_of(hashed(PICTURE), "png"), PICTURE)
    (folder / "outside.png").write_bytes(PICTURE)
    with served(ledger, {ID: NET}, waiting=WAITING) as found:
        yield found


def request(server: Served, method: str, target: str, body: bytes = b"", **headers: str | None) -> bytes:
    """A request as the page that was let in sends it; a header that is None is left out, ``_`` stands for ``-``."""
    said: dict[str, str | None] = {"host": server.host, "cookie": server.cookie}
    if method not in ("GET", "HEAD"):
        said |= {"origin": server.url, "content-length": str(len(body)), "content-type": "application/json"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask(server: Served, method: str, target: str, body: bytes = b"", **headers: str | None) -> Answer:
    return server.plain(request(server, method, target, body, **headers), method)


def one_line(found: Answer) -> str:
    """The line of a problem, which is all that an error says."""
    told = json.loads(found.body)
    assert list(told) == ["error"]
    assert "\n" not in told["error"]
    assert len(told["error"]) <= 700
    assert "Traceback" not in told["error"]
    return str(told["error"])


@dataclass(frozen=True)
class Case:
    """A request and what it gets. ``says``: what the line of the problem has in it."""

    name: str
    status: int
    says: str
    target: str = "/api/v1/site"
    method: str = "GET"
    body: bytes = b""
    headers: tuple[tuple[str, str | None], ...] = ()


def get(name: str, status: int, says: str, target: str = "/api/v1/site", **headers: str | None) -> Case:
    return Case(name, status, says, target, headers=tuple(headers.items()))


def post(name: str, status: int, says: str, target: str, body: bytes = b"", **headers: str | None) -> Case:
    return Case(name, status, says, target, "POST", body, tuple(headers.items()))


def look(name: str, status: int, says: str, body: bytes, kind: str = "image/png") -> Case:
    return post(name, status, says, LOOK, body, content_type=kind)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0" * 6 + b";"


def large(side: int) -> bytes:
    """A PNG of few bytes and many pixels."""
    return png(side, side, 8, 0, b"\0" * ((side + 1) * side))


def lied(side: int) -> bytes:
    """A PNG whose header says more pixels than there are."""
    return png(side, side, 8, 2, b"\0" * 64)


ASK = json.dumps({"network": ID, "target": "second:0", "steps": 1, "size": 12}).encode()
ROMAN = "ⅼ".encode().decode("latin-1")  # a numeral that looks like an l
DEEP = b'{"network":' + b"[" * 30_000 + b"]" * 30_000 + b"}"

FROM_ELSEWHERE = [
    get("another name", 403, "not known under that name", host="evil.example"),
    get("another name with our port", 403, "not known under that name", host="evil.example:{port}"),
    get("our name with another port", 403, "not known under that name", host="127.0.0.1:1"),
    get("our name without a port", 403, "not known under that name", host="localhost"),
    get("our name with something before it", 403, "not known under that name", host="evil@127.0.0.1:{port}"),
    get("our name with something after it", 403, "not known under that name", host="127.0.0.1:{port}.evil.example"),
    get("our name in other letters", 403, "not known under that name", host=ROMAN + "ocalhost:{port}"),
    get("the whole network as a name", 403, "not known under that name", host="0.0.0.0:{port}"),
    get("another site's script", 403, "another site's page", sec_fetch_site="cross-site", sec_fetch_mode="no-cors"),
    get("another port's script", 403, "another site's page", sec_fetch_site="same-site", sec_fetch_mode="cors"),
    get("another site's frame", 403, "another site's page", "/", sec_fetch_site="cross-site",
        sec_fetch_mode="navigate", sec_fetch_dest="iframe"),
    get("an address of ours opened elsewhere", 403, "another site's page", sec_fetch_site="cross-site",
        sec_fetch_mode="navigate", sec_fetch_dest="document"),
    post("a foreign origin", 403, "from elsewhere", "/api/v1/jobs", ASK, origin="http://evil.example"),
    post("another port's origin", 403, "from elsewhere", "/api/v1/jobs", ASK, origin="http://127.0.0.1:1"),
    post("an origin that hides", 403, "from elsewhere", "/api/v1/jobs", ASK, origin="null"),
    post("no origin", 403, "no Origin", "/api/v1/jobs", ASK, origin=None),
    post("another site's form", 403, "another site's page", "/api/v1/jobs", ASK, sec_fetch_site="cross-site"),
    post("another port's form", 403, "another site's page", "/api/v1/jobs", ASK, sec_fetch_site="same-site"),
    Case("another site that deletes", 403, "from elsewhere", "/api/v1/jobs/0123456789ab", "DELETE",
         headers=(("origin", "https://evil.example"),)),
]  # fmt: skip
WITHOUT_KEY = [
    get("no cookie", 401, "no key", cookie=None),
    get("an empty cookie", 401, "no key", cookie="phosphene-{port}="),
    get("a made-up cookie", 401, "no key", cookie="phosphene-{port}=0.0.0"),
    get("a cookie of strange letters", 401, "no key", cookie="phosphene-{port}=\u00ff\u00fe.\u00ff"),
    get("the token as a cookie", 401, "no key", cookie=f"phosphene-{{port}}={TOKEN}"),
    get("the cookie under another name", 401, "no key", cookie="phosphene-1={signed}"),
    get("a cookie with its end cut off", 401, "no key", cookie="phosphene-{port}={cut}"),
    get("another token", 401, "not the token", authorization="Bearer nonsense-nonsense"),
    get("an empty token", 401, "not the token", authorization="Bearer "),
    get("the token without its kind", 401, "not the token", authorization=TOKEN),
    get("the token with a tail", 401, "not the token", authorization=f"Bearer {TOKEN}x"),
    get("a token in the address of the interface", 401, "no key", f"/api/v1/site?token={TOKEN}", cookie=None),
    get("pictures without a key", 401, "no key", f"/{object_of(hashed(PICTURE), 'png')}", cookie=None),
    get("the schema without a key", 401, "no key", "/api/v1/openapi.json", cookie=None),
    get("what is not there without a key", 401, "no key", "/api/v1/nonsense", cookie=None),
    get("the events without a key", 401, "no key", "/api/v1/events", cookie=None),
    post("a job without a key", 401, "no key", "/api/v1/jobs", ASK, cookie=None),
]
NO_WAY_OUT = [
    get(f"{what} as {where}", status, says, form.format(path))
    for what, path in {
        "the folder above": "../outside.png",
        "an encoded folder above": "%2e%2e%2foutside.png",
        "a twice encoded folder above": "%252e%252e%252foutside.png",
        "a folder above the Windows way": "..%5c..%5coutside.png",
        "an absolute path": "%2fetc%2fpasswd",
        "a null byte": "a%00.png",
        "bytes that are no text": "%ff%fe%c0%ae",
        "an overlong dot": "%c0%ae%c0%ae%c0%afoutside.png",
        "a line break": "a%0d%0aSet-Cookie:%20a=b",
        "letters from right to left": "%e2%80%aegnp.tuo",
        "a drive": "C:%5coutside.png",
        "a URL": "http:%2f%2fevil.example%2fa",
    }.items()
    for where, form, status, says in (
        ("a payload's folder", "/objects/{}/a.png", 404, ""),
        ("a payload", "/objects/aa/{}", 404, ""),
        ("a sheet's network", "/sheets/{}/second/a.webp", 404, ""),
        ("a sheet's layer", f"/sheets/{ID}/{{}}/{'0' * 32}.webp", 404, ""),
        ("a sheet", f"/sheets/{ID}/second/{{}}", 404, ""),
        ("a job's picture", "/jobs/0123456789ab/{}", 404, ""),
        ("a picture's job", "/jobs/{}/final.png", 404, ""),
        ("a network", "/api/v1/models/{}", 404, ""),
        ("a layer", f"/api/v1/models/{ID}/layers/{{}}", 404, ""),
        ("a unit", f"/api/v1/models/{ID}/layers/second/units/{{}}", 404, ""),
        ("a job", "/api/v1/jobs/{}", 404, ""),
        ("a file of the pages", "/{}", 404, ""),
    )
] + [
    get("another server in the address", 404, "", "http://evil.example/objects/aa/a.png"),
    get("two slashes before a name", 404, "", "//evil.example/api/v1/site"),
    get("a unit that no number can hold", 404, "", f"/api/v1/models/{ID}/layers/second/units/{'9' * 400}"),
    get("a unit below nothing", 404, "", f"/api/v1/models/{ID}/layers/second/units/-1"),
    get("a network that is every network", 404, "", "/api/v1/models/%20"),
]
PICTURES = [
    look("nothing as a picture", 422, "there is no picture", b""),
    look("text as a picture", 422, "", b"hello" * 10),
    look("an SVG as a picture", 422, "", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    look("a page as a picture", 422, "", b"<!doctype html><script>alert(1)</script>"),
    look("a GIF bomb as a picture", 422, "", gif(65535, 65535)),
    look("a PNG with more pixels than are allowed", 422, "", large(6000)),
    look("a PNG that says it is enormous", 422, "", lied(60_000)),
    look("a PNG that says it is beyond all numbers", 422, "", lied(2**31 - 1)),
    look("a PNG with its end cut off", 422, "", PICTURE[: len(PICTURE) // 2]),
    look("a JPEG with its end cut off", 422, "", encoded(photo(), "JPEG")[:200], "image/jpeg"),
    look("a TIFF that says it is a PNG", 422, "", encoded(photo(), "TIFF")),
    look("an SVG that says so", 415, "image/png or image/jpeg or image/webp", b"<svg/>", "image/svg+xml"),
    look("a picture that says it is a form", 415, "Content-Type", PICTURE, "multipart/form-data; boundary=a"),
    look("a picture of a kind nobody said", 415, "Content-Type", PICTURE, ""),
    post("a file's name as a layer", 404, "", f"{LOOK}?layer=..%2f..%2fetc%2fpasswd", PICTURE,
         content_type="image/png"),
    post("a file's name as a unit", 422, "", f"{LOOK}?unit=second:..%2fdir.npy", PICTURE, content_type="image/png"),
    post("a method that nobody knows", 404, "", f"{LOOK}?unit=second:0&method=__import__", PICTURE,
         content_type="image/png"),
    post("a picture of a network that is not there", 404, "", "/api/v1/models/ffff/look", PICTURE,
         content_type="image/png"),
]  # fmt: skip
JOBS = [
    post("a job as a form", 415, "application/json", "/api/v1/jobs", b"network=a", content_type="text/plain"),
    post("a job as a form's data", 415, "application/json", "/api/v1/jobs", ASK,
         content_type="application/x-www-form-urlencoded"),
    post("a job of no kind", 415, "application/json", "/api/v1/jobs", ASK, content_type=None),
    post("a job that is no JSON", 422, "not JSON", "/api/v1/jobs", b"{"),
    post("a job in a language nobody reads", 422, "", "/api/v1/jobs", b"\xff\xfe\x00"),
    post("a job that is a list", 422, "", "/api/v1/jobs", b"[]"),
    post("a job deeper than anyone counts", 422, "", "/api/v1/jobs", DEEP),
    post("a job with too much in it", 413, "at most 64 kB", "/api/v1/jobs", b'{"network":"' + b"a" * 70_000 + b'"}'),
    post("a job with a number too large", 422, "", "/api/v1/jobs", b'{"network":"a","seed":' + b"9" * 5000 + b"}"),
    post("a job of half a surrogate", 422, "", "/api/v1/jobs", f'{{"network":"{ID}","target":"\\ud800"}}'.encode()),
    post("a job with a misspelt option", 422, "no 'stepz'; closest: step", "/api/v1/jobs",
         b'{"network":"a","stepz":1}'),
    post("a job that names a file", 422, "", "/api/v1/jobs",
         json.dumps({"network": ID, "target": "second:/etc/passwd.npy"}).encode()),
    post("a job of the prototype", 422, "no '__proto__'", "/api/v1/jobs", b'{"network":"a","__proto__":{}}'),
    post("a job as large as a house", 422, "", "/api/v1/jobs",
         json.dumps({"network": ID, "target": "second:0", "size": 10**6}).encode()),
    post("a job that never ends", 422, "", "/api/v1/jobs",
         json.dumps({"network": ID, "target": "second:0", "steps": 10**9}).encode()),
    post("a job from a frame of nowhere", 404, "", "/api/v1/jobs",
         json.dumps({"network": ID, "target": "second:0", "start": {"job": "../../etc", "step": 0}}).encode()),
    get("the target of a page of text", 422, "", f"/api/v1/models/{ID}/target?text={'a' * 5000}"),
    get("a job that is not there", 404, "", "/api/v1/jobs/0123456789ab"),
    post("stopping a job that is not there", 404, "", "/api/v1/jobs/0123456789ab/stop"),
]  # fmt: skip
PROTOCOL = [
    Case("a method that nobody knows", 405, "", method="BREW"),
    Case("a method in small letters", 405, "", method="get"),
    Case("OPTIONS, as before a request from elsewhere", 405, "", method="OPTIONS"),
    Case("TRACE", 405, "", method="TRACE"),
    Case("PUT", 405, "", method="PUT"),
    Case("CONNECT", 405, "", "127.0.0.1:80", "CONNECT"),
    Case("HEAD of the events", 405, "", "/api/v1/events", "HEAD"),
    post("another method in a header", 405, "", "/api/v1/models", b"", x_http_method_override="DELETE"),
    get("another address in a header", 404, "", "/api/v1/nonsense", x_original_url="/api/v1/site"),
    get("a GET with a body", 400, "no body", content_length="5"),
    get("a GET with a flood", 400, "no body", transfer_encoding="chunked"),
    post("two lengths", 400, "", "/api/v1/jobs", ASK, transfer_encoding="chunked"),
    post("a length that is no number", 400, "", "/api/v1/jobs", ASK, content_length="-1"),
    post("a length beyond all memory", 413, "at most 64 kB", "/api/v1/jobs", b"x" * 10, content_length="9" * 15),
    get("an address of 60 fields", 400, "more than 50 fields", "/?" + "&".join(["a=1"] * 60), cookie=None),
    get("an address of 60 fields with a key", 400, "more than 50 fields", "/?" + "&".join(["token=1"] * 60)),
    get("an address of 20 000 letters", 414, "at most 8192", "/" + "a" * 20_000),
    get("20 kB of headers and more", 431, "at most 32768", **{f"x-{number}": "a" * 1000 for number in range(40)}),
]
ALL = [*FROM_ELSEWHERE, *WITHOUT_KEY, *NO_WAY_OUT, *PICTURES, *JOBS, *PROTOCOL]
