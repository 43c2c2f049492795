"""Live jobs on disk: read back as they were, whatever happened to others."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from phosphene.errors import StoreError
from phosphene.store.check import verify
from phosphene.store.ledger import Ledger
from phosphene.store.place import CUT_OFF, Place
from phosphene.store.sealed import sealed
from phosphene.web.documents import Ask, FramesDoc, JobDoc, Picture, ScoreDoc, Start, Strip
from phosphene.web.journal import Journal, Noted, new_id, typed

MADE = Picture(
    id="a" * 32, kind="positive", row=1, status="dead", target="logit:two", url="jobs/x/final.png", width=3, height=4,
    steps=5, seed=6, score=ScoreDoc(None, 0.5, 1e-30, "own"), evidence={"rank": 1, "top": [{"unit": "a:1"}]},
    spec={"steps": 5, "image": {"size": [3, 4]}}, versions={"torch": "2"}, arithmetic="fp32", cli="a", python="b",
    group={"row": 0, "similarity": 0.25}, frames=FramesDoc(Strip("u", 2, 3, 4), (0, 4), (None, 0.5)),
)  # fmt: skip
ASK = Ask("f" * 32, target='logit:"ü, → \n"', size=64, start=Start("0123456789ab", 16))
JOB = JobDoc(
    new_id(), 7, "2031-05-04T10:00:00.000001+00:00", "a → b", "miniception", ASK, "running", 3, 9, count=2, width=64,
    height=32, score=-1.5, curve=((0, None), (3, -1.5)), frames=(0, 3), pictures=(MADE,),
)  # fmt: skip


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(str(tmp_path) if request.param == "folder" else f"memory://{new_id()}")


def test_a_job_is_read_back_as_it_was_but_for_its_place_in_the_queue(place: Place) -> None:
    journal = Journal(place)
    assert journal.jobs() == []
    journal.put(replace(JOB, position=3, eta=2.5), turn=11)
    assert journal.noted() == [Noted(JOB, 11)]
    assert journal.job(JOB.id) == JOB
    newer = replace(JOB, id=new_id(), created="2031-05-04T10:00:00.000002+00:00", pictures=(), ask=Ask("e" * 32))
    journal.put(newer)
    assert journal.jobs() == [newer, JOB]
    journal.remove(JOB.id)
    assert journal.jobs() == [newer]
    assert place.names("live") == [newer.id]


def test_pictures_are_called_by_their_step_and_nothing_else(place: Place) -> None:
    journal = Journal(place)
    place.write("live/secret", b"secret")
    for name in (0, 16, 4096, "final", "final-3", "start"):
        journal.put_picture(JOB.id, name, str(name).encode())
        assert journal.picture(JOB.id, str(name)) == journal.picture(JOB.id, f"{name}.png") == str(name).encode()
    for job, name in [(JOB.id, "17"), (JOB.id, "job"), (JOB.id, "job.json"), (JOB.id, "../secret"), (JOB.id, "016"),
                      (JOB.id, "1\n"), (JOB.id, ""), ("..", "0"), ("../live", "secret"), (JOB.id.upper(), "0"),
                      (f"{JOB.id}\n", "0"), ("", "0"), ("١" * 12, "0")]:  # fmt: skip
        with pytest.raises(StoreError):
            journal.picture(job, name)


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{}", b"[]", b"\xff\x00", sealed({"job": {"id": "x"}, "turn": 1}), sealed({"job": [1], "turn": None}),
     sealed({"job": {"state": "asleep"}, "turn": 1}), sealed({"turn": 1})],
)  # fmt: skip
def test_a_damaged_job_does_not_hinder_the_others(place: Place, damaged: bytes) -> None:
    journal, bad, half = Journal(place), new_id(), new_id()
    journal.put(JOB)
    place.write(f"live/{bad}/job.json", damaged)
    place.write(f"live/{half}/0.png", b"a picture of a job that was never written down")
    place.write("live/notes.txt", b"not ours")
    place.write(f"live/{CUT_OFF}1", b"cut off")
    assert journal.jobs() == [JOB]
    for job in (bad, half):
        with pytest.raises(StoreError):
            journal.job(job)


def test_every_changed_letter_shows(tmp_path: Path) -> None:
    journal = Journal(Place(str(tmp_path)))
    journal.put(JOB)
    path = tmp_path / "live" / JOB.id / "job.json"
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert journal.jobs() == []
    path.write_bytes(whole.replace(JOB.id.encode(), new_id().encode()))
    assert journal.jobs() == []
    other = path.parent.with_name(new_id())
    other.mkdir()
    (other / "job.json").write_bytes(whole)  # a copy under another name is no job of that name
    path.write_bytes(whole)
    assert journal.jobs() == [JOB]


def test_types_are_those_of_the_document() -> None:
    assert typed(tuple[tuple[int, float | None], ...], [[1, 2], [3, None]]) == ((1, 2), (3, None))
    for hint, value in [(int, "1"), (int, True), (str, 1), (tuple[int, ...], 3), (tuple[int, int], [1]), (bool, 1),
                        (int, None), (Ask, {"network": "f", "color": 1}), (Ask, {})]:  # fmt: skip
        with pytest.raises((TypeError, ValueError, KeyError)):
            typed(hint, value)


def test_a_store_with_live_jobs_is_whole(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    ledger = Ledger(place, write=True)
    Journal(place).put(JOB)
    Journal(place).put_picture(JOB.id, 3, b"no picture of ours to judge")
    found = verify(ledger, prune=True)
    assert found.whole
    assert (found.orphans.files, found.leftovers.files) == (0, 0)
    assert Journal(place).jobs() == [JOB]
    assert Journal(place).picture(JOB.id, "3")


def test_it_is_read_where_there_is_no_torch() -> None:
    rooms = "import phosphene.web.journal, phosphene.web.board, phosphene.web.limits"
    subprocess.run([sys.executable, "-c", f"import sys; {rooms}; assert 'torch' not in sys.modules"], check=True)
