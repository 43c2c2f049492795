"""The index says what the records say, whatever was kept of it."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.shelf import LAYER, NETWORK, everything, failure, job, png, put, record, shelf

from phosphene.store.compact import compact
from phosphene.store.index import Line, glance, index, line_of
from phosphene.store.kinds import place_in_layer
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.paths import hashed, index_of, record_of
from phosphene.store.place import Place


def slowly(ledger: Ledger, layer: str = LAYER) -> list[Line]:
    """From all records and failures, one by one."""
    made = [line_of(one) for one in everything(ledger).values() if one["layer"] == layer]
    ids = {line.id for line in made}
    failed = [
        Line(one["id"], one["unit"], one["channel"], one["kind"], status="failed", error=one["error"])
        for one in ledger.failures(NETWORK, layer)
        if one["id"] not in ids
    ]
    return sorted(made + failed, key=lambda line: place_in_layer(line.kind, line.channel, line.row, line.id))


def test_a_line_says_what_its_record_says() -> None:
    one = record(LAYER, 3, kind="diverse", row=1)
    data = png(1)
    line = line_of({**one, "payloads": {"picture": Payload(data).entry}})
    assert line == Line(
        one["id"], f"{LAYER}:3", 3, "diverse", 1, "ok", one["score"]["clean"], one["score"]["robust"],
        one["evidence"]["rank"], 64, 99.5, one["evidence"]["natural"]["ratio"], (16, 16), hashed(data), "png", line.way,
    )  # fmt: skip
    assert line.way == line_of(record(LAYER, 5, model="another")).way != ""
    assert line.way != line_of({**one, "spec": job(LAYER, 3, steps=9).to_dict()}).way
    plain = line_of(record(LAYER, 3, kind="examples"))
    assert (plain.status, plain.clean, plain.size, plain.picture, plain.way) == (None, None, None, None, "")


def test_it_is_the_slow_reading_at_any_time(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    first = index(ledger, NETWORK, LAYER)
    assert first == slowly(ledger)
    assert [line.kind for line in first if line.status == "failed"] == ["positive"]
    assert index(ledger, NETWORK, LAYER) == first  # kept
    compact(ledger)
    assert index(ledger, NETWORK, LAYER) == first == slowly(ledger)
    (tmp_path / index_of(NETWORK, LAYER)).unlink()
    assert index(ledger, NETWORK, LAYER) == first
    put(ledger, record(LAYER, 9))
    compact(ledger)  # again no record is loose
    assert index(ledger, NETWORK, LAYER) == slowly(ledger) != first
    put(ledger, record(LAYER, 10))
    assert index(ledger, NETWORK, LAYER) == slowly(ledger)


def test_what_is_kept_is_used_and_spares_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = shelf(tmp_path)
    index(ledger, NETWORK, LAYER)
    seen: list[str] = []
    read = Place.read
    monkeypatch.setattr(Place, "read", lambda self, name: (seen.append(name), read(self, name))[1])
    index(ledger, NETWORK, LAYER)
    assert [name.partition("/")[0] for name in seen] == ["index", "failed"]


def test_a_failure_that_is_tried_again_or_made_at_last(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    index(ledger, NETWORK, LAYER)
    ledger.fail({**failure(LAYER, 40, tries=2), "error": "another reason"})
    (line,) = [line for line in index(ledger, NETWORK, LAYER) if line.status == "failed"]
    assert line.error == "another reason"
    put(ledger, record(LAYER, 40))
    (line,) = [line for line in index(ledger, NETWORK, LAYER) if line.channel == 40]
    assert (line.status, line.error) == ("ok", None)
    ledger.forget(failure(LAYER, 40))
    assert index(ledger, NETWORK, LAYER) == slowly(ledger)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), cut=st.booleans())
def test_damage_to_what_is_kept_does_no_harm(seed: int, cut: bool) -> None:
    ledger = _one_store()
    name, draw = index_of(NETWORK, LAYER), random.Random(seed)
    index(ledger, NETWORK, LAYER)
    data = bytearray(ledger.place.read(name))
    if cut:
        del data[draw.randrange(len(data)) :]
    else:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    ledger.place.write(name, bytes(data))
    assert index(ledger, NETWORK, LAYER) == slowly(ledger)


def _one_store() -> Ledger:
    place = Place("memory://index/store")
    return Ledger(place) if place.has("records") else shelf(place.url)


def test_a_damaged_record_is_left_out_and_named_until_it_is_whole_again(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    whole = index(ledger, NETWORK, LAYER)
    (tmp_path / index_of(NETWORK, LAYER)).unlink()
    name = record_of(NETWORK, LAYER, whole[3].id)
    data = ledger.place.read(name)
    ledger.place.write(name, data.replace(b"mixed4b", b"mixed4c", 1))
    found = glance(ledger, NETWORK, LAYER)
    assert found.lines == whole[:3] + whole[4:]
    assert list(found.damaged) == [name]
    ledger.place.write(name, data)
    assert glance(ledger, NETWORK, LAYER).lines == whole
    assert not glance(ledger, NETWORK, LAYER).damaged


def test_a_damaged_pack_is_named(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    compact(ledger)
    put(ledger, record(LAYER, 9))
    (path,) = (tmp_path / "packed" / NETWORK / LAYER).glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    found = glance(ledger, NETWORK, LAYER)
    assert [line.channel for line in found.lines] == [9, 40]
    assert [Path(name).name for name in found.damaged] == [path.name]


def test_a_store_that_can_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = shelf(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr("phosphene.store.place.os.makedirs", refuse)
    assert index(ledger, NETWORK, LAYER) == slowly(ledger)
    assert "index" not in os.listdir(tmp_path)
