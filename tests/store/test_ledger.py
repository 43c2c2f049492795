"""A record that can be read has its payloads whole, whatever goes wrong on the way; any damage shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from store.faulty import WAYS, Faulty, How, faulty, goes_wrong
from sweep.made import loaded, swept

from phosphene.errors import OutputError, StoreError
from phosphene.spec import digest
from phosphene.store.ledger import FORMAT, Ledger, Payload
from phosphene.store.paths import MARKER, folder_of, hashed, layer_of, object_of, record_of
from phosphene.store.place import Place
from phosphene.store.sealed import sealed, unsealed

NETWORK = "ab" * 16
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DATA = st.dictionaries(
    st.text().filter(lambda key: key != "seal"),
    st.recursive(
        LEAF, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3), max_leaves=6
    ),
    max_size=4,
)


@pytest.fixture(params=["folder", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    return Ledger(Place(str(tmp_path) if request.param == "folder" else memory()), write=True)


def memory() -> str:
    return f"memory://{uuid.uuid4().hex}/store"


def one_line(kind: type[Exception], call: Any) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    text = str(caught.value)
    assert len(text.splitlines()) == 1, text
    assert "Errno" not in text
    return text


def record(number: int, layer: str = "conv", **more: Any) -> dict[str, Any]:
    return {"id": digest(number), "fingerprint": NETWORK, "layer": layer, "unit": f"{layer}:{number}", **more}


def payloads(number: int) -> dict[str, Payload]:
    """A picture of its own, and one that others have too."""
    return {"picture": Payload(f"picture {number} ".encode() * 9), "shared": Payload(b"all have this", "webp")}


@given(DATA)
def test_sealed_data_come_back_and_equal_data_are_equal_bytes(data: dict[str, Any]) -> None:
    made = sealed(data)
    again = unsealed(made, "x")
    assert again == data
    assert sealed(again) == sealed(dict(reversed(data.items()))) == made


@given(DATA, st.data())
def test_any_damage_of_a_record_shows(data: dict[str, Any], draw: st.DataObject) -> None:
    """A bit, a byte more or less, the end; only the last line's end may be missing."""
    made = sealed(data)
    place = draw.draw(st.integers(0, len(made) - 2))
    bit = draw.draw(st.integers(0, 7))
    damaged = [
        made[:place] + bytes([made[place] ^ (1 << bit)]) + made[place + 1 :],
        made[:place],
        made[:place] + made[place + 1 :],
        made[:place] + b" " + made[place:],
        made + made,
    ]
    for one in damaged:
        assert "x is damaged" in one_line(StoreError, lambda one=one: unsealed(one, "x"))


def test_damage_that_says_the_same_shows_too() -> None:
    """Letters of either case are the same in an escape and in a number."""
    made = sealed({"a": "é\x00é", "b": 1e-30})
    for one in (made.replace(b"u00e9", b"u00E9", 1), made.replace(b"1e-30", b"1E-30"), made.replace(b":", b": ", 1)):
        assert one != made
        one_line(StoreError, lambda one=one: unsealed(one, "x"))


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"1", b'"seal"', b'{"seal":null}', b"null", b"[" * 100_000]))
def test_what_is_no_record_is_said(data: bytes) -> None:
    one_line(StoreError, lambda: unsealed(data, "x"))


def test_every_bit_of_a_record_file_counts(tmp_path: Path) -> None:
    one = Ledger(Place(str(tmp_path)), write=True)
    one.put(record(1, value=0.25, name="ä"), payloads(1))
    path = tmp_path / record_of(NETWORK, "conv", digest(1))
    good = path.read_bytes()
    for place in range(len(good) - 1):
        path.write_bytes(good[:place] + bytes([good[place] ^ (1 << place % 8)]) + good[place + 1 :])
        with pytest.raises(StoreError):
            one.record(NETWORK, "conv", digest(1))
        with pytest.raises(StoreError):
            list(one.records(NETWORK, "conv"))
    path.write_bytes(good)
    assert one.record(NETWORK, "conv", digest(1))["value"] == 0.25


def test_what_is_put_is_there(ledger: Ledger) -> None:
    for number in (2, 1):
        ledger.put(record(number, data=[1, {"a": None}]), payloads(number))
    for one in (ledger, Ledger(Place(ledger.place.url))):
        assert one.networks() == [NETWORK]
        assert one.layers(NETWORK) == ["conv"]
        assert one.ids(NETWORK, "conv") == {digest(1), digest(2)}
        assert one.loose(NETWORK, "conv") == sorted(one.ids(NETWORK, "conv"))
        for number in (1, 2):
            found = one.record(NETWORK, "conv", digest(number))
            assert found == {**record(number, data=[1, {"a": None}]), "payloads": {
                name: payload.entry for name, payload in payloads(number).items()}}  # fmt: skip
            assert {name: one.payload(found, name) for name in found["payloads"]} == {
                name: payload.data for name, payload in payloads(number).items()
            }
        assert [found["id"] for found in one.records(NETWORK, "conv")] == one.loose(NETWORK, "conv")
    assert len(ledger.place.below("objects")) == 3  # what is shared is there once


def test_putting_again_changes_nothing(ledger: Ledger) -> None:
    ledger.put(record(1), payloads(1))
    before = content(ledger.place)
    ledger.put(record(1), payloads(1))
    assert content(ledger.place) == before


@pytest.mark.parametrize("layer", ["@output", "a.b.c", "a/b", "conv 1", "ü/漢", "%2F", "a:b", '"', "..", "*", "#1"])
def test_layers_of_any_name(layer: str, ledger: Ledger) -> None:
    ledger.put(record(1, layer), payloads(1))
    ledger.put(record(1, "other"), payloads(1))
    ledger.fail(record(2, layer, error="e"))
    assert ledger.layers(NETWORK) == sorted([layer, "other"])
    assert [one["layer"] for one in ledger.records(NETWORK, layer)] == [layer]
    assert ledger.failed(NETWORK, layer) == [digest(2)]
    assert ledger.failed(NETWORK, "other") == []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_layers_folder_is_one_name_that_can_be_read_back(layer: str) -> None:
    *above, name = folder_of("records", NETWORK, layer).split("/")
    assert above == ["records", NETWORK]
    assert layer_of(name) == layer


def test_failures_are_put_down_and_forgotten(ledger: Ledger) -> None:
    for number in (1, 2):
        ledger.fail(record(number, error="why", tries=2))
    assert {one["id"]: one["error"] for one in ledger.failures(NETWORK, "conv")} == {digest(1): "why", digest(2): "why"}
    assert ledger.networks() == [NETWORK]
    assert ledger.layers(NETWORK) == ["conv"]
    assert ledger.ids(NETWORK, "conv") == set()
    ledger.forget(record(1))
    ledger.forget(record(1))
    assert ledger.failed(NETWORK, "conv") == [digest(2)]


def test_plans_are_put_down(ledger: Ledger) -> None:
    for name in ("b", "a", "b"):
        ledger.plan({"id": name, "of": NETWORK})
    assert ledger.plans() == [{"id": "a", "of": NETWORK}, {"id": "b", "of": NETWORK}]


def test_what_is_not_there_is_one_line(ledger: Ledger) -> None:
    ledger.put(record(1), payloads(1))
    found = ledger.record(NETWORK, "conv", digest(1))
    assert "no record" in one_line(StoreError, lambda: ledger.record(NETWORK, "conv", "f" * 32))
    assert "no record" in one_line(StoreError, lambda: ledger.record(NETWORK, "other", digest(1)))
    assert "has no frames" in one_line(StoreError, lambda: ledger.payload(found, "frames"))
    assert ledger.loose(NETWORK, "other") == ledger.failures("cd" * 16, "conv") == []
    path = object_of(found["payloads"]["picture"]["hash"], "png")
    ledger.place.write(path, b"other")
    assert "is damaged" in one_line(StoreError, lambda: ledger.payload(found, "picture"))
    ledger.place.remove(path)
    assert path in one_line(StoreError, lambda: ledger.payload(found, "picture"))


def test_opening_to_read_writes_nothing(tmp_path: Path) -> None:
    assert Ledger(Place(str(tmp_path / "s"))).networks() == []
    assert not (tmp_path / "s").exists()
    Ledger(Place(str(tmp_path / "s")), write=True)
    before = content(Place(str(tmp_path / "s")))
    assert list(before) == [MARKER]
    assert json.loads(before[MARKER])["format"] == FORMAT
    Ledger(Place(str(tmp_path / "s")), write=True)
    assert content(Place(str(tmp_path / "s"))) == before


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_format_is_refused(write: bool, ledger: Ledger) -> None:
    ledger.place.write(MARKER, json.dumps({"format": FORMAT + 1}).encode())
    before = content(ledger.place)
    assert "update phosphene" in one_line(StoreError, lambda: Ledger(ledger.place, write=write))
    assert content(ledger.place) == before


@given(st.binary(max_size=30) | st.sampled_from([b"", b"{}", b"[]", b"1", b'{"format"}', b'{"format": "1"}', b"\xff"]))
@example(b"[" * 100_000)
@example(b'{"format": 1.5}')
def test_a_damaged_marker_is_one_line(data: bytes) -> None:
    place = Place(memory())
    place.write(MARKER, data)
    told = one_line(StoreError, lambda: Ledger(place))
    assert "phosphene" in told


def content(place: Place) -> dict[str, bytes]:
    return {one.name: place.read(one.name) for one in place.below()}


def readable(ledger: Ledger) -> set[str]:
    """The ids of all records that can be read; the law: each has its payloads whole."""
    found = set()
    for network in ledger.networks():
        for layer in ledger.layers(network):
            for name in ledger.loose(network, layer):
                try:
                    one = ledger.record(network, layer, name)
                except StoreError:
                    continue
                for payload, entry in one["payloads"].items():
                    assert hashed(ledger.payload(one, payload)) == entry["hash"]
                found.add(name)
    return found


def series(place: Place) -> None:
    """Three records, a failure, a plan."""
    ledger = Ledger(place, write=True)
    for number in (1, 2, 3):
        ledger.put(
            record(number), {"picture": payloads(number)["picture"], "frames": Payload(f"{number} film".encode())}
        )
    ledger.fail(record(4, error="why"))
    ledger.plan({"id": "p"})


WRITES = 1 + 3 * 3 + 1 + 1


@pytest.mark.parametrize("how", WAYS)
def test_a_write_that_goes_wrong_is_said_and_harms_nothing(how: How) -> None:
    """At every write in turn: what is there is whole, and the same again ends as if nothing had been."""
    whole = faulty()
    series(whole)
    assert Faulty.writes == WRITES
    for nth in range(1, WRITES + 1):
        place = faulty()
        goes_wrong(nth, how)
        told = one_line(OutputError, lambda place=place: series(place))
        assert place.url in told
        assert Faulty.writes == nth  # nothing is tried after it
        goes_wrong(0)
        made = range(1, min((nth - 2) // 3, 3) + 1)
        assert readable(Ledger(place)) == set(map(digest, made))
        assert content(place).items() <= content(whole).items()
        series(place)
        assert content(place) == content(whole)


@pytest.mark.parametrize("how", WAYS)
def test_a_file_that_is_written_over_is_the_old_one_or_gone(how: How) -> None:
    """Where nothing was cut off the old one stays; a record that shared it says what is missing, and is mended."""
    place = faulty()
    ledger = Ledger(place, write=True)
    ledger.put(record(1), payloads(1))
    good = content(place)
    goes_wrong(2, how)
    with pytest.raises(OutputError):
        ledger.put(record(1), payloads(1))
    goes_wrong(0)
    assert content(place).items() <= good.items()
    if "cut" in how or "half" in how:
        found = ledger.record(NETWORK, "conv", digest(1))
        assert "shared" not in one_line(StoreError, lambda: ledger.payload(found, "shared"))
    else:
        assert readable(ledger) == {digest(1)}
    ledger.put(record(1), payloads(1))
    assert content(place) == good


@pytest.mark.parametrize("how", ["full", "cut", "half and fails", "strange"])
def test_a_sweep_into_a_store_that_fails_once_goes_on_from_there(how: How, tmp_path: Path) -> None:
    """At every write of a small sweep: what a worker writes is tried again; what is written before ends it, and the
    same command makes the same store."""
    net = loaded(tmp_path)
    whole = faulty()
    swept(net, whole.url, layers=["first"], limit=2, batch=1)
    writes = Faulty.writes
    assert writes == 3 + 2 * 2
    for nth in range(1, writes + 1):
        place = faulty()
        goes_wrong(nth, how)
        if nth <= 3:  # the marker, what is known of the network, the plan
            with pytest.raises(OutputError) as caught:
                swept(net, place.url, layers=["first"], limit=2, batch=1)
            assert len(str(caught.value).splitlines()) <= 2
            assert Faulty.writes == nth
            goes_wrong(0)
            assert not readable(Ledger(place))
        tally = swept(net, place.url, layers=["first"], limit=2, batch=1)
        assert (tally.before, tally.made.total(), tally.failed) == (0, 2, 0)
        goes_wrong(0)
        assert content(place).keys() == content(whole).keys()
        assert {name: data for name, data in content(place).items() if not name.startswith("records")} == {
            name: data for name, data in content(whole).items() if not name.startswith("records")
        }


FULL = """
import resource, signal
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.place import Place
ledger = Ledger(Place({folder!r}), write=True)
record = {{"id": "1", "fingerprint": "f", "layer": "l", "text": "x" * {text}}}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
ledger.put(record, {{"small": Payload(b"y" * 9), "picture": Payload(b"z" * {picture})}})
"""


@pytest.mark.parametrize(("text", "picture", "left"), [(0, 5000, 2), (5000, 500, 3)])
def test_a_full_disk_leaves_no_record(text: int, picture: int, left: int, tmp_path: Path) -> None:
    """The system itself refuses a payload, or the record; nothing cut off is left of it, and then it works."""
    code = FULL.format(folder=str(tmp_path), text=text, picture=picture)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "OutputError: cannot write" in ended.stderr, ended.stderr
    assert "file too large" in ended.stderr
    ledger = Ledger(Place(str(tmp_path)))
    assert ledger.networks() == [] or ledger.loose("f", "l") == []
    assert len([name for _, _, names in os.walk(tmp_path) for name in names]) == left
    ended = subprocess.run([sys.executable, "-c", code.replace("1000, 1000", "-1, -1")], check=False)
    assert ended.returncode == 0
    assert readable(ledger) == {"1"}
