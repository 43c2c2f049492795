"""Packing loses nothing, wherever it is cut off; what is packed reads as what was loose."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
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
    png,
    put,
    record,
    refill,
    shelf,
)

from phosphene.errors import MissingDependency, StoreError
from phosphene.store.compact import Compacted, compact
from phosphene.store.kinds import place_of
from phosphene.store.ledger import Ledger
from phosphene.store.packs import packed_ids, packed_record, packed_records, packs_of, sprites_of
from phosphene.store.paths import hashed
from phosphene.store.place import Place
from phosphene.store.thumbs import COLUMNS, MOST, TILE, SpriteSheet, fitted, opened

parquet = pytest.importorskip("pyarrow.parquet")


def test_what_is_packed_reads_as_what_was_loose(tmp_path: Path) -> None:
    ledger = shelf(tmp_path, networks=(NETWORK, OTHER))
    before = everything(ledger)
    ids = {
        (network, layer): ledger.ids(network, layer) for network in ledger.networks() for layer in (LAYER, "@output")
    }
    steps: list[tuple[int, int, str]] = []
    made = compact(ledger, progress=lambda *step: steps.append(step))
    assert (made.layers, made.records, made.loose) == (4, len(before), len(before))
    assert [done for done, _, _ in steps] == [0, 1, 2, 3, 4]
    assert not list(tmp_path.glob("records/*/*/*.json"))
    assert everything(Ledger(Place(str(tmp_path)))) == before
    for (network, layer), those in ids.items():
        assert ledger.loose(network, layer) == []
        assert ledger.ids(network, layer) == those == set(packed_ids(ledger.place, network, layer))
        assert {one["id"] for one in packed_records(ledger.place, network, layer)} == those
    for one in before.values():
        assert ledger.record(one["fingerprint"], one["layer"], one["id"]) == one
        assert ledger.payload(one, "picture")
    with pytest.raises(StoreError, match="no record"):
        packed_record(ledger.place, NETWORK, LAYER, "00" * 16)
    assert compact(ledger) == Compacted()


READS = """
import os, sys
import pyarrow.parquet
from phosphene.store.packs import corners_in, packed_record, packs_of, sprites_in, texts_in, texts_left
from phosphene.store.place import Place
threads = lambda: len(os.listdir("/proc/self/task"))
place, network, layer, name = Place(sys.argv[1]), *sys.argv[2:]
before = threads()
packed_record(place, network, layer, name)
for path in packs_of(place, network, layer):
    for read in (texts_in, texts_left, corners_in, sprites_in):
        assert len(list(read(place, path)))
print(before, threads())
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted where the system shows them")
def test_reading_leaves_no_threads_behind(tmp_path: Path) -> None:
    """A thread of pyarrow that lives on when Python ends aborts the process, now and then, with exit code 134."""
    ledger = shelf(tmp_path)
    compact(ledger)
    name = min(ledger.ids(NETWORK, LAYER))
    words = [sys.executable, "-c", READS, str(tmp_path), NETWORK, LAYER, name]
    before, after = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert before == after


def test_the_same_records_give_the_same_files(tmp_path: Path) -> None:
    first, second = shelf(tmp_path / "a"), Ledger(Place(str(tmp_path / "b")), write=True)
    fill(second, LAYER, range(3))  # in two goes
    compact(second)
    fill(second, LAYER, range(3, 6))
    compact(first)
    compact(second)
    packs = [sorted((tmp_path / name).glob(f"packed/*/{LAYER}/*")) for name in "ab"]
    assert [path.name for path in packs[0]] == [path.name for path in packs[1]]
    assert [path.read_bytes() for path in packs[0]] == [path.read_bytes() for path in packs[1]]
    assert len(packs[0]) == 2


def test_a_pack_is_a_table_for_any_tool(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    known = everything(ledger)
    compact(ledger)
    (path,) = tmp_path.glob(f"packed/{NETWORK}/{LAYER}/*.parquet")
    assert hashed(path.read_bytes()) == path.stem
    rows = parquet.read_table(path).to_pylist()
    assert [row["id"] for row in rows] == [one["id"] for one in sorted(known.values(), key=place_of)
                                           if one["layer"] == LAYER]  # fmt: skip
    kinds = [row["kind"] for row in rows]
    assert list(dict.fromkeys(kinds)) == ["positive", "negative", "diverse", "facets", "examples"]
    for row in rows:
        one = known[row["id"]]
        text = json.loads(row["record"])
        del text["seal"]
        assert text == one
        assert [row[name] for name in ("unit", "channel", "row")] == [one[name] for name in ("unit", "channel", "row")]
        assert row["clean"] == (one["score"]["clean"] if "score" in one else None)
        assert row["rank"] == (one["evidence"]["rank"] if "evidence" in one else None)
        assert row["picture"] == one["payloads"]["picture"]["hash"]
        assert (row["sprite"] is None) == (one["kind"] in ("facets", "examples"))  # wide strips have no tile


def test_thumbnails_stand_where_the_table_says(tmp_path: Path) -> None:
    ledger = Ledger(Place(str(tmp_path)), write=True)
    sizes = [(16, 16), (64, 64), (20, 31), (64, 32), (200, 200), (130, 90)]
    for channel, (height, width) in enumerate(sizes):
        put(ledger, record(LAYER, channel), height=height, width=width)
    put(ledger, record(LAYER, 9), mode="L")
    compact(ledger)
    (path,) = packs_of(ledger.place, NETWORK, LAYER)
    for row in parquet.read_table(tmp_path / path).to_pylist():
        sheet = Image.open(tmp_path / sprites_of(NETWORK, LAYER, row["sprite"])).convert("RGBA")
        whole = opened(ledger.payload(ledger.record(NETWORK, LAYER, row["id"]), "picture"), "it").convert("RGBA")
        wanted = fitted(whole, TILE)
        tile = sheet.crop((row["x"], row["y"], row["x"] + TILE, row["y"] + TILE))
        left, top = (TILE - wanted.width) // 2, (TILE - wanted.height) // 2
        shown = tile.crop((left, top, left + wanted.width, top + wanted.height))
        off = np.abs(np.asarray(shown, np.float32) - np.asarray(wanted, np.float32))
        assert off.mean() < 6, row["unit"]
        around = np.asarray(tile)[..., 3].sum() - np.asarray(shown)[..., 3].sum()
        assert around == 0


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 20), (64, 64), (65, 10), (200, 120), (1000, 3)])
def test_small_pictures_keep_their_pixels_and_large_ones_their_ratio(size: tuple[int, int]) -> None:
    picture = Image.open(io.BytesIO(png(1, *size)))
    shown = fitted(picture, TILE)
    assert max(shown.size) <= TILE
    if max(size) <= TILE:
        times = TILE // max(size)
        assert np.array_equal(np.asarray(shown), np.asarray(picture).repeat(times, 0).repeat(times, 1))
    else:
        assert max(shown.size) == TILE
        assert abs(shown.height / TILE - size[0] / max(size)) <= 0.5 / TILE or min(shown.size) == 1


def test_many_pictures_take_several_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = SpriteSheet()
    one = Image.new("RGB", (4, 4), (9, 99, 200))
    corners = [sheet.add(one) for _ in range(MOST)]
    assert sheet.full
    assert len(set(corners)) == MOST
    assert Image.open(io.BytesIO(sheet.encoded())).size == (COLUMNS * TILE, MOST // COLUMNS * TILE)
    monkeypatch.setattr("phosphene.store.thumbs.MOST", 4)
    ledger = Ledger(Place(str(tmp_path)), write=True)
    for channel in range(10):
        put(ledger, record(LAYER, channel))
    assert compact(ledger).thumbnails == 10
    rows = parquet.read_table(next(tmp_path.glob("packed/*/*/*.parquet"))).to_pylist()
    assert [rows.index(next(r for r in rows if r["sprite"] == row["sprite"])) for row in rows] == [0] * 4 + [4] * 4 + [
        8
    ] * 2
    assert len(list(tmp_path.glob("packed/*/*/*.webp"))) == 3


def test_killed_at_every_write_and_removal_it_loses_nothing() -> None:
    """First with loose records alone, then with a pack that they join."""
    place = dying()
    ledger = Ledger(place, write=True)
    fill(ledger, LAYER, range(3))
    for _ in range(2):
        before, known = content(place), everything(ledger)
        Dying.done = 0
        compact(ledger)
        steps, after = Dying.done, content(place)
        assert steps >= 6  # a sheet, a pack, loose records; or two of them, an older sheet, an older pack
        for moment in range(steps):
            refill(place, before)
            Dying.left, Dying.done = moment, 0
            with pytest.raises(Killed):
                compact(ledger)
            Dying.left = None
            assert everything(Ledger(place)) == known, moment
            assert ledger.ids(NETWORK, LAYER) == set(known)
            compact(ledger)
            assert content(place) == after, moment
        put(ledger, record(LAYER, 7))
        put(ledger, record(LAYER, 8))


def test_a_record_that_is_loose_and_packed_counts_once_and_the_loose_one_wins(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    compact(ledger)
    newer = record(LAYER, 2, versions={"phosphene": "1"})
    put(ledger, newer)
    found = [one for one in ledger.records(NETWORK, LAYER) if one["id"] == newer["id"]]
    assert [one["versions"] for one in found] == [{"phosphene": "1"}]
    count = len(everything(ledger))
    assert compact(ledger).loose == 1
    assert ledger.record(NETWORK, LAYER, newer["id"])["versions"] == {"phosphene": "1"}
    assert len(everything(ledger)) == count
    assert len(packs_of(ledger.place, NETWORK, LAYER)) == 1


def test_damage_to_a_pack_shows_in_every_reading(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    compact(ledger)
    (name,) = packs_of(ledger.place, NETWORK, LAYER)
    path, draw = tmp_path / name, random.Random(3)
    whole = path.read_bytes()
    some = next(iter(packed_ids(ledger.place, NETWORK, LAYER)))
    for turn in range(40):
        data = bytearray(whole)
        if turn % 4:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        else:
            del data[draw.randrange(len(data)) :]
        path.write_bytes(data)
        for read in (
            lambda: packed_ids(ledger.place, NETWORK, LAYER),
            lambda: packed_record(ledger.place, NETWORK, LAYER, some),
            lambda: list(packed_records(ledger.place, NETWORK, LAYER)),
            lambda: compact(ledger) if put(ledger, record(LAYER, 9)) else None,
        ):
            with pytest.raises(StoreError, match="damaged"):
                read()
        assert path.read_bytes() == data
        assert ledger.loose(NETWORK, LAYER)


def test_a_damaged_picture_stops_it_and_nothing_is_lost(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    known = everything(ledger)
    one = next(iter(known.values()))["payloads"]["picture"]["hash"]
    (path,) = tmp_path.glob(f"objects/*/{one}.png")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StoreError, match="phosphene verify"):
        compact(ledger)
    assert everything(ledger) == known


def test_without_pyarrow_loose_records_are_read_and_packed_ones_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = shelf(tmp_path / "packed")
    compact(ledger)
    loose = shelf(tmp_path / "loose")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert len(everything(loose)) == 29
    before = content(loose.place)
    for call in (lambda: everything(ledger), lambda: ledger.ids(NETWORK, LAYER), lambda: compact(loose)):
        with pytest.raises(MissingDependency, match="pip install pyarrow"):
            call()
    assert content(loose.place) == before
