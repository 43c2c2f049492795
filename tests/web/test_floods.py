"""Too much, too slow, cut off, garbled, all at once: the server goes on."""

from __future__ import annotations

import io
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from web.hostile import ASK, ID, LOOK, PICTURE, ask, guarded, one_line, request
from web.served import Answer, Served, answer

from phosphene.store.paths import hashed, object_of
from phosphene.web.schema.limits import PICTURE_BYTES
from phosphene.web.server import bodies, wire
from phosphene.web.server.security import MOST_PICTURES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with guarded(tmp_path_factory.mktemp("guarded")) as found:
        yield found


@pytest.fixture(autouse=True)
def still_well(server: Served) -> Iterator[None]:
    yield
    assert server.well()


def test_ten_thousand_ranges_get_the_whole(server: Served) -> None:
    found = ask(server, "GET", "/" + object_of(hashed(PICTURE), "png"), range="bytes=" + ",".join(["0-"] * 10_000))
    assert (found.status, found.body) == (200, PICTURE)


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
    assert set(statuses) <= {200, 429, 503}
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
        idle[0].settimeout(3)  # sooner than anyone runs out of patience with it
        with suppress(ConnectionResetError):
            assert idle[0].recv(1) == b""  # the oldest went
        idle[-1].settimeout(0.1)
        with pytest.raises(TimeoutError):
            idle[-1].recv(1)  # the newest is still waited for
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
    for kind in ("html", "svg", "png", "webp", "jpg"):
        server.ledger.place.write(object_of(hashed(page), kind), page)
        found = ask(server, "GET", "/" + object_of(hashed(page), kind))
        assert found.status == 404
        assert "script" not in found.text
        assert found.headers["x-content-type-options"] == "nosniff"


def test_pictures_that_wait_to_be_looked_at_do_not_fill_the_memory(server: Served) -> None:
    """So many may be on their way; what comes then is told to come back, and is not taken in."""
    size = PICTURE_BYTES - 1
    head = request(server, "POST", LOOK, content_type="image/png", content_length=str(size))
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(MOST_PICTURES)]
    try:
        for one in slow:
            one.sendall(head + b"x" * 1000)
        until = time.monotonic() + 10
        while (found := ask(server, "POST", LOOK, PICTURE, content_type="image/png")).status != 429:
            assert time.monotonic() < until, f"{found.status} while {len(slow)} pictures came"
            time.sleep(0.05)
        assert "too many pictures" in one_line(found)
        assert int(found.headers["retry-after"]) >= 1
        large = ask(server, "POST", LOOK, b"x" * size, content_type="image/png")
        assert large.status == 429
        assert server.well()  # other requests are not held up
    finally:
        for one in slow:
            one.close()
    until = time.monotonic() + 10
    while ask(server, "POST", LOOK, PICTURE, content_type="image/png").status != 200:
        assert time.monotonic() < until, "room is made again"
        time.sleep(0.05)


def test_threads_do_not_pile_up(server: Served) -> None:
    before = threading.active_count()
    for _ in range(50):
        with server.connected() as connection:
            connection.sendall(b"GET /")
    assert threading.active_count() <= before + 45
