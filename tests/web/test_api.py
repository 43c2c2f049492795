"""The interface under ``/api/v1``: what a real server answers is what its parts say."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from data.made import encoded, photo
from nets import Two
from sweep.made import loaded, swept
from torch import Tensor
from web.served import Served, served

import phosphene as ph
from phosphene.models.network import Network
from phosphene.store.ledger import Ledger
from phosphene.store.place import Place
from phosphene.sweeps.described import about_of
from phosphene.web.look.eye import Eye
from phosphene.web.pages.shelf import Shelf
from phosphene.web.schema.live_documents import Ask, Problem
from phosphene.web.server.events import MOST_WAITING, Box, event
from phosphene.web.words import Words

PICTURE = encoded(photo())


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return loaded(tmp_path_factory.mktemp("net"))


@pytest.fixture(scope="module")
def ledger(net: Network, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    store = tmp_path_factory.mktemp("store")
    swept(net, store)
    return Ledger(Place(str(store)))


@pytest.fixture(scope="module")
def server(net: Network, ledger: Ledger) -> Iterator[Served]:
    with served(ledger, {net.fingerprint: net}) as found:
        yield found


@pytest.fixture
def page(server: Served) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def shelf(net: Network, ledger: Ledger) -> Shelf:
    return Shelf(ledger, [about_of(net)])


def plain(document: Any) -> Any:
    """A document as JSON has it."""
    if isinstance(document, list | tuple):
        return [plain(one) for one in document]
    return json.loads(json.dumps(dataclasses.asdict(document)))


def test_documents_are_those_of_the_shelf(page: httpx.Client, shelf: Shelf, net: Network) -> None:
    name, live = net.fingerprint, [net.fingerprint]
    for address, document in {
        "/api/v1/site": shelf.site(live, True),
        "/api/v1/models": shelf.site(live, True).networks,
        f"/api/v1/models/{name}": shelf.network(name, live),
        f"/api/v1/models/{name[:12]}": shelf.network(name, live),
        f"/api/v1/models/{name}/layers/second": shelf.layer(name, "second", live),
        f"/api/v1/models/{name}/layers/logit": shelf.layer(name, "logit", live),
        f"/api/v1/models/{name}/layers/second/units/3": shelf.unit(name, "second", 3, live),
    }.items():
        found = page.get(address)
        assert found.status_code == 200
        assert found.headers["content-type"] == "application/json"
        assert found.json() == plain(document), address
    assert page.get(f"/api/v1/models/{name}/layers/second/units/3").json()["pictures"]


def test_pictures_are_those_of_the_store(page: httpx.Client, shelf: Shelf, net: Network) -> None:
    unit = page.get(f"/api/v1/models/{net.fingerprint}/layers/second/units/3").json()
    url = unit["pictures"][0]["url"]
    found = page.get(f"/{url}")
    assert found.content == shelf.object(url.removeprefix("objects/"))
    assert found.headers["content-type"] == "image/png"
    assert "immutable" in found.headers["cache-control"]
    sheet = next(iter(unit["sheets"]))
    thumbs = page.get(f"/{sheet}")
    assert thumbs.headers["content-type"] == "image/webp"
    assert "immutable" in thumbs.headers["cache-control"]
    assert thumbs.content == shelf.sheet(net.fingerprint, "second", sheet.rpartition("/")[2])


def test_words_and_sight_are_those_of_the_parts(page: httpx.Client, net: Network) -> None:
    name = net.fingerprint
    words, eye = Words({name: net}), Eye({name: net})
    at = f"/api/v1/models/{name}"
    assert page.get(f"{at}/choices").json() == plain(words.choices(name))
    for text in ("", "sec", "second:1 + fi", "löwe"):
        assert page.get(f"{at}/complete", params={"text": text}).json() == plain(words.complete(name, text))
    for text in ("second:1", "second:1 - 0.5*first:2", "nonsense:1", ""):
        assert page.get(f"{at}/target", params={"text": text}).json() == plain(words.target(name, text))
    found = page.post(
        f"{at}/look", params={"layer": "second", "unit": "first:1", "method": "saliency"}, content=PICTURE,
        headers={"content-type": "image/png"},
    )  # fmt: skip
    seen = plain(eye.look(name, PICTURE, "second", "first:1", "saliency"))
    assert found.json() | {"took": 0} == seen | {"took": 0}
    eye.close()


def test_the_schema_says_everything(page: httpx.Client) -> None:
    schema = page.get("/api/v1/openapi.json").json()
    told = {(method, path) for path, methods in schema["paths"].items() for method in methods}
    at, job = "/api/v1/models/{network}", "/api/v1/jobs/{job}"
    assert told == {
        ("get", "/api/v1/site"), ("get", "/api/v1/models"), ("get", at), ("get", f"{at}/layers/{{layer}}"),
        ("get", f"{at}/layers/{{layer}}/units/{{channel}}"), ("get", f"{at}/choices"), ("get", f"{at}/complete"),
        ("get", f"{at}/target"), ("post", f"{at}/look"), ("get", "/api/v1/jobs"), ("post", "/api/v1/jobs"),
        ("get", job), ("delete", job), ("post", f"{job}/pause"), ("post", f"{job}/resume"), ("post", f"{job}/stop"),
        ("get", "/api/v1/events"), ("get", "/objects/{ab}/{name}"), ("get", "/sheets/{network}/{layer}/{name}"),
        ("get", "/jobs/{job}/{name}"),
    }  # fmt: skip
    for methods in schema["paths"].values():
        for about in methods.values():
            assert about["summary"]
    fields = schema["components"]["schemas"]
    assert set(fields["Ask"]["properties"]) == {one.name for one in dataclasses.fields(Ask)}
    assert set(fields["Problem"]["properties"]) == {one.name for one in dataclasses.fields(Problem)}
    assert page.get("/api/v1/docs").status_code == page.get("/docs").status_code == 404


def test_errors_say_which_there_are(page: httpx.Client, net: Network) -> None:
    at = f"/api/v1/models/{net.fingerprint}"
    for status, says, found in (
        (404, "closest: second", page.get(f"{at}/layers/secont")),
        (404, "0 to 7", page.get(f"{at}/layers/second/units/8")),
        (404, "", page.get("/api/v1/models/0000")),
        (422, "text", page.get(f"{at}/target", params={"text": "a" * 3000})),
        (422, "field required", page.post("/api/v1/jobs", json={})),
        (422, "kind", page.post("/api/v1/jobs", json={"network": "a", "kind": "nonsense"})),
        (404, "no network", page.post("/api/v1/jobs", json={"network": "f" * 32, "target": "second:0"})),
        (422, "cannot read the target", page.post("/api/v1/jobs", json={"network": net.fingerprint, "target": "a + "})),
        (404, "nothing at this address", page.get("/api/v1/nonsense")),
        (405, "DELETE", page.delete("/api/v1/site")),
    ):
        assert found.status_code == status, found.text
        line = found.json()["error"]
        assert says.lower() in line.lower()
        assert "\n" not in line


def waited(page: httpx.Client, job: str, *states: str) -> dict[str, Any]:
    until = time.monotonic() + 30
    while True:
        found: dict[str, Any] = page.get(f"/api/v1/jobs/{job}").json()
        if found["state"] in states:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.02)


def test_a_job_from_asking_to_its_picture(page: httpx.Client, net: Network) -> None:
    asked = page.post("/api/v1/jobs", json={"network": net.fingerprint, "target": "second:1", "steps": 4, "size": 16})
    assert asked.status_code == 201
    job = waited(page, asked.json()["id"], "done", "failed")
    assert (job["state"], job["error"]) == ("done", None)
    assert job == page.get("/api/v1/jobs").json()[0]
    for url in [job["pictures"][0]["url"], *(f"jobs/{job['id']}/{step}.png" for step in job["frames"])]:
        found = page.get(f"/{url}")
        assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
        assert found.content.startswith(b"\x89PNG")
        assert page.get(f"/{url}", headers={"if-none-match": found.headers["etag"]}).status_code == 304
    assert page.delete(f"/api/v1/jobs/{job['id']}").status_code == 204
    assert page.get(f"/api/v1/jobs/{job['id']}").status_code == 404
    assert page.get(f"/jobs/{job['id']}/final.png").status_code == 404


def test_a_job_is_paused_and_resumed_and_stopped(page: httpx.Client, net: Network) -> None:
    asked = page.post("/api/v1/jobs", json={"network": net.fingerprint, "target": "second:1", "steps": 4000})
    at = f"/api/v1/jobs/{asked.json()['id']}"
    assert page.post(f"{at}/pause").json()["state"] == "paused"
    assert page.post(f"{at}/resume").json()["state"] in ("waiting", "running")
    assert page.post(f"{at}/stop", json={}).json()["state"] == "stopped"
    assert page.post(f"{at}/resume").status_code == 422
    page.delete(at)


@contextmanager
def heard(server: Served) -> Iterator[list[tuple[str, Any]]]:
    """What the server tells while this is open."""
    told: list[tuple[str, Any]] = []
    begun, ended = threading.Event(), threading.Event()

    def listen() -> None:
        with server.client() as client, client.stream("GET", "/api/v1/events", timeout=30) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            kind = ""
            for line in stream.iter_lines():
                begun.set()
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    told.append((kind, json.loads(line.removeprefix("data: "))))
                if ended.is_set():
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    assert begun.wait(10)
    try:
        yield told
    finally:
        ended.set()
        with server.client() as client:  # something more is told, so that it ends
            name = client.get("/api/v1/models").json()[0]["id"]
            asked = client.post("/api/v1/jobs", json={"network": name, "target": "first:0", "steps": 1})
            waited(client, asked.json()["id"], "done")
            client.delete(f"/api/v1/jobs/{asked.json()['id']}")
        thread.join(20)
        assert not thread.is_alive()


def test_events_tell_of_jobs_and_layers(server: Served, page: httpx.Client, net: Network) -> None:
    with heard(server) as told:
        asked = page.post(
            "/api/v1/jobs", json={"network": net.fingerprint, "kind": "units", "layer": "first", "units": "0:2"}
        )
        assert asked.status_code == 201, asked.text
        job = waited(page, asked.json()["id"], "done", "failed")
        page.delete(f"/api/v1/jobs/{job['id']}")
        until = time.monotonic() + 10
        while ("gone", {"id": job["id"]}) not in told:
            assert time.monotonic() < until
            time.sleep(0.02)
        states = [one["state"] for kind, one in told if kind == "job" and one["id"] == job["id"]]
        versions = [one["version"] for kind, one in told if kind == "job" and one["id"] == job["id"]]
        assert states[-1] == "done"
        assert versions == sorted(versions)
        assert ("layer", {"network": net.fingerprint, "layer": "first"}) in told


def test_a_listener_that_reads_slowly_gets_the_latest_and_is_sent_away_at_last() -> None:
    async def slowly() -> None:
        box = Box(asyncio.get_running_loop())
        for version in range(1000):
            box.put("layer", ("n", f"layer {version % 3}"))
        found = await box.taken(1.0)
        assert [told for _, told in found] == [("n", "layer 1"), ("n", "layer 2"), ("n", "layer 0")]
        assert await box.taken(0.01) == []
        assert not box.closed
        for number in range(MOST_WAITING + 1):
            box.put("gone", f"{number}")
        assert box.closed

    asyncio.run(slowly())


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    told = event("layer", ("n", 'a"\r\n\r\nevent: gone'))
    assert told.count(b"\n") == 3
    assert json.loads(told.split(b"\n")[1].removeprefix(b"data: "))["layer"] == 'a"\r\n\r\nevent: gone'


def test_what_only_shows_says_so(ledger: Ledger, net: Network) -> None:
    with served(ledger) as server, server.client() as page:
        assert page.get("/api/v1/site").json()["live"] is False
        at = f"/api/v1/models/{net.fingerprint}"
        assert page.get(f"{at}/layers/second").json()["live"] is False
        for found in (
            page.post("/api/v1/jobs", json={"network": net.fingerprint}),
            page.post("/api/v1/jobs/0123456789ab/stop"),
            page.delete("/api/v1/jobs/0123456789ab"),
            page.get("/api/v1/events"),
            page.get(f"{at}/choices"),
            page.get(f"{at}/complete"),
            page.get(f"{at}/target"),
            page.post(f"{at}/look", content=PICTURE, headers={"content-type": "image/png"}),
        ):
            assert found.status_code == 409
            assert "only shows what is there" in found.json()["error"]
        assert page.get("/api/v1/jobs").json() == []
        assert page.get("/api/v1/jobs/0123456789ab").status_code == 404
        assert page.get("/jobs/0123456789ab/final.png").status_code == 404


def test_what_only_shows_shows_jobs_as_they_were_put_down(net: Network, tmp_path: Path) -> None:
    there = Ledger(Place(str(tmp_path)), write=True)
    with (
        served(there, {net.fingerprint: net}) as server,
        served(there) as shows,
        server.client() as page,
        shows.client() as other,
    ):
        asked = page.post("/api/v1/jobs", json={"network": net.fingerprint, "target": "second:3", "steps": 2})
        job = waited(page, asked.json()["id"], "done")
        assert other.get("/api/v1/jobs").json() == [job]
        assert other.get(f"/api/v1/jobs/{job['id']}").json() == job
        at = f"/{job['pictures'][0]['url']}"
        assert other.get(at).content == page.get(at).content
        assert other.post(f"/api/v1/jobs/{job['id']}/stop").status_code == 409


ENTERED, GATE = threading.Event(), threading.Event()


class Gated(Two):
    def forward(self, x: Tensor) -> Tensor:
        ENTERED.set()
        assert GATE.wait(60)
        return super().forward(x)


def test_a_picture_that_a_newer_one_took_the_place_of_may_come_again(tmp_path: Path) -> None:
    GATE.set()
    gated = ph.load(Gated(), input_size=(3, 12, 12))
    with served(Ledger(Place(str(tmp_path)), write=True), {gated.fingerprint: gated}) as server:

        def look() -> httpx.Response:
            with server.client() as page:
                kind = {"content-type": "image/png"}
                return page.post(f"/api/v1/models/{gated.fingerprint}/look", content=PICTURE, headers=kind)

        GATE.clear()
        ENTERED.clear()
        with ThreadPoolExecutor(3) as pool:
            try:
                answers = [pool.submit(look)]
                assert ENTERED.wait(30)
                for _ in range(2):
                    answers.append(pool.submit(look))
                    time.sleep(0.3)
                found = answers[1].result(10)
            finally:
                GATE.set()
            assert (found.status_code, found.headers["retry-after"]) == (503, "1")
            assert "newer picture" in found.json()["error"]
            assert [answers[at].result(30).status_code for at in (0, 2)] == [200, 200]


def test_the_pages_are_there(page: httpx.Client) -> None:
    for name, kind in {"": "text/html", "app.js": "text/javascript", "app.css": "text/css",
                       "icon.svg": "image/svg+xml"}.items():  # fmt: skip
        found = page.get(f"/{name}")
        assert found.status_code == 200, found.text
        assert found.headers["content-type"].startswith(kind)
        assert page.get(f"/{name}", headers={"if-none-match": found.headers["etag"]}).status_code == 304
    assert page.get("/index.html").status_code == 404  # one address for one page


def test_the_server_ends_while_somebody_listens(ledger: Ledger, net: Network, tmp_path: Path) -> None:
    with served(Ledger(Place(str(tmp_path)), write=True), {net.fingerprint: net}) as server:
        connection = server.client()
        stream = connection.stream("GET", "/api/v1/events")
        answer = stream.__enter__()
        assert answer.status_code == 200
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert list(answer.iter_lines())[-1] == ""  # the stream came to its end, it was not cut
    stream.__exit__(None, None, None)
    with pytest.raises(httpx.ConnectError):
        connection.get("/api/v1/site")
    connection.close()
