"""What two stores have in common, and how alike pictures are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from store.shelf import LAYER, NETWORK, OTHER, failure, fill, job, png, put, record, shelf

from phosphene.errors import StoreError, UnknownLayer
from phosphene.store.compact import compact
from phosphene.store.compare import STATES, diff, likeness
from phosphene.store.ledger import Ledger
from phosphene.store.networks import planned, the_layer, the_network
from phosphene.store.place import Place


def picture(seed: int, height: int = 16, width: int = 16, mode: str = "RGB") -> Image.Image:
    return Image.open(io.BytesIO(png(seed, height, width))).convert(mode)


def store(path: Path) -> Ledger:
    return Ledger(Place(str(path)), write=True)


@settings(max_examples=25)
@given(a=st.integers(0, 99), b=st.integers(0, 99), size=st.sampled_from([(1, 1), (16, 16), (70, 30), (200, 100)]))
def test_likeness_is_a_correlation(a: int, b: int, size: tuple[int, int]) -> None:
    one, two = picture(a, *size), picture(b)
    assert -1 <= likeness(one, two) <= 1
    assert likeness(one, two) == pytest.approx(likeness(two, one))
    assert likeness(one, one) == pytest.approx(1)
    if size != (1, 1):
        pale = Image.fromarray((np.asarray(one) // 2 + 60).astype(np.uint8))
        assert likeness(one, pale) > 0.99  # contrast and brightness count for nothing
        assert likeness(one, ImageOps.invert(one)) < -0.99
        assert likeness(one, one.resize((one.width * 2, one.height * 2))) > 0.95


def test_different_pictures_are_less_alike_than_disturbed_ones() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        one = picture(seed, 64, 64)
        noisy = np.clip(np.asarray(one) + rng.normal(0, 20, (64, 64, 3)), 0, 255).astype(np.uint8)
        assert likeness(one, Image.fromarray(noisy)) > 0.8 > 0.7 > likeness(one, picture(seed + 100, 64, 64))


def test_even_and_transparent_pictures() -> None:
    red, blue = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    assert (likeness(red, blue), likeness(red, picture(1))) == (1, 0)
    clear = picture(1, mode="RGBA")
    clear.putalpha(0)
    assert likeness(clear, red) == 1
    assert likeness(picture(1, mode="RGBA"), picture(1)) == pytest.approx(1)


@pytest.mark.parametrize("packed", [False, True])
def test_a_store_is_the_same_as_its_copy(packed: bool, tmp_path: Path) -> None:
    first, second = shelf(tmp_path / "a"), shelf(tmp_path / "b")
    if packed:
        pytest.importorskip("pyarrow")
        compact(second)
    found = diff(first, second)
    assert {change.state for change in found} == {"same"}
    assert len(found) == 30  # with a failure
    assert all(change.likeness == (None if change.first and change.first.error else 1.0) for change in found)


def test_two_checkpoints_unit_by_unit(tmp_path: Path) -> None:
    """The ids differ, as the weights do."""
    first, second = store(tmp_path / "a"), store(tmp_path / "b")
    for channel in range(6):
        put(first, record(LAYER, channel), seed=channel)
    for channel in (0, 1, 2, 3, 7):
        kept = channel in (0, 1)
        more: dict[str, Any] = {"network": OTHER, "model": "later"}
        put(second, record(LAYER, channel, **more), seed=channel if kept else 50 + channel)
    second.fail(failure(LAYER, 4, OTHER))
    found = diff(first, second)
    states = {change.unit: change.state for change in found}
    assert states == {
        f"{LAYER}:0": "same", f"{LAYER}:1": "same", f"{LAYER}:2": "changed", f"{LAYER}:3": "changed",
        f"{LAYER}:4": "changed", f"{LAYER}:5": "only first", f"{LAYER}:7": "only second",
    }  # fmt: skip
    assert [STATES.index(change.state) for change in found] == sorted(STATES.index(change.state) for change in found)
    alike = [change.likeness for change in found if change.state == "changed"]
    assert alike[0] is None  # failed in the second
    assert alike[1:] == sorted(one for one in alike[1:] if one is not None)
    two = next(change for change in found if change.unit == f"{LAYER}:2")
    assert two.likeness == round(likeness(picture(2), picture(52)), 4)
    assert two.first is not None
    assert two.first.clean == record(LAYER, 2)["score"]["clean"]
    turned = diff(second, first)
    assert {(c.unit, c.first, c.likeness) for c in turned} == {(c.unit, c.second, c.likeness) for c in found}


def test_of_several_ways_those_alike_belong_together(tmp_path: Path) -> None:
    first, second = store(tmp_path / "a"), store(tmp_path / "b")
    for ledger, many, network in ((first, (8, 30), NETWORK), (second, (30, 8, 99), OTHER)):
        for steps in many:
            spec = job(LAYER, 1, steps=steps)
            put(
                ledger,
                record(LAYER, 1, network=network, id=spec.id(network), spec=spec.to_dict(), steps=steps),
                seed=steps,
            )
    found = diff(first, second)
    assert sorted(change.state for change in found) == ["only second", "same", "same"]


def made_in(ledger: Ledger, steps: int, network: str = NETWORK, channel: int = 1, size: int = 16) -> None:
    spec = job(LAYER, channel, steps=steps)
    one = record(LAYER, channel, network=network, id=spec.id(network), spec=spec.to_dict(), steps=steps)
    put(ledger, {**one, "size": [size, size]}, seed=steps, height=size, width=size)


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_made_in_two_ways_is_not_taken_for_changed(packed: bool, tmp_path: Path) -> None:
    first, second = store(tmp_path / "a"), store(tmp_path / "b")
    for channel in range(3):
        made_in(first, 8, channel=channel)
        made_in(second, 30, channel=channel)
    made_in(first, 99, channel=2)
    made_in(second, 99, channel=2)
    second.fail(failure(LAYER, 5))
    put(first, record(LAYER, 5))
    if packed:
        pytest.importorskip("pyarrow")
        compact(first)
        compact(second)
    found = diff(first, second)
    said = [(change.unit, change.state, change.steps) for change in found]
    assert said[:1] == [(f"{LAYER}:5", "changed", (8, None))]  # what failed does not say how
    assert sorted(said[1:4]) == [(f"{LAYER}:{channel}", "made otherwise", (8, 30)) for channel in range(3)]
    assert said[4:] == [(f"{LAYER}:2", "same", (99, 99))]
    assert found[1].likeness is not None


def test_of_several_networks_the_one_with_the_layer_is_meant(tmp_path: Path) -> None:
    ledger = shelf(tmp_path, networks=(NETWORK, OTHER))
    put(ledger, record("conv1", 0, network=OTHER))
    assert the_network(ledger, layer="conv1") == OTHER
    assert the_network(ledger, "ab", "conv1") == NETWORK  # what is named counts; that the layer is not there is said
    with pytest.raises(StoreError, match="2 networks; name one with --network, by its beginning: abababab"):
        the_network(ledger)
    with pytest.raises(StoreError, match="2 networks with the layer logit; name one with --network"):
        the_network(ledger, layer="logit")
    with pytest.raises(UnknownLayer, match="no pictures of the layer conv2; closest: conv1"):
        the_network(ledger, layer="conv2")


def test_networks_are_chosen_by_how_they_begin(tmp_path: Path) -> None:
    one, both = shelf(tmp_path / "a"), shelf(tmp_path / "b", networks=(NETWORK, OTHER))
    with pytest.raises(StoreError, match="2 networks.*abababab \\(fake\\), cdcdcdcd \\(fake\\)"):
        diff(one, both)
    assert {change.state for change in diff(one, both, network=(None, "ab"))} == {"same"}
    assert len(diff(both, both, network=("ab", "cd"), layer=LAYER)) == 17
    with pytest.raises(StoreError, match="no network 99"):
        the_network(one, "99")
    with pytest.raises(StoreError, match="has no pictures"):
        diff(one, store(tmp_path / "c"))
    with pytest.raises(UnknownLayer, match="closest: mixed4b"):
        the_layer(one, NETWORK, "mixed4")
    assert the_layer(one, NETWORK, "logit") == "@output"


def test_what_was_asked_for(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    lines = [{"layer": LAYER, "units": [[0, 3], [8, 9]]}, {"layer": "@output", "units": [[0, 1]]}]
    ledger.plan({"id": "1", "fingerprint": NETWORK, "recipe": {"positive": True, "diverse": 0}, "lines": lines})
    others = [{"layer": LAYER, "units": [[20, 30]]}]
    ledger.plan({"id": "2", "fingerprint": OTHER, "recipe": {"positive": True}, "lines": others})
    assert planned(ledger, NETWORK, LAYER, "positive") == {0, 1, 2, 8}
    assert planned(ledger, NETWORK, "@output", "positive") == {0}
    assert planned(ledger, NETWORK, LAYER, "diverse") == set()


def test_a_damaged_picture_is_said(tmp_path: Path) -> None:
    first, second = shelf(tmp_path / "a"), store(tmp_path / "b")
    fill(second, LAYER, range(2), network=OTHER)
    for path in (tmp_path / "b" / "objects").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(StoreError, match="phosphene verify"):
        diff(first, second)
