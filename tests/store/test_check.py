"""Every damage is found and put aside, with what needs it and nothing else; what nobody needs is told, and pruned."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.shelf import (
    LAYER,
    NETWORK,
    OTHER,
    Dying,
    Killed,
    content,
    dying,
    everything,
    fill,
    job,
    put,
    record,
    refill,
    shelf,
)

from phosphene.errors import BadSpec, StoreError
from phosphene.store.check import Fault, verify
from phosphene.store.compact import compact
from phosphene.store.index import index
from phosphene.store.ledger import Ledger
from phosphene.store.paths import hashed, object_of, record_of
from phosphene.store.place import Place
from phosphene.store.plan import Plan, Track
from phosphene.store.scans import encoded
from phosphene.store.sealed import sealed

pytest.importorskip("pyarrow")
SCANNED = b"what pictures do to a layer" * 9


def scanned(place: Place) -> str:
    """A finished scan of one layer; its id."""
    plan = Plan(model={"address": "fake"}, fingerprint=NETWORK, source="photos", data="d", pictures=9,
                shape=(3, 8, 8), tracks=(Track(LAYER, 4, (2, 2)),), k=2, many=4, sample=16, batch=4)  # fmt: skip
    entry = {"file": f"layers/{LAYER}", "hash": hashed(SCANNED)}
    place.write(f"scans/{plan.id}/layers/{LAYER}", SCANNED)
    place.write(
        f"scans/{plan.id}/scan.json",
        encoded({"plan": plan.to_dict(), "layers": {LAYER: entry}, "pictures": 9, "skipped": []}),
    )
    return plan.id


def full(url: str | Path, packed: str = "some") -> Ledger:
    """Everything that a store can have. ``packed``: none, some or all of the records."""
    ledger = shelf(url)
    fill(ledger, LAYER, range(1), network=OTHER)
    scanned(ledger.place)
    if packed != "none":
        compact(ledger)
    if packed == "some":
        fill(ledger, LAYER, (7, 8))
        fill(ledger, "mixed3a", (1, 2))
    for network in ledger.networks():
        for layer in ledger.layers(network):
            index(ledger, network, layer)
    return ledger


def damage(data: bytes, draw: random.Random) -> bytes:
    """A bit is flipped, or the end is missing."""
    if draw.random() < 0.3:
        return data[: draw.randrange(len(data))]
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]


def needing(known: dict[str, dict[str, Any]], name: str) -> set[str]:
    """The records that need a payload."""
    return {
        key for key, one in known.items()
        if name in {object_of(entry["hash"], entry["kind"]) for entry in one["payloads"].values()}
    }  # fmt: skip


@pytest.mark.parametrize("packed", ["none", "some", "all"])
def test_a_whole_store_is_whole_and_stays_as_it_is(packed: str, tmp_path: Path) -> None:
    ledger = full(tmp_path, packed)
    before = content(ledger.place)
    steps: list[tuple[int, int, str]] = []
    found = verify(ledger, progress=lambda *step: steps.append(step))
    assert found.whole
    assert found.faults == ()
    assert found.records == len(everything(ledger))
    assert found.payloads == sum(name.startswith("objects/") for name in before)
    assert (found.packs, found.scans) == ({"none": 0}.get(packed, 3), 1)
    assert (found.orphans.files, found.leftovers.files, found.rescued) == (0, 0, 0)
    assert content(ledger.place) == before
    assert {what for _, _, what in steps} == {"pictures", "layers", "scans"}
    assert all(0 <= done <= total for done, total, _ in steps)


_FULL: dict[str, bytes] = {}


@settings(max_examples=30)
@given(seed=st.integers(0, 10**9), packed=st.sampled_from(["none", "some", "all"]), hits=st.integers(1, 3))
def test_any_damage_is_found_put_aside_and_costs_no_other_record(seed: int, packed: str, hits: int) -> None:
    place = Place(f"memory://check/{packed}")
    if not place.names():
        full(place.url, packed)
        _FULL.update({f"{packed} {name}": data for name, data in content(place).items()})
    files = {name.partition(" ")[2]: data for name, data in _FULL.items() if name.startswith(f"{packed} ")}
    refill(place, files)
    ledger, draw = Ledger(place), random.Random(seed)
    known = everything(ledger)
    every = [name for name in files if name != "phosphene.json" and not name.endswith("scan.json")]
    # of each kind alike, for there are more payloads than all others
    kinds = sorted({name.partition("/")[0] + name[-5:] for name in every})
    broken = {}
    for _ in range(hits):
        kind = draw.choice(kinds)
        name = draw.choice([name for name in every if name.partition("/")[0] + name[-5:] == kind])
        broken[name] = damage(files[name], draw)
    for name, data in broken.items():
        place.write(name, data)
    told = verify(ledger, repair=False)
    named = {fault.name for fault in told.faults}
    for name in broken:
        assert name in named or (name.startswith("scans/") and "/".join(name.split("/")[:2]) in named), name
    assert {name: data for name, data in content(place).items() if name not in broken} == {
        name: data for name, data in files.items() if name not in broken
    }
    assert {fault.name for fault in verify(ledger).faults} == named
    for name, data in broken.items():
        assert place.read(f"quarantine/{name}") == data
    again = verify(ledger)
    assert again.whole, again.faults
    left = everything(ledger)
    lost = {Path(name).stem for name in broken if name.startswith("records/")}
    lost |= {key for name in broken for key in needing(known, name)}
    in_packs = set()  # what a damaged pack held may be read all the same, or not
    for name in broken:
        if name.endswith(".parquet"):
            in_packs |= _ids(files[name])
    assert set(known) - set(left) - in_packs == lost - in_packs
    assert lost & set(left) == set()
    assert all(left[key] == known[key] for key in left)
    compact(ledger)
    assert everything(ledger) == left
    assert verify(ledger).whole


def _ids(data: bytes) -> set[str]:
    import io

    import pyarrow.parquet as parquet

    return set(parquet.read_table(io.BytesIO(data), columns=["id"]).column("id").to_pylist())


def test_what_is_lost_is_made_again_and_fits(tmp_path: Path) -> None:
    """A sweep sees that it is missing, and writes it as before."""
    ledger = full(tmp_path, "all")
    known = everything(ledger)
    one = next(one for one in known.values() if one["layer"] == LAYER and one["channel"] == 4)
    name = object_of(one["payloads"]["frames"]["hash"], "png")
    (tmp_path / name).unlink()
    (fault,) = verify(ledger).faults
    assert fault == Fault(record_of(one["fingerprint"], LAYER, one["id"]), f"it needs {name}, which is not there", True)
    assert ledger.place.read(fault.aside) == sealed(one)
    assert one["id"] not in ledger.ids(one["fingerprint"], LAYER)
    assert one["id"] not in {line.id for line in index(ledger, one["fingerprint"], LAYER)}
    put(ledger, {key: value for key, value in one.items() if key != "payloads"})
    assert everything(ledger) == known
    assert verify(ledger).whole


def test_what_is_made_again_otherwise_is_seen_at_once(tmp_path: Path) -> None:
    """By its id nobody could tell that it is another picture."""
    ledger = shelf(tmp_path)
    one = next(line for line in index(ledger, NETWORK, LAYER) if line.channel == 3)
    ledger.place.remove(object_of(str(one.picture), "png"))
    assert not verify(ledger).whole
    put(ledger, record(LAYER, 3), seed=12345)
    again = next(line for line in index(ledger, NETWORK, LAYER) if line.channel == 3)
    assert again.id == one.id
    assert again.picture == ledger.record(NETWORK, LAYER, one.id)["payloads"]["picture"]["hash"] != one.picture


def test_most_of_a_large_damaged_pack_is_rescued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.store.packs.AT_A_TIME", 4)
    ledger = Ledger(Place(str(tmp_path)), write=True)
    for channel in range(20):
        put(ledger, record(LAYER, channel))
    known = everything(ledger)
    compact(ledger)
    (path,) = tmp_path.glob("packed/*/*/*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    found = verify(ledger)
    assert [fault.name for fault in found.faults] == [str(path.relative_to(tmp_path))]
    assert f"{found.rescued} of its records are whole" in found.faults[0].reason
    left = everything(ledger)
    assert 16 <= len(left) == found.rescued <= 20
    assert all(left[key] == known[key] for key in left)
    assert (tmp_path / "quarantine" / path.relative_to(tmp_path)).read_bytes() == data
    compact(ledger)
    assert verify(ledger).whole


def test_killed_while_it_mends_it_goes_on_the_next_time() -> None:
    place = dying()
    ledger = shelf(place.url)
    compact(ledger)
    known = everything(ledger)
    fill(ledger, LAYER, (7,))
    packed = next(one for one in known.values() if one["layer"] == LAYER and one["channel"] == 3)
    loose = next(one for one in everything(ledger).values() if one["channel"] == 7)
    sheet = next(name for name in content(place) if name.endswith(".webp"))
    for name in (object_of(packed["payloads"]["picture"]["hash"], "png"), sheet,
                 record_of(NETWORK, LAYER, loose["id"])):  # fmt: skip
        place.write(name, place.read(name)[:-4])
    before = content(place)
    Dying.done = 0
    verify(ledger)
    steps, after, left = Dying.done, content(place), everything(ledger)
    assert set(left) == set(known) - {packed["id"]}
    assert steps > 8
    for moment in range(steps):
        refill(place, before)
        Dying.left, Dying.done = moment, 0
        with pytest.raises(Killed):
            verify(ledger)
        Dying.left = None
        verify(ledger)
        assert verify(ledger).whole
        assert everything(ledger) == left, moment
        spare = content(place).keys() - after.keys()  # a sheet that no pack names yet
        assert all(name.endswith(".webp") for name in spare)
        assert {name: data for name, data in content(place).items() if name not in spare} == after


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"id": "ab" * 16}, "its id is not that of its name"),
    ({"fingerprint": OTHER}, "its fingerprint is not that of its name"),
    ({"layer": "mixed3a"}, "its layer is not that of its name"),
    ({"spec": job(LAYER, 2, steps=9).to_dict()}, "its id is not that of its job and network"),
    ({"channel": None}, "it is not a record of a picture"),
    ({"payloads": {"picture": {"kind": "png"}}}, "it is not a record of a picture"),
    ({"payloads": {"picture": {"hash": "0" * 32, "kind": "png", "bytes": 1}}}, "which is not there"),
]


@pytest.mark.parametrize(
    ("edit", "reason"), WRONG, ids=lambda value: next(iter(value)) if isinstance(value, dict) else ""
)
def test_a_record_that_says_what_cannot_be(edit: dict[str, Any], reason: str, tmp_path: Path) -> None:
    """Though its seal fits: it was copied to a wrong place, or edited with care."""
    ledger = shelf(tmp_path)
    one = ledger.record(NETWORK, LAYER, job(LAYER, 2).id(NETWORK))
    name = record_of(NETWORK, LAYER, one["id"])
    ledger.place.write(name, sealed({**one, **edit}))
    (fault,) = verify(ledger).faults
    assert fault.name == name
    assert reason in fault.reason
    assert verify(ledger).whole
    assert len(everything(ledger)) == 28


def test_bytes_that_say_the_same_are_damage_too(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    name = record_of(NETWORK, LAYER, job(LAYER, 2).id(NETWORK))
    ledger.place.write(name, ledger.place.read(name)[:-1])  # a line's end is missing
    (fault,) = verify(ledger).faults
    assert fault == Fault(name, "it is not as it was written")


def test_a_damaged_scan_goes_as_a_whole(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    scan = scanned(ledger.place)
    ledger.place.write(f"scans/{scan}/layers/{LAYER}", SCANNED[1:])
    (fault,) = verify(ledger).faults
    assert fault == Fault(f"scans/{scan}", f"the file of its layer {LAYER} does not fit its hash")
    assert ledger.place.names("scans") == []
    assert ledger.place.names(f"quarantine/scans/{scan}") == ["layers", "scan.json"]
    for text, edit in (
        ("is damaged", (b'"layers"', b'"lavers"')),
        ("not that of its plan", (b'"batch": 4', b'"batch": 5')),
    ):
        scanned(ledger.place)
        name = f"scans/{scan}/scan.json"
        ledger.place.write(name, ledger.place.read(name).replace(*edit))
        (fault,) = verify(ledger).faults
        assert text in fault.reason
    scanned(ledger.place)
    ledger.place.write(name, ledger.place.read(name).replace(b'"version": 1', b'"version": 2'))
    ledger.place.write("scans/unfinished/parts/1-of-2", b"x")
    assert verify(ledger).whole  # what is newer, or not finished, is not judged


def test_what_nobody_needs_is_told_and_pruned_when_it_is_old(tmp_path: Path) -> None:
    ledger = full(tmp_path)
    spare = object_of(hashed(b"spare"), "png")
    ledger.place.write(spare, b"spare")
    sheet = f"packed/{NETWORK}/{LAYER}/{hashed(b'sheet')}.webp"
    ledger.place.write(sheet, b"sheet")
    cut = tmp_path / "records" / NETWORK / LAYER / ".phosphene-0123"
    cut.write_bytes(b"half")
    before = content(ledger.place)
    found = verify(ledger, prune=True)
    assert found.whole
    assert (found.orphans.files, found.orphans.bytes) == (2, 10)
    assert (found.leftovers.files, found.leftovers.bytes) == (1, 4)
    assert found.pruned.files == 0  # a writer may be about to name them
    assert content(ledger.place) == before
    long_ago = time.time() - 2 * 3600
    for path in tmp_path.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    found = verify(ledger, prune=True)
    assert (found.pruned.files, found.pruned.bytes, found.held) == (3, 14, False)
    assert set(before) - set(content(ledger.place)) == {spare, sheet, str(cut.relative_to(tmp_path))}
    with pytest.raises(BadSpec):
        verify(ledger, repair=False, prune=True)


def test_pictures_whose_records_are_in_quarantine_are_not_pruned(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    one = ledger.record(NETWORK, LAYER, job(LAYER, 2).id(NETWORK))
    name = record_of(NETWORK, LAYER, one["id"])
    ledger.place.write(name, ledger.place.read(name)[:-9])
    picture = object_of(one["payloads"]["picture"]["hash"], "png")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    found = verify(ledger, prune=True)
    assert (found.orphans.files, found.pruned.files, found.held) == (1, 0, True)
    assert ledger.place.has(picture)
    ledger.place.remove("quarantine")
    found = verify(ledger, prune=True)
    assert (found.orphans.files, found.pruned.files, found.held) == (1, 1, False)
    assert not ledger.place.has(picture)


def test_strange_files_are_left_alone(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    for name in ("notes.txt", "records/.DS_Store", f"records/{NETWORK}/{LAYER}/notes.txt", "objects/ab/mine.png",
                 "objects/zz/readme", f"packed/{NETWORK}/{LAYER}/notes.txt"):  # fmt: skip
        ledger.place.write(name, b"mine")
    before = content(ledger.place)
    found = verify(ledger, prune=True)
    assert (found.whole, found.orphans.files) == (True, 0)
    assert content(ledger.place) == before


def test_what_cannot_even_be_copied_is_said_after_the_rest_is_done(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    ids = sorted(ledger.ids(NETWORK, LAYER))
    first, second = (tmp_path / record_of(NETWORK, LAYER, one) for one in ids[:2])
    first.unlink()
    first.mkdir()
    second.write_bytes(b"x")
    with pytest.raises(StoreError, match="cannot read"):
        verify(ledger)
    assert not second.exists()
