"""Counts in bins say what sorting all values would say, but for the width of a bin."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from phosphene.sketch import BINS, FAR, FINE, HIGH, LOW, ZERO, Sketch, bin_of, edges

Values = NDArray[np.float32]
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
SPECIAL = [0.0, -0.0, 1e-45, -1e-45, 1.1754943e-38, 2.0**LOW, -(2.0**LOW), np.nextafter(np.float32(2.0**LOW), 0.0),
           1.0, -1.0, 1.0625, 4096.0, -4096.0, 65536.0, 65537.0, 3.4028235e38, -3.4028235e38]  # fmt: skip
KINDS: dict[str, Callable[[np.random.Generator, int], Values]] = {
    "normal": lambda rng, n: rng.normal(0.3, 2, n).astype(np.float32),
    "relu": lambda rng, n: np.maximum(rng.normal(-0.5, 1, n), 0).astype(np.float32),
    "heavy": lambda rng, n: rng.standard_cauchy(n).astype(np.float32),
    "huge": lambda rng, n: (1e5 * rng.standard_cauchy(n)).astype(np.float32),
    "tiny": lambda rng, n: (1e-6 * rng.normal(0, 1, n)).astype(np.float32),
    "ties": lambda rng, n: rng.integers(-3, 4, n).astype(np.float32),
    "constant": lambda rng, n: np.full(n, rng.normal(), np.float32),
}


def _bins(values: Values) -> NDArray[np.int64]:
    return np.asarray(bin_of((values + np.float32(0)).view(np.int32))).astype(np.int64)


def _sketch(values: Values) -> Sketch:
    counts = np.bincount(_bins(values), minlength=BINS)
    return Sketch(counts, float(values.min()), float(values.max()))


def _bin_twin(value: float) -> int:
    """Search among edges that are written out one by one, zero and beyond-the-end apart."""
    if value == 0:
        return ZERO
    inner = [2.0**octave for octave in range(LOW - FAR, LOW)]
    inner += [2.0**octave * (1 + part / FINE) for octave in range(LOW, HIGH) for part in range(FINE)]
    inner += [2.0**octave for octave in range(HIGH, HIGH + FAR + 1)]
    size = 1 + sum(edge <= abs(value) for edge in inner)
    return ZERO + size if value > 0 else ZERO - size


def _reach(value: float, sketch: Sketch) -> tuple[float, float]:
    """Ends of the bin that a value is in, no further than the least and the greatest."""
    place = _bin_twin(value)
    ends = edges()
    low = -np.inf if place == 0 else ends[place]
    high = np.inf if place == BINS - 1 else ends[place + 1]
    return max(low, sketch.least), min(high, sketch.greatest)


def _drawn(kind: str, seed: int, count: int) -> Values:
    return KINDS[kind](np.random.default_rng(seed), count)


SOME = st.one_of(
    st.lists(st.one_of(FINITE, st.sampled_from(SPECIAL)), min_size=1, max_size=40).map(
        lambda some: np.array(some, np.float32)
    ),
    st.builds(_drawn, st.sampled_from(sorted(KINDS)), st.integers(0, 10**6), st.integers(1, 400)),
)
SHARE = st.floats(0, 1)


@given(values=st.lists(st.one_of(FINITE, st.sampled_from(SPECIAL)), min_size=1, max_size=30))
def test_a_value_lies_within_the_edges_of_its_bin_for_numpy_and_torch_alike(values: list[float]) -> None:
    array = np.array(values, np.float32)
    found = _bins(array)
    assert found.tolist() == bin_of((torch.from_numpy(array) + 0.0).view(torch.int32)).tolist()
    assert found.tolist() == [_bin_twin(float(value)) for value in array]
    ends = edges()
    for value, place in zip(array.astype(float), found, strict=True):
        low = -np.inf if place == 0 else ends[place]
        high = np.inf if place == BINS - 1 else ends[place + 1]
        assert low <= value <= high
        if 2.0**LOW <= abs(value) < 2.0**HIGH:
            assert abs(high - low) <= min(abs(low), abs(high)) / FINE


def test_both_zeros_share_the_middle_and_edges_rise() -> None:
    zeros = np.array([0.0, -0.0], np.float32)
    assert np.asarray(bin_of(zeros.view(np.int32))).tolist() == [ZERO, ZERO]  # also without adding zero before
    steps = np.diff(edges())
    assert len(steps) == BINS == 2 * ZERO + 1
    assert steps[ZERO] == 0
    assert (np.delete(steps, ZERO) > 0).all()
    assert np.array_equal(edges(), -edges()[::-1])


def test_not_finite_values_have_a_place_inside_the_array() -> None:
    """Their count is not raised, but a place outside would end the pass."""
    odd = torch.tensor([torch.nan, -torch.nan, torch.inf, -torch.inf])
    assert all(0 <= place < BINS for place in bin_of(odd.view(torch.int32)).tolist())


@given(values=st.lists(st.one_of(FINITE, st.sampled_from(SPECIAL)), min_size=2, max_size=30))
def test_bins_rise_with_values(values: list[float]) -> None:
    found = _bins(np.sort(np.array(values, np.float32)))
    assert (np.diff(found) >= 0).all()


@given(values=SOME, q=SHARE)
def test_a_quantile_is_in_the_bin_of_the_exact_one(values: Values, q: float) -> None:
    """Of n values the q-quantile is the one after q n of them, and between two where that is whole."""
    ordered, sketch = np.sort(values).astype(float), _sketch(values)
    wanted = q * len(values)
    nearest = round(wanted)
    wanted = nearest if abs(wanted - nearest) < 1e-9 else wanted
    before, after = ordered[max(ceil(wanted) - 1, 0)], ordered[min(floor(wanted), len(values) - 1)]
    assert before <= np.quantile(ordered, q, method="inverted_cdf") <= after
    assert _reach(before, sketch)[0] <= sketch.quantile(q) <= _reach(after, sketch)[1]


@pytest.mark.parametrize("kind", ["normal", "relu", "heavy"])
def test_quantiles_of_many_are_within_a_bin_of_numpys(kind: str) -> None:
    values = _drawn(kind, 5, 20_000)
    sketch = _sketch(values)
    for q in np.linspace(0, 1, 101):
        exact = float(np.quantile(values.astype(float), q))
        assert abs(sketch.quantile(q) - exact) <= max(abs(exact) / FINE, 2.0**LOW) * 1.01


@given(values=SOME, shares=st.lists(SHARE, min_size=2, max_size=12))
def test_quantiles_rise_and_their_ends_are_exact(values: Values, shares: list[float]) -> None:
    sketch = _sketch(values)
    found = [sketch.quantile(q) for q in sorted(shares)]
    assert found == sorted(found)
    assert sketch.quantile(0) == values.min()
    assert sketch.quantile(1) == values.max()


@given(values=SOME, data=st.data())
def test_below_is_the_share_below_but_for_its_own_bin(values: Values, data: st.DataObject) -> None:
    sketch = _sketch(values)
    places = _bins(values)
    asked = [data.draw(FINITE), *data.draw(st.lists(st.sampled_from(values.tolist()), max_size=5)), 0.0]
    found = []
    for value in sorted(asked):
        own = places == _bin_twin(value)
        exact = np.mean(values < value) + np.mean(values == value) / 2
        found.append(sketch.below(value))
        assert abs(found[-1] - exact) <= own.mean() + 1e-12
    assert (np.diff(found) >= -1e-12).all()


@given(values=SOME)
def test_below_ends_at_nothing_and_at_all(values: Values) -> None:
    sketch = _sketch(values)
    least, greatest = float(values.min()), float(values.max())
    assert sketch.below(np.nextafter(least, -np.inf)) == sketch.below(-np.inf) == 0
    assert sketch.below(np.nextafter(greatest, np.inf)) == sketch.below(np.inf) == 1
    assert 0 <= sketch.below(least) <= sketch.below(greatest) <= 1
    assert np.isnan(sketch.below(float("nan")))


def test_what_has_no_width_is_counted_whole() -> None:
    """Zeros, and values between two bins that hold something."""
    sketch = _sketch(np.array([0, 0, 0, 5], np.float32))
    assert [sketch.below(value) for value in (0.0, 1e-9, 2.0, 4.7)] == [3 / 8, 3 / 4, 3 / 4, 3 / 4]
    assert _sketch(np.array([-1, 0, 0, 1e-5], np.float32)).below(0.0) == 0.5
    assert _sketch(np.full(7, 2.5, np.float32)).below(2.5) == 0.5


@given(values=SOME, bars=st.integers(1, 50))
def test_a_histogram_is_numpys_but_for_the_spreading_of_bins(values: Values, bars: int) -> None:
    sketch = _sketch(values)
    shares, ends = sketch.histogram(bars)
    assert shares.shape == (bars,)
    assert shares.sum() == pytest.approx(1)
    assert shares.min() >= -1e-12
    assert ends[0] == values.min()
    if values.min() < values.max():
        assert ends[-1] == values.max()
    assert (np.diff(ends) > 0).all()
    exact = np.histogram(values.astype(float), ends)[0] / len(values)
    places = _bins(values)
    for at in range(1, bars):  # what lies to the left of an inner end
        own = (places == _bin_twin(float(ends[at]))).mean()
        # ends that lie on an edge may be seen from either side of it
        beside = (places == _bin_twin(float(np.nextafter(ends[at], -np.inf)))).mean()
        assert abs(shares[:at].sum() - exact[:at].sum()) <= max(own, beside) + 1e-9


def test_a_histogram_of_points_is_exact() -> None:
    """Zeros have a bar of their own, and values that fill a bar go nowhere else."""
    shares, ends = _sketch(np.array([0, 0, 0, 10], np.float32)).histogram(10)
    assert ends.tolist() == pytest.approx(list(range(11)))
    assert shares[0] == 0.75
    assert shares[1:9].sum() == 0
    for value in (-3e30, -7e6, 0.0, 1e-40, 12.5, 3e38):
        shares, ends = _sketch(np.full(5, value, np.float32)).histogram(4)
        assert shares.tolist() == [1, 0, 0, 0]
        assert np.isfinite(ends).all()


@given(values=SOME, cut=st.integers(0, 400))
def test_counts_of_parts_add_up_to_those_of_the_whole(values: Values, cut: int) -> None:
    parts = [np.bincount(_bins(part), minlength=BINS) for part in (values[:cut], values[cut:])]
    whole = _sketch(values)
    assert np.array_equal(parts[0] + parts[1], whole.counts)
    assert whole.total == len(values)
    shuffled = _sketch(np.random.default_rng(cut).permutation(values))
    assert shuffled.quantile(0.37) == whole.quantile(0.37)


def test_of_nothing_nothing_is_known() -> None:
    empty = Sketch(np.zeros(BINS, np.int64), float("nan"), float("nan"))
    assert empty.total == 0
    assert np.isnan([empty.quantile(0.5), empty.below(1.0)]).all()
    assert empty.histogram(3)[0].tolist() == [0, 0, 0]
