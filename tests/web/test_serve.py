"""``phosphene serve``: what it refuses, how it begins, how it ends, what it goes on with."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import pytest
import torch
from sweep.made import loaded, swept
from web.served import Running, running

import phosphene as ph
from phosphene.cli.main import main
from phosphene.errors import OutputError
from phosphene.models.network import Network
from phosphene.store.ledger import Ledger
from phosphene.store.place import CUT_OFF, Place
from phosphene.web.serve import assembled, the_networks
from phosphene.web.server.doors import MORE_PORTS, PORT, Door
from phosphene.web.server.keys import Keys
from phosphene.web.server.opening import Opening
from phosphene.web.server.security import Guard, Hosts

STEPS = 300  # long enough to be met at work
LONG = "a-token-of-sixteen-and-more"
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from phosphene.cli.main import main; sys.exit(main())"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return loaded(tmp_path_factory.mktemp("net"))


@pytest.fixture(scope="module")
def store(net: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    swept(net, folder, layers=["second"])
    return folder


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "takes --allow-remote and a --token of 16"),
        (["--host", "::"], "takes --allow-remote and a --token of 16"),
        (["--host", "0"], "takes --allow-remote and a --token of 16"),
        (["--host", "192.0.2.7", "--token", LONG], "takes --allow-remote and a --token of 16"),
        (["--host", "0.0.0.0", "--allow-remote"], "takes --allow-remote and a --token of 16"),
        (["--host", "0.0.0.0", "--allow-remote", "--token", "short"], "has 5 characters; take 16"),
        (["--token", "short"], "has 5 characters; take 16"),
        (["--token", "letters and spaces"], "without spaces"),
        (["--host", ""], "a name or a number of this machine"),
        (["--port", "99999"], "0 to 65535"),
        (["--allow-host", "http://lab.example"], "NAME or NAME:PORT"),
        (["--allow-host", "*"], "NAME or NAME:PORT"),
        (["nowhere"], "there is no store nowhere; to begin one there"),
        (["nowhere", "--read-only"], "there is no store nowhere"),
        (["miniception"], "phosphene serve --model miniception"),
        (["full", "--model", "miniception"], "other things are in it"),
        (["file", "--model", "miniception"], "file is a file; name a store"),
        (["--mean", "1,2,3"], "--mean is said of one --model"),
        (["--model", "a", "--model", "b", "--input-size", "3,8,8"], "--input-size is said of one --model"),
        (["--model", "nonsense"], "no model 'nonsense'"),
        (["--read-only", "--model", "miniception"], "takes no --model"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").touch()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert main(["serve", *words, "--no-browser", *(() if "--port" in words else ("--port", "0"))]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""
    assert not (tmp_path / "nowhere").exists()


def test_a_taken_port_is_said_and_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with Door(port=0).listen() as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("phosphene.web.server.doors.PORT", port)
        with Door().listen() as other:
            assert port < other.getsockname()[1] <= port + MORE_PORTS
        with pytest.raises(Exception, match=f"cannot listen at 127.0.0.1, port {port}: address already in use"):
            Door(port=port).listen()
    assert PORT == 8765


def test_only_this_machine_is_listened_to() -> None:
    assert Door().inside
    assert Door("localhost").inside
    assert Door("127.0.0.7").inside
    with Door(port=0).listen() as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        assert listening.family == socket.AF_INET


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_in_two_pieces_does_not_wait(host: str) -> None:
    """With Nagle's waiting a page's data came 40 ms after its head."""

    async def asked(listening: socket.socket) -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken = writer.get_extra_info("socket")
            found.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=listening):
            _, writer = await asyncio.open_connection(host, listening.getsockname()[1])
            writer.close()
            return await asyncio.wait_for(found, 20)

    try:
        listening = Door(host, port=0).listen()
    except OutputError:
        pytest.skip("this machine has no IPv6")
    assert asyncio.run(asked(listening))


def let_in(server: Running) -> httpx.Client:
    """A browser that opens the link."""
    client = httpx.Client(base_url=server.url, headers={"origin": server.url}, timeout=20)
    found = client.get(server.fresh_link())
    assert (found.status_code, found.headers["location"]) == (303, "/")
    return client


def waited(client: httpx.Client, job: str, *states: str, step: int = 0) -> dict[str, Any]:
    until = time.monotonic() + 60
    while True:
        found: dict[str, Any] = client.get(f"/api/v1/jobs/{job}").json()
        if found["state"] in states and found["step"] >= step:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.05)


@pytest.fixture
def ended() -> Iterator[list[httpx.Client]]:
    clients: list[httpx.Client] = []
    yield clients
    for client in clients:
        client.close()


def test_without_a_store_miniception_is_there_and_work_goes_on_after_every_end(
    tmp_path: Path, ended: list[httpx.Client]
) -> None:
    with running(tmp_path) as server:
        port = str(server.port)
        client = let_in(server)
        ended.append(client)
        site = client.get("/api/v1/site").json()
        assert site["live"]
        assert site["store"] == str(tmp_path / "phosphene" / "microscope")
        [line] = site["networks"]
        assert (line["model"], line["live"]) == ("miniception", True)
        asked = client.post(
            "/api/v1/jobs", json={"network": line["id"], "target": "conv1:3", "steps": STEPS, "size": 32}
        )
        job = asked.json()["id"]
        waited(client, job, "running", step=2)
        with client.stream("GET", "/api/v1/events") as stream:
            assert stream.status_code == 200
            began = time.monotonic()
            assert server.end(signal.SIGINT) == 130  # while somebody listens and a job runs
            assert time.monotonic() - began < 10  # most of it is for Python to end
    with running(tmp_path, "--port", port) as server:
        assert client.get("/api/v1/site").status_code == 200  # the cookie is as good as before
        waited(client, job, "running", step=2)
        server.kill()
    with running(tmp_path, "--port", port) as server:
        waited(client, job, "running", step=2)
        assert server.end(signal.SIGTERM) == 130
    with running(tmp_path, "--port", port):
        assert waited(client, job, "done")["step"] == STEPS
        assert client.get(f"/jobs/{job}/final.png").status_code == 200


def test_a_link_is_good_once_and_the_terminal_shows_the_next(
    store: Path, tmp_path: Path, ended: list[httpx.Client]
) -> None:
    with running(tmp_path, str(store), "--read-only", "--token", LONG) as server:
        first = server.fresh_link()
        ended.append(let_in(server))
        with httpx.Client(base_url=server.url) as stranger:
            assert stranger.get(first).status_code == 403
            until = time.monotonic() + 10
            while server.fresh_link() == first:
                assert time.monotonic() < until, server.said
                time.sleep(0.02)
            assert stranger.get(server.fresh_link()).status_code == 303
            assert stranger.get("/api/v1/site").status_code == 200
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {LONG}"}) as script:
            assert script.get("/api/v1/site").status_code == 200
        assert not any(LONG in line for line in server.said)


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(CUT_OFF)
    }


def test_what_ships_with_us_is_loaded_beside_what_is_named(tmp_path: Path) -> None:
    """A store of miniception, and another network on the command line; one with names for other classes says so."""
    own = ph.load("miniception")
    ledger = Ledger(Place(str(tmp_path / "s")), write=True)
    empty: list[str] = []
    assert list(the_networks(ledger, (), ph.load, empty.append)) == [own.fingerprint]
    ph.sweep(own, store=tmp_path / "s", layers=["conv1"], units=[(0, 1)], steps=1, recipe="draft")
    other = ph.load("miniception-plain")
    other.labels = ("a", "b")
    remarks: list[str] = []
    found = the_networks(ledger, (other.name,), {own.name: own, other.name: other}.__getitem__, remarks.append)
    assert set(found) == {own.fingerprint, other.fingerprint}
    assert not empty
    (remark,) = remarks
    assert "has 100 classes but 2 labels" in remark


def test_several_networks_with_options_of_their_own(
    net: Network, store: Path, tmp_path: Path, ended: list[httpx.Client]
) -> None:
    """Two checkpoints of one model, live beside each other; what is only shown says how to make it live."""
    weights = tmp_path / "my weights.pt"
    ledger, other = Ledger(Place(str(tmp_path / "two")), write=True), loaded(tmp_path / "other")
    torch.save({name: value + 1 for name, value in other.module.state_dict().items()}, weights)
    second = ph.load(net.name, weights=str(weights), input_size=net.preprocessing.size)
    for one in (net, second):
        ph.sweep(one, store=tmp_path / "two", layers=["second"], units=[(0, 1)], steps=1, recipe="draft")
    remarks: list[str] = []
    assert not the_networks(ledger, (), {}.__getitem__, remarks.append)
    (line,) = [one for one in remarks if second.fingerprint[:8] in one]
    (word,) = shlex.split(line.partition("--model ")[2])
    assert word.startswith(f"{net.name} --weights '{weights}'")
    with running(tmp_path / "state", str(tmp_path / "two"), "--model", net.name, "--model", word) as server:
        client = let_in(server)
        ended.append(client)
        assert {one["id"]: one["live"] for one in client.get("/api/v1/models").json()} == {
            net.fingerprint: True,
            second.fingerprint: True,
        }
        assert not any("only shown" in one for one in server.said)


def test_a_network_is_taken_at_the_size_of_its_pictures(net: Network, tmp_path: Path) -> None:
    """Unless another was said; and what the store says of it stays what it was."""
    store, said = tmp_path / "s", list[str]()
    large = ph.load(net.name, input_size=(3, 40, 40))
    ph.sweep(large, store=store, layers=["second"], units=[(0, 1)], steps=1, recipe="draft")
    own = ph.load(net.name, input_size=(3, 20, 20))
    known = {net.name: net, f"{net.name} --input-size 3,40,40": large, "own": own}
    ledger = Ledger(Place(str(store)), write=True)
    (found,) = the_networks(ledger, (net.name,), known.__getitem__, said.append).values()
    assert found is large
    assert said == [f"{net.name} is taken at 3,40,40, as its pictures here were made; otherwise say --input-size"]
    before = (store / "networks" / f"{net.fingerprint}.json").read_bytes()
    (found,) = the_networks(ledger, ("own",), known.__getitem__, said.append).values()
    assert found is own
    with ExitStack() as stack:
        assembled(
            ledger, {net.fingerprint: net}, Guard(Keys(b"", 1, tell=said.append), Hosts.of(1, "localhost", ())), stack
        )
    assert (store / "networks" / f"{net.fingerprint}.json").read_bytes() == before


@pytest.mark.parametrize(
    ("models", "says"),
    [
        (["net.py:build --wieghts a.pt"], "--model: unrecognized arguments: --wieghts a.pt; inside it goes what"),
        (["net.py:build --weights"], "--model: --weights: expected one argument"),
        (["net.py:build --weights 'a.pt"], "cannot be read: No closing quotation"),
    ],
)
def test_options_inside_a_model_are_refused_in_a_line(
    models: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    words = [word for one in models for word in ("--model", one)]
    assert main(["serve", *words, "--no-browser", "--port", "0"]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_what_a_store_names_is_never_loaded(
    net: Network, store: Path, tmp_path: Path, ended: list[httpx.Client]
) -> None:
    code = Path(net.name.partition(":")[0])
    assert code.name == "net.py"
    mark = tmp_path / "ran"
    before = code.read_text()
    code.write_text(f"open({str(mark)!r}, 'w')\n{before}")
    try:
        with running(tmp_path / "state", str(store)) as server:
            assert any("is only shown; to make new pictures of it: --model" in line for line in server.said)
            client = let_in(server)
            ended.append(client)
            site = client.get("/api/v1/site").json()
            assert not site["live"]
            assert not mark.exists()
        with running(tmp_path / "state", str(store), "--model", net.name) as server:
            client = let_in(server)
            ended.append(client)
            assert [one["live"] for one in client.get("/api/v1/models").json()] == [True]
            assert mark.exists()
    finally:
        code.write_text(before)


def test_without_torch_what_is_there_is_shown_and_nothing_is_changed(
    net: Network, store: Path, tmp_path: Path, ended: list[httpx.Client]
) -> None:
    before = content(store)
    with running(tmp_path, str(store), code=WITHOUT_TORCH) as server:
        assert any("torch is not installed" in line for line in server.said)
        client = let_in(server)
        ended.append(client)
        assert client.get("/api/v1/site").json()["live"] is False
        at = f"/api/v1/models/{net.fingerprint}/layers/second"
        unit = client.get(f"{at}/units/3").json()
        assert client.get(f"/{unit['pictures'][0]['url']}").content.startswith(b"\x89PNG")
        assert len(client.get(at).json()["units"]) == 8
        assert client.get("/api/v1/jobs").json() == []
        assert client.post("/api/v1/jobs", json={"network": net.fingerprint}).status_code == 409
    with running(tmp_path, str(store), "--read-only") as server:
        client = let_in(server)
        ended.append(client)
        assert client.get(f"{at}/units/3").json() == unit
    now = content(store)
    assert {name: data for name, data in now.items() if not name.startswith("index/")} == {
        name: data for name, data in before.items() if not name.startswith("index/")
    }


def test_of_two_servers_on_one_store_the_first_makes_its_pictures(
    net: Network, tmp_path: Path, ended: list[httpx.Client]
) -> None:
    words = (str(tmp_path / "store"), "--model", net.name)
    with running(tmp_path / "a", *words) as first, running(tmp_path / "b", *words) as second:
        assert not any("another phosphene serve" in line for line in first.said)
        assert [line for line in second.said if "another phosphene serve" in line] == [
            f"phosphene: another phosphene serve makes the pictures of {tmp_path / 'store'}; here they are only shown"
        ]
        makes, shows = let_in(first), let_in(second)
        ended += [makes, shows]
        assert [one.get("/api/v1/site").json()["live"] for one in (makes, shows)] == [True, False]
        asked = {"network": net.fingerprint, "target": "second:3", "steps": 2}
        job = waited(makes, makes.post("/api/v1/jobs", json=asked).json()["id"], "done")
        assert shows.get("/api/v1/jobs").json() == [job]
        assert shows.post("/api/v1/jobs", json=asked).status_code == 409
        first.kill()
        with running(tmp_path / "c", *words) as third:
            assert not any("another phosphene serve" in line for line in third.said)


def test_the_browser_is_told_a_file_that_is_soon_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, opened = "http://127.0.0.1:1/?token=a-word-that-lets-in", list[str]()
    monkeypatch.setattr("webbrowser.open", opened.append)
    opening = Opening()
    opening.open(secret)
    [url] = opened
    path = Path(url2pathname(urlsplit(url).path))
    assert "token" not in url
    assert secret in path.read_text()
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    opening.close()
    assert not path.exists()
    opening.open(secret, lasts=0.05)
    path = Path(url2pathname(urlsplit(opened[1]).path))
    until = time.monotonic() + 10
    while path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    opening.close()


# what runs in place of a browser: it notes its arguments, then follows the file as a browser would
BROWSER = """#!{python}
import pathlib, re, sys, urllib.parse, urllib.request
path = pathlib.Path(urllib.request.url2pathname(urllib.parse.urlsplit(sys.argv[1]).path))
pathlib.Path({notes!r}).write_text("\\n".join([*sys.argv[1:], path.read_text()]))
"""


@pytest.mark.skipif(os.name != "posix", reason="a script stands for the browser")
def test_no_process_has_the_word_among_its_arguments(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, notes = tmp_path / "browser", tmp_path / "notes"
    script.write_text(BROWSER.format(python=sys.executable, notes=str(notes)))
    script.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(script))
    with running(tmp_path, str(store), "--read-only", browser=True) as server:
        until = time.monotonic() + 20
        while not notes.exists() or not notes.read_text().endswith("</html>\n"):
            assert time.monotonic() < until, server.said
            time.sleep(0.02)
        arguments, _, page = notes.read_text().partition("\n")
        assert arguments.startswith("file://")
        file = Path(url2pathname(urlsplit(arguments).path))
        assert file.exists()
        assert f'url={server.fresh_link()}"' in page
        assert server.end(signal.SIGINT) == 130
        assert not file.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_the_secret_lies_in_the_users_folder_alone(tmp_path: Path, store: Path) -> None:
    with running(tmp_path, str(store), "--read-only"):
        [secret] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert secret == tmp_path / "phosphene" / "secret"
    assert secret.stat().st_mode & 0o077 == 0
