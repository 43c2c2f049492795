"""Hostile requests, each with its answer; who comes in, and how. After each the server still does its work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web.hostile import ALL, PICTURE, Case, ask, guarded, one_line
from web.served import Served

from phosphene.store.paths import hashed, object_of
from phosphene.web.server.bodies import Message
from phosphene.web.server.keys import LASTS, Keys, kept_secret
from phosphene.web.server.security import ALWAYS, Guard, Guarded, Hosts


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with guarded(tmp_path_factory.mktemp("guarded")) as found:
        yield found


@pytest.fixture(autouse=True)
def still_well(server: Served) -> Iterator[None]:
    yield
    assert server.well()


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name.replace(" ", "-"))
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


def answered(guard: Guard, query: bytes = b"") -> tuple[int, dict[bytes, bytes], bytes]:
    """What a guard answers to ``GET /`` in front of nothing."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def nothing(*_: object) -> None:
        raise AssertionError("it came through")

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": query, "server": None,
             "headers": [(b"host", b"localhost:1")]}  # fmt: skip
    asyncio.run(Guarded(nothing, guard)(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def test_what_nobody_thought_of_is_a_line_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """Where the guard itself breaks nobody comes in; the terminal hears of it, and the answer says what all say."""

    def gone(_: str) -> None:
        raise BrokenPipeError("the terminal is gone")

    status, headers, body = answered(Guard(Keys(b"s" * 32, 1, tell=gone), Hosts.of(1)))
    assert status == 500
    assert set(ALWAYS) <= set(headers.items())
    assert json.loads(body) == {"error": "something is broken in the server; its terminal says what"}
    assert "BrokenPipeError" in caplog.text
    assert answered(Guard(Keys(b"s" * 32, 1), Hosts.of(1)), b"&".join([b"a=1"] * 50))[0] == 401
    assert answered(Guard(Keys(b"s" * 32, 1), Hosts.of(1)), b"&".join([b"a=1"] * 51))[0] == 400


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
    before = len(server.words)
    for _ in range(20):
        assert ask(server, "GET", "/", cookie=None).status == 401
        assert ask(server, "GET", "/?token=nonsense", cookie=None).status == 403
    assert len(server.words) <= before + 1


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
