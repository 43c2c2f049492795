"""A store as documents: nothing is missing, nothing is twice, every address leads somewhere, damage breaks nothing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from examples.planted import network
from PIL import Image
from store.scanned import DEAD, ON, RARE, scanned
from store.shelf import NETWORK, OTHER, failure, fill, png, put, record
from store.shelf import shelf as filled
from sweep.made import swept, tiny
from web.stored import HOSTILE, LAYERS, copied, documents, named, plain, shelf, whole, without_sheets

from phosphene.errors import StoreError, UnitOutOfRange, UnknownLayer, UnknownName
from phosphene.spec import digest
from phosphene.store.about import About, about_in, put_about
from phosphene.store.check import verify
from phosphene.store.compact import compact
from phosphene.store.index import Glance, glance
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.paths import object_of, record_of
from phosphene.store.place import Place
from phosphene.sweeps.described import about_of
from phosphene.web.pages.alike import ALIKE, nearest, order, unit_length
from phosphene.web.pages.real import facets_of, source_text
from phosphene.web.pages.shelf import Shelf
from phosphene.web.pages.view import real_of
from phosphene.web.schema.paths import slug, unslug

pytest.importorskip("sklearn", reason="facets need scikit-learn")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole(tmp_path_factory.mktemp("whole"))


def resolve(one: Shelf, address: str) -> bytes:
    """What a server answers with."""
    what, _, rest = address.partition("/")
    if what == "objects":
        return one.object(rest)
    net, layer, name = rest.split("/")
    return one.sheet(net, unslug(layer), name)


def check_addresses(one: Shelf, docs: dict[str, object]) -> int:
    every = set(named(list(docs.values())))
    for address in every:
        with Image.open(io.BytesIO(resolve(one, address))) as picture:
            picture.load()
    return len(every)


def sizes(docs: dict[str, object]) -> Iterator[tuple[str, int, int]]:
    """Address, width and height that documents say."""
    for doc in docs.values():
        if isinstance(doc, dict) and "pictures" in doc and "cli" in doc:
            for one in doc["pictures"]:
                yield one["url"], one["width"], one["height"]
                if one["frames"]:
                    strip = one["frames"]["strip"]
                    yield strip["url"], strip["width"] * strip["count"], strip["height"]


def test_every_address_leads_to_a_picture_of_its_size(store: Path) -> None:
    one = shelf(store)
    docs = documents(one)
    assert check_addresses(one, docs) >= 40
    for address, width, height in sizes(docs):
        assert Image.open(io.BytesIO(resolve(one, address))).size == (width, height)
    for doc in docs.values():
        for address, (width, height) in doc.get("sheets", {}).items():
            assert Image.open(io.BytesIO(resolve(one, address))).size == (width, height)


def test_every_unit_of_a_plan_is_there_once(store: Path) -> None:
    one = shelf(store)
    (line,) = one.site().networks
    for layer, count in zip(LAYERS, (3, 1, 2), strict=True):
        doc = one.layer(line.id, layer)
        assert [unit.channel for unit in doc.units] == list(range(count))
        assert all(unit.status in ("ok", "dead") and unit.tile is not None for unit in doc.units)
        assert sorted(unit.alike for unit in doc.units if unit.alike is not None) == list(range(count))
        assert doc.similarity == "fires"
    found = {one.name: one for one in one.network(line.id).layers}
    assert (found["colour"].asked, found["colour"].made, found["colour"].examples) == (3, 3, 3)
    assert line.pictures == 6 * 4


def test_layers_stand_in_the_order_of_the_forward(store: Path) -> None:
    doc = shelf(store).network(about_of(network()).fingerprint[:12])
    assert [one.name for one in doc.layers] == ["colour_conv", "colour", "edge_conv", "edge", "check_conv", "check",
                                                "logit"]  # fmt: skip
    assert (doc.classes, doc.input and doc.input.height, doc.model) == (2, 24, "Planted")
    colour = shelf(store).layer(doc.id, "colour")
    assert (colour.kind, colour.size, colour.field, colour.next) == ("map", (24, 24), (1, 1), "edge_conv")


def test_a_unit_says_all_that_is_known_of_it(store: Path) -> None:
    one = shelf(store)
    doc = one.unit(one.site().networks[0].id, "colour", 0)
    assert [(p.kind, p.row) for p in doc.pictures] == [("positive", 0), ("negative", 0), ("diverse", 0), ("diverse", 1)]
    best = doc.pictures[0]
    assert best.frames is not None
    assert best.frames.steps == (0, 2)
    assert best.frames.strip.count == 2
    assert doc.pictures[3].group is not None
    assert doc.pictures[3].group["row"] == 1
    assert doc.examples is not None
    assert doc.examples.source == "pictures"
    assert doc.examples.strips["top"].count == len(doc.examples.top) == 9
    assert doc.examples.heat is not None
    assert doc.examples.heat.count == sum(map(len, (doc.examples.top, doc.examples.bottom, doc.examples.spectrum)))
    assert doc.facets is not None
    assert doc.facets.pictures is not None
    assert [one.share for one in doc.facets.facets] == sorted((f.share for f in doc.facets.facets), reverse=True)
    assert doc.facts is not None
    assert sum(doc.facts.shares) == pytest.approx(1, abs=1e-4)
    assert len(doc.facts.ends) == len(doc.facts.shares) + 1
    silent = one.unit(one.site().networks[0].id, "colour", 2)
    assert silent.facets is not None
    assert "fires on 0" in str(silent.facets.why)
    assert one.unit(one.site().networks[0].id, "logit", 0).name == "checks"


def test_states_are_those_of_facts(tmp_path: Path) -> None:
    """Dead, always on, alive, and one so weak beside its siblings that it counts as silent."""
    scan = scanned(tmp_path).scan
    for layer in ("first", "relu1", "second", "relu2", "@output"):
        if layer == "relu1":
            scan.arrays(layer)["top.max.values"][RARE] *= np.float32(1e-9)
        found = real_of(scan, layer)
        assert found is not None
        for channel in range(scan.track(layer).channels):
            facts = scan.unit(layer, channel)
            assert found[0].of(channel) == (facts.density, facts.maximum, facts.state)
    assert {scan.unit("relu1", channel).state for channel in (DEAD, ON, RARE)} == {"dead", "always on"}


def test_facets_stand_by_size_and_keep_their_places(store: Path) -> None:
    one = shelf(store)
    net = one.site().networks[0].id
    line = next(line for line in one._view(one.catalog.network(net), one.catalog.network(net).layer("colour")).lines[0]
                if line.kind == "facets")  # fmt: skip
    record = one.ledger.record(net, "colour", line.id)
    first = record["facets"]["facets"][0]
    record["facets"]["facets"] = [{**first, "members": members} for members in (1, 3, 2)]
    record["payloads"] |= {f"real{number}": record["payloads"]["real1"] for number in (1, 2, 3)}
    found = facets_of(record, one.payloads)
    assert [(facet.index, facet.said["members"]) for facet in found.facets] == [(1, 3), (2, 2), (0, 1)]


def test_packed_and_loose_say_the_same(store: Path, tmp_path: Path) -> None:
    before = {key: without_sheets(doc) for key, doc in documents(shelf(store)).items()}
    other = copied(store, tmp_path / "store")
    compact(Ledger(Place(str(other))))
    one = shelf(other)
    docs = documents(one)
    assert check_addresses(one, docs) >= 40
    assert {key: without_sheets(doc) for key, doc in docs.items()} == before
    sheets = [address for doc in docs.values() for address in doc.get("sheets", {})]
    packs = {path.stem for path in other.glob("packed/*/*/*.webp")}
    assert {address.rpartition("/")[2].removesuffix(".webp") for address in sheets} <= packs


def test_where_one_kind_is_loose_sheets_are_made(store: Path, tmp_path: Path) -> None:
    other = copied(store, tmp_path / "store")
    ledger = Ledger(Place(str(other)))
    compact(ledger)
    swept(network(), other, layers=["edge"], recipe=tiny())
    one = shelf(other)
    assert check_addresses(one, documents(one)) >= 40


@pytest.mark.parametrize("layer", HOSTILE)
def test_names_of_layers_come_back_from_their_slugs(layer: str) -> None:
    assert unslug(slug(layer)) == layer
    assert "/" not in slug(layer)
    assert slug(layer).strip(".")


def test_layers_of_any_name(tmp_path: Path) -> None:
    ledger = plain(tmp_path / "store")
    one = Shelf(ledger)
    docs = documents(one)
    assert {layer["name"] for layer in docs[NETWORK]["layers"]} == set(HOSTILE)
    assert check_addresses(one, docs) >= 40
    compact(ledger)
    assert check_addresses(Shelf(ledger), documents(Shelf(ledger))) >= 40


def test_a_store_in_memory_with_two_networks() -> None:
    ledger = filled(f"memory://{uuid.uuid4().hex}/store", networks=(NETWORK, OTHER))
    one = Shelf(ledger)
    assert {line.id for line in one.site().networks} == {NETWORK, OTHER}
    assert check_addresses(one, documents(one)) > 20
    assert one.network("ab").id == NETWORK
    with pytest.raises(UnknownName, match="no network 'ee'"):
        one.network("ee")
    with pytest.raises(UnknownName, match="2 networks begin|no network"):
        one.network("")
    with pytest.raises(UnknownLayer, match="closest: mixed4b"):
        one.layer("ab", "mixed4")
    with pytest.raises(UnitOutOfRange, match="0 to 40"):
        one.unit("ab", "mixed4b", 41)


def test_an_empty_store(tmp_path: Path) -> None:
    assert shelf(tmp_path / "nothing").site().networks == ()
    Ledger(Place(str(tmp_path / "store")), write=True)
    assert shelf(tmp_path / "store").site().networks == ()


def test_a_loaded_network_without_a_store(tmp_path: Path) -> None:
    """Everything is missing, nothing is unknown."""
    about = about_of(network())
    one = Shelf(Ledger(Place(str(tmp_path / "store"))), [about])
    site = one.site([about.fingerprint], True)
    assert site.networks[0].live
    doc = one.layer(about.fingerprint[:12], "colour", [about.fingerprint])
    assert [unit.status for unit in doc.units] == ["missing"] * 3
    assert doc.live
    assert one.unit(about.fingerprint, "logit", 1).name == "nothing"
    with pytest.raises(UnitOutOfRange, match="0 to 2"):
        one.unit(about.fingerprint, "colour", 3)
    assert not (tmp_path / "store").exists()


def test_what_is_given_counts_before_what_the_store_says(store: Path) -> None:
    about = replace(about_of(network()), labels=("one", "two"))
    one = Shelf(Ledger(Place(str(store))), [about])
    assert [unit.name for unit in one.layer(about.fingerprint, "logit").units] == ["one", "two"]


def test_new_records_and_new_failures_are_seen(tmp_path: Path) -> None:
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    put(ledger, record("a", 0))
    one = Shelf(ledger)
    first = one.layer("ab", "a")
    assert [unit.status for unit in first.units] == ["ok"]
    assert one.layer("ab", "a") is first  # nothing is made twice
    put(ledger, record("a", 2))
    ledger.fail(failure("a", 1))
    second = one.layer("ab", "a")
    assert [unit.status for unit in second.units] == ["ok", "failed", "ok"]
    assert second.units[1].error == "out of memory"
    assert one.unit("ab", "a", 1).failures[0].error == "out of memory"
    put(ledger, record("b", 0))
    assert [layer.name for layer in one.network("ab").layers] == ["a", "b"]
    assert check_addresses(one, documents(one)) == 5


def test_the_sheet_of_before_can_still_be_had(tmp_path: Path) -> None:
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    put(ledger, record("a", 0))
    one = Shelf(ledger)
    (address,) = one.layer("ab", "a").sheets
    put(ledger, record("a", 1))
    assert [*one.layer("ab", "a").sheets] != [address]
    assert resolve(one, address)


def test_a_sheet_shows_the_pictures_where_it_says(tmp_path: Path) -> None:
    """More units than fit on one; each tile is its own picture, but for what the codec does."""
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    for channel in range(0, 600, 2):
        put(ledger, record("wide", channel))
    one = Shelf(ledger)
    doc = one.layer("ab", "wide")
    assert len(doc.sheets) == 2
    pictures = {address: Image.open(io.BytesIO(resolve(one, address))).convert("RGB") for address in doc.sheets}
    assert [unit.tile is None for unit in doc.units] == [bool(at % 2) for at in range(599)]
    for unit in (doc.units[0], doc.units[62], doc.units[64], doc.units[510], doc.units[512], doc.units[598]):
        assert unit.tile is not None
        shown = pictures[unit.tile.sheet].crop((unit.tile.x, unit.tile.y, unit.tile.x + 64, unit.tile.y + 64))
        own = Image.open(io.BytesIO(resolve(one, one.unit("ab", "wide", unit.channel).pictures[0].url))).resize(
            (64, 64), 0
        )
        assert np.abs(np.asarray(shown, int) - np.asarray(own, int)).mean() < 12


def test_damaged_records_and_pictures_break_nothing(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "store")
    place = ledger.place
    broken = ledger.record(NETWORK, "mixed4b", fill(ledger, channels=[5])[0])
    place.write(object_of(broken["payloads"]["picture"]["hash"], "png"), b"no picture")
    gone = put(ledger, record("mixed4b", 7))
    place.write(record_of(NETWORK, "mixed4b", gone), b"{}")
    odd = put(ledger, record("mixed4b", 8, score="high", evidence=None))
    one = Shelf(ledger)
    documents(one)
    layer = one.layer("ab", "mixed4b")
    assert layer.damaged == 2
    assert odd != gone
    doc = one.unit("ab", "mixed4b", 5)
    assert not doc.pictures
    assert "verify" in doc.failures[0].error
    assert str(tmp_path) not in json.dumps(documents(one)[f"{NETWORK}/mixed4b/5"]["failures"])
    (address,) = layer.sheets
    assert Image.open(io.BytesIO(resolve(one, address))).size == layer.sheets[address]
    with pytest.raises(StoreError, match="damaged"):
        one.object(f"{broken['payloads']['picture']['hash'][:2]}/{broken['payloads']['picture']['hash']}.png")
    verify(ledger)
    assert one.layer("ab", "mixed4b").damaged <= 1


def test_a_damaged_scan_or_description_is_as_none(store: Path, tmp_path: Path) -> None:
    other = copied(store, tmp_path / "store")
    for path in [*other.glob("scans/*/layers/colour"), *other.glob("networks/*.json"), *other.glob("sweeps/*.json")]:
        path.write_bytes(b"{}")
    one = shelf(other)
    doc = one.layer(one.site().networks[0].id, "colour")
    assert doc.similarity == "looks"
    assert [unit.maximum for unit in doc.units] == [None] * 3
    assert one.unit(doc.network, "colour", 0).facts is None
    documents(one)
    for path in other.glob("scans/*/scan.json"):
        path.write_bytes(b"{}")
    documents(shelf(other))


@pytest.mark.parametrize(
    "name", ["", "../phosphene.json", "ab/" + "ab" * 16, "cd/" + "ab" * 16 + ".png", "AB/" + "AB" * 16 + ".png",
             "ab/" + "ab" * 16 + ".png/", "ab/" + "ab" * 16 + ".png\n", "/etc/passwd", "ab/" + "ab" * 16 + ".PNG"]
)  # fmt: skip
def test_only_pictures_have_names_of_pictures(store: Path, name: str) -> None:
    with pytest.raises(StoreError, match="there is no"):
        shelf(store).object(name)
    with pytest.raises(StoreError, match="no s"):
        shelf(store).sheet(shelf(store).site().networks[0].id, "colour", name)


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    Ledger(Place(str(tmp_path)), write=True)
    (tmp_path / "phosphene.json").write_text('{"format": 2}')
    with pytest.raises(StoreError, match="update phosphene"):
        shelf(tmp_path)


def test_the_alike_stand_together(tmp_path: Path) -> None:
    """Units whose pictures are red, green or striped: each kind stands in one row."""
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    for channel in range(30):
        rng = np.random.default_rng(channel)
        pixels = rng.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        if channel % 3 < 2:
            pixels[:, :, channel % 3] += 190
        else:
            pixels[:, ::4] = 250
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        ledger.put(record("a", channel), {"picture": Payload(buffer.getvalue())})
    doc = Shelf(ledger).layer("ab", "a")
    assert doc.similarity == "looks"
    chain = sorted(doc.units, key=lambda unit: unit.alike or 0)
    kinds = [unit.channel % 3 for unit in chain]
    assert sum(a != b for a, b in pairwise(kinds)) == 2
    near = Shelf(ledger).unit("ab", "a", 4).neighbours
    assert len(near) == 8
    assert {(one.by, one.channel % 3) for one in near} == {("looks", 1)}
    again = Shelf(ledger).layer("ab", "a")
    assert [unit.alike for unit in again.units] == [unit.alike for unit in doc.units]


def test_what_has_little_in_common_is_not_called_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit_length([[1, 0], [0.9, 0.43], [0.03, 1], [-1, 0.1], [0, 0]])
    assert [at for at, _ in nearest(vectors, 0, 9)] == [1]
    assert [at for at, _ in nearest(vectors, 2, 9)] == []
    ledger = noisy(tmp_path / "store", 6)

    def told() -> list[float]:
        one = Shelf(ledger)
        return [near.value for channel in range(6) for near in one.unit("ab", "a", channel).neighbours]

    assert all(value >= ALIKE for value in told())
    monkeypatch.setattr("phosphene.web.pages.alike.ALIKE", 0.0)
    assert any(value < 0.2 for value in told()), "without a floor the nearest of six would do, whatever they show"


def noisy(store: Path, channels: int) -> Ledger:
    """A layer of units each of which has a picture of its own noise."""
    ledger = Ledger(Place(str(store)), write=True)
    for channel in range(channels):
        put(ledger, record("a", channel))
    return ledger


def test_the_ways_in_which_a_layer_was_made_are_counted(tmp_path: Path) -> None:
    ledger = noisy(tmp_path / "store", 3)

    def ways() -> int:
        return Shelf(ledger).layer("ab", "a").ways

    assert ways() == 1
    put(ledger, record("a", 0, kind="negative"))
    ledger.fail(failure("a", 5))
    assert ways() == 1, "a negative or a failure is no other way"
    first = record("a", 0)
    longer = {"id": digest(["longer"]), "steps": 16, "spec": {**first["spec"], "steps": 16}}
    made = put(ledger, {**first, **longer, "score": {**first["score"], "clean": 99.0}})
    assert ways() == 2
    pictures = Shelf(ledger).unit("ab", "a", 0).pictures
    assert [(one.id, one.steps) for one in pictures if one.kind == "positive"] == [(made, 16), (first["id"], 8)]
    thumb = Shelf(ledger).layer("ab", "a").units[0]
    assert thumb.clean == first["score"]["clean"], "its line is of the way in which most were made"


def chained(alike: np.ndarray) -> list[int]:
    """The slow way: from all cosines, whoever is most alike to either end."""
    left = set(range(len(alike)))
    first = int(np.round(alike.sum(1), 3).argmax())
    front, back, ends = list[int](), [first], [first, first]
    left.remove(first)
    while left:
        tops = [max(left, key=lambda one: (alike[end, one], -one)) for end in ends]
        side = int(alike[ends[1], tops[1]] > alike[ends[0], tops[0]])
        (front if side else back).append(tops[side])
        ends[side] = tops[side]
        left.remove(tops[side])
    return front[::-1] + back


def test_the_order_is_that_of_all_cosines_and_never_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit_length(np.random.default_rng(3).normal(size=(150, 12)))
    vectors[[7, 90]] = 0
    known = [one for one in range(150) if one not in (7, 90)]
    slow = chained(np.round(vectors[known] @ vectors[known].T, 4))
    chain = [known[one] for one in slow] + [7, 90]
    found = np.argsort(order(vectors)).tolist()
    assert found == chain
    count = 4000
    many = unit_length(np.random.default_rng(4).normal(size=(count, 16)))
    tracemalloc.start()
    try:
        order(many)
        assert tracemalloc.get_traced_memory()[1] < count * count  # bytes; all cosines are four times as many
    finally:
        tracemalloc.stop()
    base = np.random.default_rng(5).normal(size=(5, 100))  # five kinds, told apart by few directions
    kinds = np.arange(200) % 5
    alike = unit_length(base[kinds] + 0.1 * np.random.default_rng(6).normal(size=(200, 100)))
    monkeypatch.setattr("phosphene.web.pages.alike.MOST_WORK", 0)
    row = np.argsort(order(alike))
    assert sum(a != b for a, b in pairwise(kinds[row])) == 4


def test_layers_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: nothing that was made is made again because there are others."""
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    monkeypatch.setattr("os.fsync", lambda _: None)
    for number in range(300):
        put(ledger, record(f"l{number}", 0))
    made: list[str] = []

    def counted(ledger: Ledger, fingerprint: str, layer: str) -> Glance:
        made.append(layer)
        return glance(ledger, fingerprint, layer)

    monkeypatch.setattr("phosphene.web.pages.shelf.glance", counted)
    one = Shelf(ledger)
    assert len(one.network("ab").layers) == 300
    assert sorted(made) == sorted(f"l{number}" for number in range(300))
    one.site()
    one.network("ab")
    one.layer("ab", "l3")
    assert len(made) == 300


def test_layers_without_files_take_no_place(tmp_path: Path) -> None:
    about = about_of(network())
    one = Shelf(Ledger(Place(str(tmp_path))), [about])
    assert len(one.network(about.fingerprint).layers) == len(about.layers)
    assert not one._views._entries
    first = one.layer(about.fingerprint, "colour")
    assert one.layer(about.fingerprint, "colour") is first


def test_a_status_that_is_none_is_an_error(tmp_path: Path) -> None:
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    put(ledger, record("a", 0, status="<b>fine</b>"))
    put(ledger, record("a", 1))
    one = Shelf(ledger)
    odd, fine = one.layer("ab", "a").units
    assert (odd.status, fine.status) == ("failed", "ok")
    assert "no picture is '<b>fine</b>'" in str(odd.error)
    assert one.unit("ab", "a", 0).pictures == ()
    assert "cannot be read" in one.unit("ab", "a", 0).failures[0].error


@pytest.mark.parametrize("kind", ["html", "svg", "js", "gif", "webp", "jpg"])
def test_a_payload_is_what_its_name_says(tmp_path: Path, kind: str) -> None:
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    data = png(1) + b"<script>alert(1)</script>"
    ledger.put(record("a", 0), {"picture": Payload(data, kind)})
    one = Shelf(ledger)
    doc = one.unit("ab", "a", 0)
    assert doc.pictures == ()
    assert len(doc.failures) == 1
    name = Payload(data, kind).entry["hash"]
    with pytest.raises(StoreError, match="there is no"):
        one.object(f"{name[:2]}/{name}.{kind}")
    for sheet in one.layer("ab", "a").sheets:
        assert Image.open(io.BytesIO(resolve(one, sheet))).convert("RGBA").getextrema()[3] == (0, 0)


def test_where_a_store_lies_is_shown_without_its_keys(tmp_path: Path) -> None:
    url = f"memory://me:word@{uuid.uuid4().hex}/store"
    site = Shelf(plain(url, ["a"])).site()
    assert "word" not in site.store
    assert site.store.endswith("/store")
    assert source_text("sftp://me:wo@rd?#@host/photos?key=K#x") == "sftp://host/photos"
    assert source_text(r"C:\Users\me\photos") == source_text("/home/me/photos/") == "photos"


def test_a_sweep_writes_what_the_network_is(store: Path, tmp_path: Path) -> None:
    about = about_of(network())
    place = Place(str(store))
    assert about_in(place, about.fingerprint) == about
    before = place.read(f"networks/{about.fingerprint}.json")
    swept(network(), copied(store, tmp_path / "s"), layers=LAYERS, recipe=tiny())
    assert Place(str(tmp_path / "s")).read(f"networks/{about.fingerprint}.json") == before
    assert About.from_dict(json.loads(before)) == about


def test_verify_knows_descriptions(store: Path, tmp_path: Path) -> None:
    other = copied(store, tmp_path / "store")
    assert verify(Ledger(Place(str(other)))).whole
    (path,) = other.glob("networks/*.json")
    path.write_text(path.read_text().replace("Planted", "Panted"))
    found = verify(Ledger(Place(str(other))))
    assert [fault.name for fault in found.faults] == [f"networks/{path.name}"]
    assert not path.exists()
    assert verify(Ledger(Place(str(other)))).whole
    put_about(Place(str(other)), about_of(network()))
    assert path.exists()


def test_nothing_here_knows_torch(store: Path) -> None:
    script = (
        "import sys\nfrom phosphene.store.ledger import Ledger\nfrom phosphene.store.place import Place\n"
        "from phosphene.web.pages.shelf import Shelf\nimport phosphene.web.export\n"
        "s = Shelf(Ledger(Place(sys.argv[1])))\nn = s.site().networks[0].id\n"
        "d = s.layer(n, 'colour')\ns.unit(n, 'colour', 0)\n"
        "[s.sheet(n, 'colour', a.rpartition('/')[2]) for a in d.sheets]\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'sklearn')])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(store)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
