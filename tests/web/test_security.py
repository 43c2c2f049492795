"""Hostile requests, each with its answer; after each the server still does its work."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import stat
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from data.made import encoded, photo, png
from nets import two
from web.served import TOKEN, Answer, Served, answer, served

from phosphene.store.ledger import Ledger
from phosphene.store.paths import hashed, object_of
from phosphene.store.place import Place
from phosphene.web import bodies, wire
from phosphene.web.keys import LASTS, Keys, kept_secret
from phosphene.web.security import Hosts

NET = two()
ID = NET.fingerprint
PICTURE = encoded(photo())
LOOK = f"/api/v1/models/{ID}/look"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    ledger = Ledger(Place(str(tmp_path_factory.mktemp("store"))), write=True)
    ledger.place.write(object_of(hashed(PICTURE), "png"), PICTURE)
    (Path(ledger.place.url).parent / "outside.png").write_bytes(PICTURE)
    with served(ledger, {ID: NET}, waiting=3) as found:
        yield found


@pytest.fixture(autouse=True)
def still_well(server: Served) -> Iterator[None]:
    yield
    assert server.well()


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
    get("an address of 20 000 letters", 414, "at most 8192", "/" + "a" * 20_000),
    get("20 kB of headers and more", 431, "at most 32768", **{f"x-{number}": "a" * 1000 for number in range(40)}),
]


@pytest.mark.parametrize(
    "case",
    [*FROM_ELSEWHERE, *WITHOUT_KEY, *NO_WAY_OUT, *PICTURES, *JOBS, *PROTOCOL],
    ids=lambda case: case.name.replace(" ", "-"),
)
def test_a_hostile_request_gets_one_line(server: Served, case: Case) -> None:
    signed = server.keys.signed()
    told = {"port": str(server.port), "signed": signed, "cut": signed[:-1]}
    headers = {
        name: value and re.sub(r"\{(\w+)\}", lambda found: told[found[1]], value) for name, value in case.headers
    }
    before = len(server.words)
    found = ask(server, case.method, case.target, case.body, **headers)
    assert found.status == case.status, found.text
    if case.method != "HEAD":
        assert case.says in one_line(found)
    assert "set-cookie" not in found.headers
    assert found.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in found.headers
    assert len(server.words) == before  # only the page asks for a link


def test_each_answer_says_what_a_browser_may_do_with_it(server: Served) -> None:
    for found in (
        ask(server, "GET", "/api/v1/site"),
        ask(server, "GET", "/api/v1/nonsense"),
        ask(server, "GET", "/", cookie=None),
        ask(server, "GET", "/" + object_of(hashed(PICTURE), "png")),
        ask(server, "GET", "/api/v1/site", host="evil.example"),
        server.plain(b"nonsense\r\n\r\n"),
    ):
        policy = found.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["referrer-policy"] == "no-referrer"
        assert found.headers["cross-origin-resource-policy"] == "same-origin"
        assert found.headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=(self)" in found.headers["permissions-policy"]
        assert "server" not in found.headers


# who comes in, and how


def test_a_link_lets_in_once(server: Served) -> None:
    word = server.keys.once()
    first = ask(server, "GET", f"/?token={word}", cookie=None)
    assert (first.status, first.headers["location"], first.body) == (303, "/", b"")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"phosphene-{server.port}=")
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie.split("; ")
    assert ask(server, "GET", "/api/v1/site", cookie=cookie.partition(";")[0]).status == 200
    server.keys._told = -1e9  # as if the last link had been shown long ago
    again = ask(server, "GET", f"/?token={word}", cookie=None)
    assert again.status == 403
    assert "set-cookie" not in again.headers
    assert "terminal" in again.text
    assert "<script" not in again.text
    assert server.words[-1] not in (word, None)  # the terminal has a fresh one by then
    assert ask(server, "GET", f"/?token={server.words[-1]}", cookie=None).status == 303


def test_who_is_in_may_use_an_old_link(server: Served) -> None:
    word = server.keys.once()
    found = ask(server, "GET", f"/?token={'x' * 43}")
    assert (found.status, found.headers["location"]) == (303, "/")
    assert "set-cookie" not in found.headers
    assert server.keys.once() == word  # it is not used up


def test_a_link_is_not_used_up_by_looking_at_its_head(server: Served) -> None:
    word = server.keys.once()
    assert ask(server, "HEAD", f"/?token={word}", cookie=None).status == 401
    assert server.keys.once() == word


@pytest.mark.parametrize("word", ["", "%00", "%ff", "x" * 4000, "<script>alert(1)</script>", "%0d%0aSet-Cookie:a=b"])
def test_a_made_up_link_is_refused_and_not_repeated(server: Served, word: str) -> None:
    found = ask(server, "GET", f"/?token={word}", cookie=None)
    assert found.status in (401, 403)
    assert "set-cookie" not in found.headers
    assert "alert" not in found.text


def test_strangers_do_not_fill_the_terminal(server: Served) -> None:
    server.keys._told = -1e9
    before = len(server.words)
    for _ in range(20):
        assert ask(server, "GET", "/", cookie=None).status == 401
    assert len(server.words) == before + 1


def test_scripts_show_the_token(server: Served) -> None:
    with server.script() as script:
        assert script.get("/api/v1/site").status_code == 200
        found = script.post("/api/v1/jobs", json={"network": "f" * 32, "target": "a"})
        assert found.status_code == 404  # it came through: there is no such network
        assert script.post("/api/v1/jobs", json={}, headers={"origin": "http://evil.example"}).status_code == 403


def test_without_a_token_of_ones_own_none_fits() -> None:
    keys = Keys(b"s" * 32, 1)
    assert not keys.fits("")
    assert not keys.opens("")


def test_a_cookie_outlives_the_server_and_not_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    value = Keys(b"s" * 32, 8765).signed()
    assert Keys(b"s" * 32, 8765).knows(value)
    assert not Keys(b"s" * 32, 8766).knows(value)  # of another server
    assert not Keys(b"t" * 32, 8765).knows(value)  # of another user
    assert not Keys(b"s" * 32, 8765, token="x" * 16).knows(value)  # from before the token
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + LASTS + 1)
    assert not Keys(b"s" * 32, 8765).knows(value)


def test_the_secret_is_kept_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    secret = kept_secret(folder)
    assert len(secret) == 32
    assert kept_secret(folder) == secret
    if os.name == "posix":
        assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
        (folder / "secret").chmod(0o644)
        assert kept_secret(folder) != secret  # others may have read it
    (folder / "secret").write_bytes(b"short")
    assert len(kept_secret(folder)) == 32
    assert sorted(os.listdir(folder)) == ["secret"]


def test_names_that_are_ours() -> None:
    ours = Hosts.of(8765)
    for name in ("localhost:8765", "127.0.0.1:8765", "[::1]:8765"):
        assert ours.knows(name, ("127.0.0.1", 8765))
    assert not ours.knows("192.0.2.1:8765", ("192.0.2.1", 8765))
    everywhere = Hosts.of(8765, "0.0.0.0", ["Lab.example", "proxy.example:443"])
    for name in ("192.0.2.1:8765", "lab.example:8765", "lab.example", "proxy.example:443"):
        assert everywhere.knows(name, ("192.0.2.1", 8765))
    for name in ("192.0.2.2:8765", "evil.example:8765", "proxy.example", "0.0.0.0:8765", ""):
        assert not everywhere.knows(name, ("192.0.2.1", 8765))
    assert Hosts.of(80).knows("localhost", None)


# what is sent badly


def test_ten_thousand_ranges_get_the_whole(server: Served) -> None:
    ranges = ",".join(f"{number}-{number}" for number in range(3000))
    found = ask(server, "GET", "/" + object_of(hashed(PICTURE), "png"), range=f"bytes={ranges}")
    assert (found.status, found.body) == (200, PICTURE)
    many = ask(server, "GET", "/" + object_of(hashed(PICTURE), "png"), range="bytes=" + ",".join(["0-"] * 10_000))
    assert (many.status == 200 and many.body == PICTURE) or many.status == 431


def test_heads_have_no_body(server: Served) -> None:
    with server.connected() as connection:
        connection.sendall(request(server, "HEAD", "/api/v1/site"))
        found = answer(connection, "HEAD")
        assert (found.status, found.body) == (200, b"")
        assert int(found.headers["content-length"]) > 0
        connection.sendall(request(server, "GET", "/api/v1/site"))  # the connection is still good
        assert answer(connection).status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\x00c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 60 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_so(server: Served, data: bytes) -> None:
    found = server.plain(data)
    assert found.status in (400, 403, 501)
    assert one_line(found)


def test_an_old_request_without_a_name_is_refused(server: Served) -> None:
    assert server.plain(f"GET /api/v1/site HTTP/1.0\r\nCookie: {server.cookie}\r\n\r\n".encode()).status == 403


def test_endless_headers_are_cut(server: Served) -> None:
    with server.connected() as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {server.host}\r\n".encode())
        for _ in range(60):
            try:
                connection.sendall(b"X-A: " + b"a" * 1000 + b"\r\n")
            except OSError:
                break
            time.sleep(0.001)
        found = answer(connection)
    assert found.status == 431
    assert "too long" in one_line(found)


def test_slow_headers_are_cut(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEADERS_SECONDS", 0.6)
    with server.connected() as connection:
        began = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\n")
        for letter in b"X-A: aaaaa":
            time.sleep(0.03)
            connection.sendall(bytes([letter]))
        found = answer(connection)
        assert 0.4 < time.monotonic() - began < 5
    assert found.status == 408


def test_slow_headers_are_cut_after_a_good_request_too(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEADERS_SECONDS", 0.6)
    with server.connected() as connection:
        connection.sendall(request(server, "GET", "/api/v1/site"))
        assert answer(connection).status == 200
        connection.sendall(b"GET / HT")
        assert answer(connection).status == 408


def test_who_says_nothing_is_let_go(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEADERS_SECONDS", 0.4)
    with server.connected() as connection:
        assert connection.recv(1) == b""


@pytest.mark.parametrize("kind", ["application/json", "image/png"])
def test_a_slow_body_is_cut(server: Served, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.5)
    target = LOOK if kind == "image/png" else "/api/v1/jobs"
    with server.connected() as connection:
        connection.sendall(request(server, "POST", target, content_type=kind, content_length="1000"))
        for _ in range(10):
            connection.sendall(b"x")
            time.sleep(0.02)
        found = answer(connection)
    assert found.status == 408
    assert "send them faster" in one_line(found)
    assert found.headers["connection"] == "close"


def test_a_body_shorter_than_it_says_is_waited_for_and_no_longer(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.4)
    assert ask(server, "POST", "/api/v1/jobs", ASK, content_length=str(len(ASK) + 10)).status == 408


def test_a_body_longer_than_it_says_is_not_another_request(server: Served) -> None:
    hidden = request(server, "POST", "/api/v1/jobs", ASK)
    with server.connected() as connection:
        connection.sendall(request(server, "POST", "/api/v1/jobs", b"[]" + hidden, content_length="2", cookie=None))
        assert answer(connection).status == 401
        assert connection.recv(1) in (b"",)  # what came behind is never read
    with server.client() as client:
        assert client.get("/api/v1/jobs").json() == []


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@pytest.mark.parametrize(("target", "kind", "most"), [("/api/v1/jobs", "application/json", "64 kB"),
                                                      (LOOK, "image/png", "12 MB")])  # fmt: skip
def test_a_flood_without_a_length_is_refused(server: Served, target: str, kind: str, most: str) -> None:
    head = request(server, "POST", target, content_type=kind, content_length=None, transfer_encoding="chunked")
    with server.connected() as connection:
        connection.sendall(head)
        for _ in range(13):
            connection.sendall(chunked(b"x" * 1_000_000))
        connection.sendall(b"0\r\n\r\n")
        found = answer(connection)
    assert found.status == 413
    assert f"at most {most}" in one_line(found)


def test_an_endless_flood_is_refused(server: Served) -> None:
    head = request(server, "POST", LOOK, content_type="image/png", content_length=None, transfer_encoding="chunked")
    sent = 0
    with server.connected() as connection:
        connection.sendall(head)
        try:
            while sent < 400:
                connection.sendall(chunked(b"x" * 1_000_000))
                sent += 1
        except OSError:
            pass
    assert sent < 300


def test_many_pictures_at_once_are_taken_in_turn_or_refused(server: Served) -> None:
    def one(_: int) -> int:
        with server.client() as client:
            kind = {"content-type": "image/png"}
            found = client.post(LOOK, params={"layer": "second"}, content=PICTURE, headers=kind)
            if found.status_code == 429:
                assert int(found.headers["retry-after"]) >= 1
            return found.status_code

    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(one, range(60)))
    assert set(statuses) <= {200, 409, 429}
    assert 200 in statuses


def test_a_decompression_bomb_takes_neither_time_nor_memory(server: Served) -> None:
    rows = zlib.compressobj(9)
    data = b"".join([*(rows.compress(b"\0" * 1_000_000) for _ in range(200)), rows.flush()])
    whole = io.BytesIO()
    whole.write(b"\x89PNG\r\n\x1a\n")
    for kind, content in (
        (b"IHDR", struct.pack(">IIBBBBB", 14_000, 14_000, 8, 0, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    ):
        whole.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))
    began = time.monotonic()
    found = ask(server, "POST", LOOK, whole.getvalue(), content_type="image/png")
    assert found.status == 422
    assert one_line(found)
    assert time.monotonic() - began < 2


# too much at once


def test_a_full_queue_says_when_to_come_back(server: Served) -> None:
    long = {"network": ID, "target": "second:0", "steps": 4000, "size": 64}
    with server.client() as client:
        found = [client.post("/api/v1/jobs", json=long) for _ in range(8)]
        statuses = [one.status_code for one in found]
        assert statuses[:3] == [201] * 3
        assert statuses[-1] == 429
        assert int(found[-1].headers["retry-after"]) >= 1
        assert one_line(Answer(429, {}, found[-1].content))
        for one in found:
            if one.status_code == 201:
                assert client.post(f"/api/v1/jobs/{one.json()['id']}/stop").status_code == 200
        for one in found:
            if one.status_code == 201:
                assert client.delete(f"/api/v1/jobs/{one.json()['id']}").status_code == 204
        assert client.get("/api/v1/jobs").json() == []


def listening(server: Served) -> tuple[socket.socket, int]:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(request(server, "GET", "/api/v1/events"))
    return connection, int(connection.recv(12).split()[1])


def test_too_many_listeners_are_refused_until_one_leaves(server: Served) -> None:
    found = [listening(server) for _ in range(17)]
    assert [status for _, status in found] == [200] * 16 + [429]
    for connection, _ in found:  # all hang up at once, in the middle of the stream
        connection.close()
    until = time.monotonic() + 10
    while True:
        connection, status = listening(server)
        connection.close()
        if status == 200:
            break
        assert time.monotonic() < until
        time.sleep(0.05)


def test_who_hangs_up_while_looked_at_hinders_nobody(server: Served) -> None:
    for _ in range(20):
        with server.connected() as connection:
            connection.sendall(request(server, "POST", LOOK, PICTURE, content_type="image/png"))
    for _ in range(5):
        with server.connected() as connection:
            connection.sendall(request(server, "POST", LOOK, PICTURE, content_type="image/png")[:-100])
    with server.client() as client:
        until = time.monotonic() + 10
        while client.post(LOOK, content=PICTURE, headers={"content-type": "image/png"}).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_connections_that_ask_for_nothing_make_room(server: Served) -> None:
    idle: list[socket.socket] = []
    try:
        for _ in range(wire.MOST_CONNECTIONS + 60):
            idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            idle[-1].sendall(b"GET / HTTP/1.1\r\n")
        assert server.well()
    finally:
        for connection in idle:
            connection.close()


def test_many_good_requests_at_once_are_all_answered(server: Served) -> None:
    def one(number: int) -> int:
        return ask(server, "GET", ("/api/v1/site", f"/api/v1/models/{ID}", "/api/v1/jobs")[number % 3]).status

    with ThreadPoolExecutor(48) as pool:
        assert set(pool.map(one, range(200))) == {200}


def test_requests_behind_one_another_are_each_checked(server: Served) -> None:
    with server.connected() as connection:
        connection.sendall(
            request(server, "GET", "/api/v1/site") + request(server, "GET", "/api/v1/site", host="evil.example")
            + request(server, "GET", "/api/v1/site")
        )  # fmt: skip
        with connection.makefile("rb") as file:
            statuses = re.findall(rb"HTTP/1.1 (\d+)", file.read())
    assert statuses == [b"200", b"403"]  # after a refusal nothing more is read


def test_an_upgrade_is_not_taken_up(server: Served) -> None:
    found = ask(server, "GET", "/api/v1/site", connection="Upgrade", upgrade="websocket",
                sec_websocket_key="AAAAAAAAAAAAAAAAAAAAAA==", sec_websocket_version="13")  # fmt: skip
    assert found.status == 200


def test_a_name_from_outside_never_becomes_a_header(server: Served) -> None:
    for target in (
        f"/api/v1/models/{ID}/complete?text=%0d%0aSet-Cookie:%20a=b",
        f"/api/v1/models/{ID}/target?text=%0d%0a%0d%0a<script>",
        "/objects/aa/a%0d%0aX-Evil:%201.png",
    ):
        found = ask(server, "GET", target)
        assert found.status in (200, 404)
        assert "x-evil" not in found.headers
        assert "set-cookie" not in found.headers
        assert "\r" not in found.text
        assert "\n" not in found.text


def test_what_is_no_picture_is_never_shown(server: Served) -> None:
    page = b"<script>alert(1)</script>"  # as somebody else's store may have it
    for kind in ("html", "svg"):
        server.ledger.place.write(object_of(hashed(page), kind), page)
        found = ask(server, "GET", "/" + object_of(hashed(page), kind))
        assert found.status == 200
        assert found.headers["content-type"] == "application/octet-stream"
        assert found.headers["content-disposition"] == "attachment"
        assert found.headers["x-content-type-options"] == "nosniff"


def test_threads_do_not_pile_up(server: Served) -> None:
    before = threading.active_count()
    for _ in range(50):
        with server.connected() as connection:
            connection.sendall(b"GET /")
    assert threading.active_count() <= before + 45
