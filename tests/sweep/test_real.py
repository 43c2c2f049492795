"""With real pictures a sweep shows them beside its own: they are scanned first, once, and each unit says its place."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples.planted import SIDE, network, pictures, write
from PIL import Image
from sweep.made import SERIAL, all_failures, all_records, files, ledger, swept, tiny

import phosphene as ph
from phosphene.data import open_pictures
from phosphene.errors import BadSpec
from phosphene.examples.tally import Tally as ScanTally
from phosphene.store.place import Place
from phosphene.sweeps.run import SCAN
from phosphene.sweeps.worker import finite

pytest.importorskip("sklearn", reason="facets need scikit-learn")
LAYERS = ["colour", "check"]  # three channels, of which one never fires; one
ALL = tiny(examples=True, facets=2, steps=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each planted picture four times, turned about: 40 red ones, which is enough for kinds."""
    made = write(tmp_path_factory.mktemp("pictures"))
    for path in sorted(made.rglob("*.png")):
        with Image.open(path) as one:
            one.rotate(180).save(path.with_stem(f"{path.stem}-turned"))
            one.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path.with_stem(f"{path.stem}-mirrored"))
            one.transpose(Image.Transpose.ROTATE_90).save(path.with_stem(f"{path.stem}-up"))
    return made


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("made") / "s"
    tally = swept(network(), made, layers=LAYERS, recipe=ALL, data=folder)
    assert (tally.total, tally.done, tally.failed) == (12, 12, 0)
    return made


def found(store: Path) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["unit"], one["kind"]): one for one in all_records(ledger(store))}


def picture(store: Path, record: dict[str, Any], name: str) -> Any:
    return Image.open(io.BytesIO(ledger(store).payload(record, name)))


def scans(store: Path) -> list[str]:
    return Place(str(store)).names("scans")


def test_every_unit_has_all_that_the_recipe_says(store: Path) -> None:
    units = [*(f"colour:{n}" for n in range(3)), "check:0"]
    assert set(found(store)) == {(unit, kind) for unit in units for kind in ("positive", "facets", "examples")}
    assert not all_failures(ledger(store))
    assert len(scans(store)) == 1
    assert {one["scan"] for key, one in found(store).items() if key[1] != "positive"} == set(scans(store))


def test_pictures_say_where_they_lie_among_real_ones(store: Path) -> None:
    for unit in ("colour:0", "check:0"):
        record = found(store)[unit, "positive"]
        natural = record["evidence"]["natural"]
        assert natural["pictures"] == 160
        assert natural["scan"] == scans(store)[0]
        alone = ph.render(network(), unit, **tiny().render, store=store)
        assert record["id"] == alone.id
        assert natural == finite(alone.record())["evidence"]["natural"]


def test_examples_are_the_real_pictures(store: Path, folder: Path) -> None:
    """The strongest first, as the sheet of examples has them; a row of photographs, and their heat."""
    record = found(store)["colour:0", "examples"]
    scan = ph.Scan(Place(str(store)), record["scan"])
    top = record["real"]["top"]
    assert len(top) == 9
    assert all(one["name"].startswith("red/36") for one in top[:4])  # the reddest
    assert all(one["name"].startswith("red/") for one in top)
    assert [one["value"] for one in top] == [
        one.value for one in scan.unit("colour", 0).examples("top", "max", len(top))
    ]
    row = picture(store, record, "top")
    assert row.size == (SIDE * len(top), SIDE)
    first = np.asarray(Image.open(folder / top[0]["name"])).astype(int)
    assert np.abs(np.asarray(row.convert("RGB")).astype(int)[:, :SIDE] - first).mean() < 12  # a photograph's codec
    assert record["payloads"]["picture"] == record["payloads"]["top"]
    shown = sum(len(record["real"][name]) for name in ("top", "bottom", "spectrum"))
    assert picture(store, record, "heat").size[0] % shown == 0
    assert record["status"] == "ok"


def test_a_unit_that_nothing_fires_is_dead_and_has_no_facets(store: Path) -> None:
    assert found(store)["colour:2", "examples"]["status"] == "dead"
    record = found(store)["colour:2", "facets"]
    assert record["status"] == "none"
    assert "fires on 0" in record["why"]
    assert record["payloads"] == {}


def test_facets_are_a_picture_for_each_kind(store: Path, folder: Path) -> None:
    record = found(store)["colour:0", "facets"]
    assert record["status"] == "ok"
    kinds = record["facets"]["facets"]
    assert 1 <= len(kinds) <= 2  # these pictures are of one kind
    assert all("seconds" not in one["optimised"] for one in kinds)
    assert set(record["payloads"]) == {"picture", "started", *(f"real{n}" for n in range(1, len(kinds) + 1))}
    assert picture(store, record, "picture").size == picture(store, record, "started").size == (len(kinds) * SIDE, SIDE)
    for number, kind in enumerate(kinds, start=1):
        assert picture(store, record, f"real{number}").size == (SIDE * len(kind["real"]), SIDE)
    scan = ph.Scan(Place(str(store)), record["scan"])
    scan.data = open_pictures(folder)
    made = ph.facets(network(), scan, "colour:0", count=2, steps=2, store=store)
    row = np.concatenate([one.pixels for one in made.pictures], 1)
    assert np.array_equal(np.asarray(picture(store, record, "picture")), row)


def test_again_nothing_is_made_or_scanned(store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(store, "records", "objects", "scans", "sweeps")
    monkeypatch.setattr(ScanTally, "add", None)  # no picture may be looked at
    tally = swept(network(), store, layers=LAYERS, recipe=ALL, data=folder)
    assert (tally.before, tally.made.total()) == (12, 0)
    assert files(store, "records", "objects", "scans", "sweeps") == before


def test_a_scan_that_is_there_is_used(folder: Path, tmp_path: Path) -> None:
    """Made by hand with numbers of its own, of more layers than are swept."""
    scan = ph.scan(network(), folder, store=tmp_path, k=3, many=16, sample=16, batch=7)
    assert scan is not None
    swept(network(), tmp_path, layers=["colour"], recipe=tiny(examples=True), data=folder)
    assert scans(tmp_path) == [scan.id]
    assert len(found(tmp_path)["colour:0", "examples"]["real"]["top"]) == 3


def test_a_scan_that_lacks_a_layer_is_not_used(folder: Path, tmp_path: Path) -> None:
    known = ph.scan(network(), folder, store=tmp_path, layers=["check"])
    swept(network(), tmp_path, layers=["colour"], recipe=tiny(examples=True), data=folder)
    assert known is not None
    assert len(scans(tmp_path)) == 2
    assert found(tmp_path)["colour:0", "examples"]["scan"] != known.id


def test_other_pictures_are_scanned_anew(store: Path, folder: Path, tmp_path: Path) -> None:
    swept(network(), tmp_path, layers=["check"], recipe=tiny(examples=True), data=folder)
    some = [pixels for pixels, _, _ in pictures().values()][:20]
    tally = swept(network(), tmp_path, layers=["check"], recipe=tiny(examples=True), data=some)
    assert len(scans(tmp_path)) == 2
    assert (tally.before, tally.made.total()) == (1, 1)  # the picture is the same, its examples are others


def test_limit_and_units_scan_what_they_need(folder: Path, tmp_path: Path) -> None:
    """Also where they leave out whole layers that were named."""
    for number, said in enumerate(({"limit": 2}, {"units": [(1, 3)]})):
        tally = swept(network(), tmp_path / str(number), layers=[*LAYERS, "edge"], recipe=tiny(examples=True),
                      data=folder, **said)  # fmt: skip
        assert (tally.made.total(), tally.failed) == (4, 0)
        assert not all_failures(ledger(tmp_path / str(number)))


def test_shards_share_a_scan_that_must_be_there(folder: Path, tmp_path: Path) -> None:
    said: dict[str, Any] = {"layers": LAYERS, "recipe": tiny(examples=True), "data": folder}
    with pytest.raises(BadSpec, match="phosphene scan") as caught:
        swept(network(), tmp_path, shard=(1, 2), **said)
    assert len(str(caught.value).splitlines()) == 1
    ph.scan(network(), folder, store=tmp_path, layers=LAYERS, **SCAN)
    made = [swept(network(), tmp_path, shard=(number, 2), **said) for number in (1, 2)]
    assert sum((tally.made for tally in made), Counter()).total() == 8
    assert len(scans(tmp_path)) == 1


def test_without_pictures_there_are_no_examples(tmp_path: Path) -> None:
    tally = swept(network(), tmp_path, layers=LAYERS, recipe=tiny(examples=True), where=SERIAL)
    assert tally.total == 4
    assert found(tmp_path)["colour:0", "positive"]["evidence"]["natural"] is None


def test_what_holds_no_pictures_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSpec) as caught:
        swept(network(), tmp_path / "s", layers=LAYERS, recipe=ALL, data=tmp_path / "empty")
    assert len(str(caught.value).splitlines()) == 1
    assert not files(tmp_path / "s")
