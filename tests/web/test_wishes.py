"""What is wished of live jobs when something is in the way: it happens, or it does not, and nothing is left over."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nets import two
from sweep.made import loaded
from torch import nn
from web.desks import blocked, desk_on, ended, freed, picture, processes, reached, still, until

import phosphene as ph
from phosphene.errors import BadSpec, OutputError
from phosphene.models.network import Network
from phosphene.objectives import from_text
from phosphene.result import Result
from phosphene.store.place import Place
from phosphene.together import interpolate, mixed
from phosphene.web.live import asked, hand
from phosphene.web.live.desk import Desk
from phosphene.web.live.journal import Journal
from phosphene.web.live.lock import Lock, Taken, free
from phosphene.web.schema.live_documents import Ask, JobDoc, Start


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network whose steps take 20 ms."""
    return loaded(tmp_path_factory.mktemp("slow"), "slow")


class Gate:
    """The time between the last step of a picture and its end, as long as one likes."""

    def __init__(self) -> None:
        self.inside, self.go, self.times = threading.Event(), threading.Event(), 0

    @contextmanager
    def passed(self) -> Iterator[None]:
        """What happens between."""
        assert self.inside.wait(60)
        yield
        self.go.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    made, found = hand.make_pictures, Gate()

    def slowly(*given: object) -> list[Result]:
        results = made(*given)  # type: ignore[arg-type]
        found.times += 1
        found.inside.set()
        assert found.go.wait(60)
        return results

    monkeypatch.setattr(hand, "make_pictures", slowly)
    return found


def test_stopped_after_the_last_step_it_stays_so(tmp_path: Path, gate: Gate) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        job = desk.ask(picture(net, steps=2))
        with gate.passed():
            assert desk.job(job.id).step == 2
            assert desk.stop(job.id).state == "stopped"
        assert ended(desk, desk.ask(picture(net, steps=1))).state == "done"
        assert (desk.job(job.id).state, desk.job(job.id).pictures) == ("stopped", ())
        assert Journal(desk.ledger.place).job(job.id).state == "stopped"
        assert not Place(str(tmp_path)).has(f"live/{job.id}/final.png")


def test_paused_after_the_last_step_it_waits_with_its_end(tmp_path: Path, gate: Gate) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        job = desk.ask(picture(net, steps=2))
        with gate.passed():
            assert desk.pause(job.id).state == "paused"
        assert still(desk, job).state == "paused"
        assert desk.resume(job.id).state == "running"
        assert ended(desk, job).state == "done"
        assert gate.times == 1


def test_stopped_while_its_last_words_are_written_it_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, put = two(), Journal.put_picture
    with desk_on(tmp_path, net) as desk:

        def stops(journal: Journal, job: str, name: str | int, data: bytes) -> None:
            put(journal, job, name, data)
            if name == "final" and desk.job(job).steps == 2:
                desk.stop(job)

        monkeypatch.setattr(Journal, "put_picture", stops)
        job = desk.ask(picture(net, steps=2))
        assert ended(desk, desk.ask(picture(net, steps=1))).state == "done"
        assert desk.job(job.id).state == "stopped"


@pytest.mark.parametrize("wish", ["pause", "stop"])
def test_what_cannot_be_put_down_has_not_happened(tmp_path: Path, slow: Network, wish: str) -> None:
    with desk_on(tmp_path, slow) as desk:
        first, waits = desk.ask(picture(slow, steps=200)), desk.ask(picture(slow, steps=1))
        last = desk.ask(picture(slow, steps=2))
        reached(desk, first, 1)
        folder = tmp_path / "live" / waits.id
        blocked(folder)
        with pytest.raises(OutputError, match="cannot write"):
            getattr(desk, wish)(waits.id)
        assert [desk.job(job.id).state for job in (first, waits, last)] == ["running", "waiting", "waiting"]
        assert [desk.job(job.id).position for job in (waits, last)] == [1, 2]
        freed(folder)
        assert Journal(desk.ledger.place).job(waits.id).state == "waiting"
        desk.stop(first.id)
        assert [ended(desk, job).state for job in (waits, last)] == ["done", "done"]


def test_a_job_that_cannot_be_resumed_stays_paused(tmp_path: Path, slow: Network) -> None:
    with desk_on(tmp_path, slow) as desk:
        job = desk.ask(picture(slow))
        reached(desk, job, 2)
        desk.pause(job.id)
        still(desk, job)
        folder = tmp_path / "live" / job.id
        blocked(folder)
        for wish in (desk.resume, desk.stop):
            with pytest.raises(OutputError, match="cannot write"):
                wish(job.id)
            assert still(desk, job).state == "paused"
        freed(folder)
        assert desk.resume(job.id).state == "running"
        assert ended(desk, job).state == "done"


def test_a_branch_that_cannot_be_put_down_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        job = ended(desk, desk.ask(picture(net, size=16, steps=4)))

        def full(journal: Journal, doc: JobDoc, turn: int = 0) -> None:
            assert journal.place.has(f"live/{doc.id}/start.png")
            raise OutputError("the disk is full")

        monkeypatch.setattr(Journal, "put", full)
        with pytest.raises(OutputError, match="full"):
            desk.ask(picture(net, start=Start(job.id, 4), steps=4))
        assert Place(str(tmp_path)).names("live") == [job.id, "lock"]


def test_what_a_killed_desk_left_of_jobs_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    net, place = two(), Place(str(tmp_path))
    with desk_on(tmp_path, net) as desk:
        job = ended(desk, desk.ask(picture(net, steps=1)))
    place.write("live/0123456789ab/start.png", b"before it was one")
    place.write("live/0123456789ac/4.png", b"while it was deleted")
    place.write("live/0123456789ad/job.json", b"damaged")
    place.write("live/notes/mine.txt", b"not ours")
    with desk_on(tmp_path, net):
        assert place.names("live") == sorted(["0123456789ad", job.id, "lock", "notes"])


def test_two_desks_do_not_work_on_one_store(tmp_path: Path) -> None:
    net, place = two(), Place(str(tmp_path))
    assert free(place)
    with desk_on(tmp_path, net) as desk:
        job = desk.ask(picture(net, steps=50))
        assert not free(place)
        with pytest.raises(Taken, match="another phosphene serve"):
            Desk(place, {net.fingerprint: net})
        assert ended(desk, job).state == "done"
    assert free(place)
    with desk_on(tmp_path, net) as desk:
        assert [one.id for one in desk.jobs()] == [job.id]


def test_whoever_is_killed_holds_nothing(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "store"))
    with processes(tmp_path, tmp_path / "store", json.dumps([{"target": "second:3", "steps": 400}])) as zygote:
        child = zygote.start()
        until(lambda: bool(Journal(place).jobs()))
        assert not free(place)
        os.kill(child, signal.SIGKILL)
        assert zygote.wait() == -signal.SIGKILL
        assert free(place)


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "store" / "live").mkdir(parents=True)
    (tmp_path / "store" / "live" / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot write live/lock"):
        Lock(Place(str(tmp_path / "store")))
    assert not (tmp_path / "elsewhere").exists()


def test_stores_elsewhere_have_no_lock_and_are_not_swept() -> None:
    place = Place("memory://wishes")
    place.write("live/0123456789ab/start.png", b"perhaps another is just writing it")
    net = two()
    desk = Desk(place, {net.fingerprint: net})
    try:
        assert not Lock(place).alone
        assert free(place)
        assert place.names("live") == ["0123456789ab"]
    finally:
        desk.close()
        place.remove("live")


def test_units_are_at_most_a_whole_layer_as_its_recipe_has_it(tmp_path: Path) -> None:
    wide = nn.Sequential(OrderedDict(second=nn.Conv2d(3, 64, 3), relu=nn.ReLU()))
    large = ph.load(wide, input_size=(3, 224, 224))
    with desk_on(tmp_path, large) as desk:
        ask = Ask(large.fingerprint, kind="units", layer="second")
        with pytest.raises(BadSpec, match=r"that is 4\.0 times as much work as one job may be.* fewer steps or units"):
            desk.ask(Ask(**{**vars(ask), "steps": 4096}))
        assert desk.jobs() == []
        for fits in ({"steps": 1000}, {"steps": 4096, "units": "3"}):
            desk.ask(Ask(**{**vars(ask), **fits}))


def test_a_whole_layer_as_its_recipe_has_it_is_never_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "MOST_WORK", 10)
    net = two()
    with desk_on(tmp_path, net) as desk:
        ask = Ask(net.fingerprint, kind="units", layer="second")
        assert desk.ask(ask).steps == 5
        with pytest.raises(BadSpec, match=r"that is 2\.0 times as much work"):
            desk.ask(Ask(**{**vars(ask), "steps": 128}))


def test_between_two_targets_is_said_once() -> None:
    first, last = from_text("second:3"), from_text("second:1")
    assert [str(one) for one in mixed(first, last, 3)] == ["second:3", "0.5*second:3 + 0.5*second:1", "second:1"]
    with pytest.raises(BadSpec, match="2 or more frames"):
        mixed(first, last, 1)
    with pytest.raises(BadSpec, match="two different units"):
        mixed(first, first, 3)
    made = interpolate(two(), "second:3", "second:1", frames=2, preset="fast", steps=1)
    assert [one.target for one in made] == ["second:3", "second:1"]
