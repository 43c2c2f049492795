"""What a scan says of a unit is what one finds who keeps all activations and counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from store.scanned import (
    BATCH,
    DEAD,
    FLAT,
    LAYERS,
    LEFT,
    MANY,
    ON,
    PICTURES,
    RARE,
    RIGHT,
    SAMPLE,
    K,
    Scanned,
    network,
    scanned,
)  # fmt: skip

from phosphene.errors import PhospheneError, UnitOutOfRange, UnknownLayer
from phosphene.models.origins import weight_twins
from phosphene.sketch import BINS, bin_of, edges
from phosphene.store.facts import LEVELS, Facts


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    return scanned(tmp_path_factory.mktemp("store"))


def _units(known: Scanned) -> Iterator[tuple[str, int, Facts]]:
    for layer in LAYERS:
        for unit in range(known.acts[layer].shape[1]):
            yield layer, unit, known.scan.unit(layer, unit)


def _bins(values: Any) -> Any:
    return bin_of((np.asarray(values, np.float32) + np.float32(0)).view(np.int32))


def test_the_scan_saw_all_pictures(known: Scanned) -> None:
    assert known.scan.pictures == PICTURES
    assert known.scan.skipped == []
    assert [track.name for track in known.scan.plan.tracks] == list(LAYERS)
    assert len(known.scan.plan.sampled) == SAMPLE
    assert PICTURES % BATCH  # the last batch is a shorter one


@pytest.mark.parametrize("statistic", ["max", "mean"])
@pytest.mark.parametrize("end", ["top", "bottom"])
def test_examples_are_those_of_sorting_all(end: str, statistic: str, known: Scanned) -> None:
    for layer, unit, facts in _units(known):
        values = known.values(layer, unit, statistic)
        order = sorted(range(PICTURES), key=lambda i: (-values[i] if end == "top" else values[i], i))
        kept = MANY if (end, statistic) == ("top", "max") else K
        for count in (1, K, PICTURES):
            found = facts.examples(end, statistic, count)
            assert [one.picture for one in found] == order[: min(count, kept)]
            assert [one.value for one in found] == values[order[: min(count, kept)]].tolist()
            assert {one.level for one in found} == {end}


def test_positions_are_those_of_the_maxima(known: Scanned) -> None:
    for layer, unit, facts in _units(known):
        acts = known.acts[layer][:, unit]
        for end, statistic in product(("top", "bottom"), ("max", "mean")):
            for one in facts.examples(end, statistic, K):
                assert one.position is not None
                assert len(one.position) == acts.ndim - 1
                picture = acts[one.picture]
                assert picture[one.position] == picture.max()


def test_shares_averages_and_ends_are_counted(known: Scanned) -> None:
    for layer, unit, facts in _units(known):
        maxima, means, points = (known.values(layer, unit, name) for name in ("max", "mean", "point"))
        assert facts.density == np.mean(maxima > 0)
        assert facts.active == np.mean(points > 0)
        assert facts.broken == 0
        assert abs(facts.average - means.mean()) <= 2.0**-20
        assert facts.maximum == maxima.max()
        assert facts.ends("max") == (maxima.min(), maxima.max())
        assert facts.ends("mean") == (means.min(), means.max())
        low, high = facts.ends("point")
        assert low <= points.min() <= points.max() <= high
        assert {int(_bins([value])[0]) for value in (points.min(), points.max())} == {
            int(np.flatnonzero(facts.sketch("point").counts)[at]) for at in (0, -1)
        }
        for name, values in (("max", maxima), ("mean", means), ("point", points)):
            assert np.array_equal(facts.sketch(name).counts, np.bincount(_bins(values), minlength=BINS))


def test_percentiles_are_exact_in_the_list_and_within_a_bin_elsewhere(known: Scanned) -> None:
    rng = np.random.default_rng(0)
    for layer, unit, facts in _units(known):
        for statistic in ("max", "mean", "point"):
            values = known.values(layer, unit, statistic)
            listed = {"max": MANY, "mean": K, "point": 0}[statistic]
            last = np.sort(values)[::-1][listed - 1] if listed else np.inf
            spread = np.ptp(values) + 0.1
            asked = [*values[:20], 0.0, *rng.uniform(values.min() - spread, values.max() + spread, 20), values.max()]
            found = []
            for value in sorted(map(float, asked)):
                exact = 100 * (np.mean(values < value) + np.mean(values == value) / 2)
                found.append(facts.percentile(value, statistic))
                own = 100 * np.mean(_bins(values) == _bins([value])[0])
                assert abs(found[-1] - exact) <= (1e-9 if value > last else own + 1e-9)
            assert np.isnan(facts.percentile(float("nan"), statistic))


def test_silence_is_shared_by_all_that_are_silent(known: Scanned) -> None:
    """Half of the pictures that do nothing stay below doing nothing, though the list has room for some of them only."""
    facts = known.scan.unit("relu1", RARE)
    silent = np.mean(known.values("relu1", RARE, "max") == 0)
    assert 0.5 < silent < 1
    assert facts.percentile(0.0, "max") == pytest.approx(100 * silent / 2)
    assert facts.percentile(1e-9, "max") == pytest.approx(100 * silent)


def test_states_are_those_of_the_weights_set_by_hand(known: Scanned) -> None:
    states = {unit: known.scan.unit("relu1", unit).state for unit in (DEAD, FLAT, ON, LEFT, RIGHT, RARE)}
    assert states == {DEAD: "dead", FLAT: "dead", ON: "always on", LEFT: "ok", RIGHT: "ok", RARE: "ok"}
    assert known.scan.unit("first", ON).state == "ok"  # nothing holds it above zero there
    assert known.scan.unit("first", DEAD).state == "ok"  # below zero, but not the same everywhere
    dead = known.scan.unit("relu1", DEAD)
    assert (dead.density, dead.active, dead.maximum, dead.average) == (0, 0, 0, 0)
    flat = known.scan.unit("relu1", FLAT)
    assert (flat.density, flat.active, flat.maximum, flat.average) == (1, 1, 0.75, 0.75)


def _spectrum_twin(known: Scanned, layer: str, unit: int, statistic: str) -> list[tuple[int, float, str]]:
    values = known.values(layer, unit, statistic)
    sample = [(float(values[picture]), int(picture)) for picture in known.scan.plan.sampled]
    near = min(sample, key=lambda one: abs(one[0]))
    rectified = all(known.values(layer, other, "mean").min() >= 0 for other in range(known.acts[layer].shape[1]))
    firing = sample
    if rectified:
        fires = [(float(values[picture]), picture) for picture in range(PICTURES) if values[picture] > 0]
        all_listed = 0 < len(fires) <= (MANY if statistic == "max" else K)
        firing = fires if all_listed else [one for one in sample if one[0] > 0]
    firing.sort()
    levels = [(*firing[round(q * (len(firing) - 1))], level) for level, q in LEVELS] if firing else []
    best = max(range(PICTURES), key=lambda picture: (values[picture], -picture))
    steps = sorted([(*near, "near zero"), *levels], key=lambda step: step[0])  # stable
    steps.append((float(values[best]), best, "top"))
    return [(picture, value, level) for value, picture, level in steps]


@pytest.mark.parametrize("statistic", ["max", "mean"])
def test_spectra_go_from_the_weakest_to_the_top(statistic: str, known: Scanned) -> None:
    places = set()
    for layer, unit, facts in _units(known):
        found = facts.spectrum(statistic)
        assert [(one.picture, one.value, one.level) for one in found] == _spectrum_twin(known, layer, unit, statistic)
        values = [one.value for one in found]
        assert values == sorted(values)
        assert found[-1:] == facts.examples("top", statistic, 1)
        places.add([one.level for one in found].index("near zero"))
    assert len(places) > 1, "near zero is the weakest of some units, and in the midst of others"


def test_siblings_are_ordered_by_correlation_over_the_sample(known: Scanned) -> None:
    for layer in LAYERS:
        units = known.acts[layer].shape[1]
        means = [known.values(layer, unit, "mean")[known.scan.plan.sampled] for unit in range(units)]
        for unit in range(units):
            exact = [(-_correlation(means[unit], means[other]), other) for other in range(units) if other != unit]
            exact = [(value, other) for value, other in exact if value < 0]  # those that fire apart are no siblings
            found = known.scan.unit(layer, unit).siblings
            assert [other for other, _ in found] == [other for _, other in sorted(exact)]
            assert [value for _, value in found] == [float(np.float32(-value)) for value, _ in sorted(exact)]
    assert known.scan.unit("relu1", LEFT).siblings[0] == (RIGHT, 1.0)


def _correlation(one: Any, other: Any) -> float:
    """Pearson's, of 5 digits; 0 of what never changes."""
    one, other = one - one.mean(), other - other.mean()
    scale = np.sqrt(np.dot(one, one) * np.dot(other, other))
    return round(float(np.dot(one, other) / scale), 5) + 0.0 if scale > 1e-12 else 0.0


def test_sharing_is_the_overlap_of_the_strongest(known: Scanned) -> None:
    for layer in LAYERS:
        units = known.acts[layer].shape[1]
        tops = []
        for unit in range(units):
            values = known.values(layer, unit, "max")
            strongest = sorted(range(PICTURES), key=lambda i, v=values: (-v[i], i))[:64]
            tops.append({picture for picture in strongest if values[picture] > 0})
        for unit in range(units):
            shares = {
                other: len(tops[unit] & tops[other]) / max(len(tops[unit]), 1)
                for other in range(units)
                if other != unit
            }
            best = min(shares, key=lambda other, s=shares: (-s[other], other))
            found = known.scan.unit(layer, unit).sharing
            assert found == ((best, float(np.float32(shares[best]))) if shares[best] else None)


def test_twins_are_those_of_the_weights(known: Scanned) -> None:
    weight = network().module.first.weight.detach().flatten(1).double()
    for unit in range(6):
        cosine = {
            other: float(torch.cosine_similarity(weight[unit], weight[other], dim=0))
            for other in range(6)
            if other not in (unit, FLAT)
        }
        best = max(cosine, key=lambda other, c=cosine: c[other])
        for layer in ("first", "relu1"):
            found = known.scan.unit(layer, unit).twin
            if unit == FLAT:
                assert found is None  # a row of zeros is like nothing
                continue
            assert found is not None
            assert found[0] == best
            assert found[1] == pytest.approx(cosine[best], abs=1e-6)
    assert known.scan.unit("relu1", LEFT).twin == (RIGHT, pytest.approx(1, abs=1e-6))
    for layer in ("second", "relu2"):
        places, cosines = weight_twins(network(), layer)
        for unit, (place, value) in enumerate(zip(places, cosines, strict=True)):
            assert known.scan.unit(layer, unit).twin == (place, pytest.approx(float(value)))


def test_what_was_not_scanned_is_said(known: Scanned) -> None:
    for error, layer, unit in ((UnknownLayer, "secnd", 0), (UnknownLayer, "first#3", 0), (UnitOutOfRange, "first", 6),
                               (UnitOutOfRange, "@output", -1)):  # fmt: skip
        with pytest.raises(PhospheneError) as caught:
            known.scan.unit(layer, unit)
        assert type(caught.value) is error
        assert len(str(caught.value).splitlines()) <= 2
    with pytest.raises(UnknownLayer, match="closest: second"):
        known.scan.unit("secnd", 0)


def test_quantiles_of_units_are_in_the_bin_of_the_exact_ones(known: Scanned) -> None:
    for layer, unit, facts in _units(known):
        for statistic, q in product(("max", "mean"), (0.0, 0.25, 0.5, 0.99, 1.0)):
            values = np.sort(known.values(layer, unit, statistic))
            low, high = values[max(int(np.ceil(q * PICTURES)) - 1, 0)], values[min(int(q * PICTURES), PICTURES - 1)]
            found = facts.sketch(statistic).quantile(q)
            places = _bins([low, high])
            assert edges()[places[0]] <= found <= edges()[places[1] + 1]
