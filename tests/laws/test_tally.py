"""A tally knows of every unit what sorting all pictures tells, and any division of the pictures gives its very bits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from phosphene.examples.part import Part
from phosphene.examples.tally import EMPTY, FIXED, LAST, LISTS, STATISTICS, Seen, Tally, keys_of, read_keys
from phosphene.sketch import BINS, bin_of
from phosphene.store.parts import packed, unpacked
from phosphene.store.plan import Plan, Track

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
SPECIAL = [0.0, -0.0, 1e-45, -1e-45, 1.1754943e-38, -1.0, 1.0, 2.0**-21, 3.4028235e38, -3.4028235e38]
VALUES = st.lists(st.one_of(FINITE, st.sampled_from(SPECIAL)), min_size=1, max_size=30)


def _keys(values: list[float], pictures: list[int], bottom: bool) -> Tensor:
    return keys_of(torch.tensor(values, dtype=torch.float32)[:, None], torch.tensor(pictures), bottom=bottom)[:, 0]


@given(values=VALUES, bottom=st.booleans(), data=st.data())
def test_keys_order_by_value_and_then_by_picture(values: list[float], bottom: bool, data: st.DataObject) -> None:
    numbers = st.integers(0, LAST - 1)
    pictures = data.draw(st.lists(numbers, min_size=len(values), max_size=len(values), unique=True))
    keys = _keys(values, pictures, bottom)
    assert len(set(keys.tolist())) == len(values)
    assert int(keys.min()) > EMPTY
    by_key = sorted(range(len(values)), key=lambda i: -int(keys[i]))
    by_value = sorted(range(len(values)), key=lambda i: (values[i] if bottom else -values[i], pictures[i]))
    assert by_key == by_value


@given(values=VALUES, bottom=st.booleans(), first=st.integers(0, LAST - 40))
def test_keys_read_back(values: list[float], bottom: bool, first: int) -> None:
    pictures = list(range(first, first + len(values)))
    read, numbers = read_keys(_keys(values, pictures, bottom).numpy(), bottom=bottom)
    assert read.tobytes() == (np.array(values, np.float32) + np.float32(0)).tobytes()  # -0 comes back as 0
    assert numbers.tolist() == pictures


@given(bottom=st.booleans())
def test_what_is_not_finite_has_no_key(bottom: bool) -> None:
    odd = [float("nan"), float("inf"), float("-inf")]
    keys = _keys(odd, [0, 1, 2], bottom)
    assert keys.tolist() == [EMPTY] * 3
    read, numbers = read_keys(keys.numpy(), bottom=bottom)
    assert np.isnan(read).all()
    assert numbers.tolist() == [-1, -1, -1]


@dataclass(frozen=True)
class _World:
    """Pictures in a row: values ``(n, units)`` as a pass would see them, and how many are kept."""

    seen: Seen
    k: int
    many: int

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.seen.max.shape[0]), int(self.seen.max.shape[1])

    def tally(self, rows: NDArray[np.int64], *cuts: int) -> Tally:
        """Of some pictures in some order, in batches that end at ``cuts``."""
        found = Tally(self.shape[1], self.k, self.many)
        for some in np.split(rows, sorted(min(cut, len(rows)) for cut in cuts)):
            at = torch.from_numpy(some)
            part = Seen(*(getattr(self.seen, name)[at] for name in (*STATISTICS, "where")))
            found.add(part, at)
        return found


def _drawn(seed: int, pictures: int, units: int, k: int, many: int, kind: str) -> _World:
    rng = np.random.default_rng(seed)

    def values() -> Tensor:
        shape = pictures, units
        if kind == "ties":
            drawn = rng.integers(-2, 3, shape).astype(np.float32) / 4
        elif kind == "relu":
            drawn = np.maximum(rng.normal(-1, 1, shape), 0).astype(np.float32)
        else:
            drawn = rng.normal(0, 1, shape).astype(np.float32) * np.float32(10.0) ** rng.integers(-7, 4, shape)
        if kind == "broken":
            odd = np.array([np.nan, np.inf, -np.inf], np.float32)[rng.integers(0, 3, shape)]
            drawn = np.where(rng.random(shape) < 0.15, odd, drawn)
        return torch.from_numpy(drawn.astype(np.float32))

    where = torch.from_numpy(rng.integers(0, 50, (pictures, units)).astype(np.float32))
    return _World(Seen(values(), values(), values(), where), k, many)


WORLDS = st.builds(_drawn, st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 5), st.integers(1, 9),
                   st.integers(1, 24), st.sampled_from(["ties", "relu", "wide", "broken"]))  # fmt: skip


def _same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert (one[name].dtype, one[name].shape) == (other[name].dtype, other[name].shape), name
        assert one[name].tobytes() == other[name].tobytes(), name


def _sorted_twin(world: _World, name: str, unit: int) -> list[tuple[float, int, int]]:
    """All pictures with a finite map, sorted in Python: value, picture, position."""
    seen = world.seen
    end, _, statistic = name.partition(".")
    rows = [
        (float(getattr(seen, statistic)[row, unit]), row, int(seen.where[row, unit]))
        for row in range(world.shape[0])
        if np.isfinite(float(seen.max[row, unit])) and np.isfinite(float(seen.mean[row, unit]))
    ]
    rows.sort(key=lambda one: (one[0] if end == "bottom" else -one[0], one[1]))
    return rows[: max(world.k, world.many) if name == "top.max" else world.k]


@given(world=WORLDS)
def test_lists_are_those_of_sorting_all_pictures(world: _World) -> None:
    found = world.tally(np.arange(world.shape[0]), 7, 20).arrays()
    for name in LISTS:
        values, pictures = read_keys(found[f"{name}.keys"], bottom=name.startswith("bottom"))
        length = max(world.k, world.many) if name == "top.max" else world.k
        for unit in range(world.shape[1]):
            exact = _sorted_twin(world, name, unit)
            empty = length - len(exact)
            assert values[unit][: len(exact)].tolist() == [value for value, _, _ in exact]
            assert pictures[unit].tolist() == [picture for _, picture, _ in exact] + [-1] * empty
            assert found[f"{name}.where"][unit].tolist() == [where for *_, where in exact] + [0] * empty


@given(world=WORLDS)
def test_counts_and_sums_are_those_of_a_loop(world: _World) -> None:
    tally, seen = world.tally(np.arange(world.shape[0]), 3, 11), world.seen
    counts = {name: np.zeros((world.shape[1], BINS), int) for name in STATISTICS}
    fired, broken, total = (np.zeros(world.shape[1], object) for _ in range(3))
    for row in range(world.shape[0]):
        for unit in range(world.shape[1]):
            values = {name: np.float32(getattr(seen, name)[row, unit]) for name in STATISTICS}
            if not (np.isfinite(values["max"]) and np.isfinite(values["mean"])):
                broken[unit] += 1
                continue
            fired[unit] += int(values["max"] > 0)
            total[unit] += round(float(values["mean"]) * FIXED)  # half to even, as torch rounds
            for name, value in values.items():
                if np.isfinite(value):
                    counts[name][unit, int(bin_of(np.array([value + 0], np.float32).view(np.int32))[0])] += 1
    assert tally.fired.tolist() == fired.tolist()
    assert tally.broken.tolist() == broken.tolist()
    assert tally.total.tolist() == total.tolist()
    assert tally.pictures == world.shape[0]
    for name in STATISTICS:
        assert np.array_equal(tally.counts[name].numpy(), counts[name])
        assert (tally.counts[name].sum(1) <= tally.pictures - tally.broken).all()


@given(world=WORLDS, seed=st.integers(0, 10**6), data=st.data())
def test_any_division_and_order_gives_the_same_bits(world: _World, seed: int, data: st.DataObject) -> None:
    pictures = world.shape[0]
    whole = world.tally(np.arange(pictures)).arrays()
    cuts = data.draw(st.lists(st.integers(0, pictures), max_size=6))
    _same(world.tally(np.arange(pictures), *cuts).arrays(), whole)
    rng = np.random.default_rng(seed)
    order = rng.permutation(pictures)
    parts = [world.tally(some, *cuts[:2]) for some in np.split(order, sorted(cuts))]
    first, *others = [parts[place] for place in rng.permutation(len(parts))]
    for other in others:
        first.merge(other)
    _same(first.arrays(), whole)
    gathered = world.tally(np.arange(0))  # also into nothing, and what was merged before
    gathered.merge(first)
    _same(gathered.arrays(), whole)


@given(world=WORLDS, unit=st.integers(0, 4), data=st.data())
def test_a_broken_unit_leaves_the_others_alone(world: _World, unit: int, data: st.DataObject) -> None:
    pictures, units = world.shape
    unit, row = unit % units, data.draw(st.integers(0, pictures - 1))
    bad = Seen(*(getattr(world.seen, name).clone() for name in (*STATISTICS, "where")))
    statistic = data.draw(st.sampled_from(["max", "mean"]))
    getattr(bad, statistic)[row, unit] = data.draw(st.sampled_from([torch.nan, torch.inf, -torch.inf]))
    others = [one for one in range(units) if one != unit]
    fine = world.tally(np.arange(pictures))
    hurt = _World(bad, world.k, world.many).tally(np.arange(pictures))
    for name in LISTS:
        assert torch.equal(fine.keys[name][others], hurt.keys[name][others])
        assert torch.equal(fine.where[name][others], hurt.where[name][others])
        assert row not in read_keys(hurt.keys[name][unit].numpy(), bottom=name.startswith("bottom"))[1]
    for name in ("fired", "broken", "total"):
        assert torch.equal(getattr(fine, name)[others], getattr(hurt, name)[others])
    for name in STATISTICS:
        assert torch.equal(fine.counts[name][others], hurt.counts[name][others])
    was = bool(torch.isfinite(world.seen.max[row, unit]) & torch.isfinite(world.seen.mean[row, unit]))
    assert int(hurt.broken[unit] - fine.broken[unit]) == was


@given(world=WORLDS)
def test_arrays_read_back_and_go_on(world: _World) -> None:
    pictures = world.shape[0]
    half = world.tally(np.arange(pictures // 2))
    kept = {name: array.copy() for name, array in half.arrays().items()}
    again = Tally.of(half.arrays())
    _same(again.arrays(), kept)
    again.merge(world.tally(np.arange(pictures // 2, pictures)))
    _same(again.arrays(), world.tally(np.arange(pictures)).arrays())
    _same(half.arrays(), kept)  # what was read back is its own


@given(world=WORLDS)
def test_the_strongest_of_all_is_strong_in_every_prefix(world: _World) -> None:
    """More pictures never make a list weaker."""
    tallies = [world.tally(np.arange(count)) for count in range(0, world.shape[0] + 1, 5)]
    for before, after in pairwise(tallies):
        assert all(bool((after.keys[name] >= before.keys[name]).all()) for name in LISTS)


def _plan(world: _World) -> Plan:
    return Plan(
        model={"address": "here"}, fingerprint="f", source="live", data="d", pictures=world.shape[0], shape=(3, 8, 8),
        tracks=(Track("a", world.shape[1], (5, 10)),), k=world.k, many=world.many, sample=16, batch=4,
    )  # fmt: skip


def _part(world: _World, rows: range) -> Part:
    units = world.shape[1]
    twins = np.arange(units), np.zeros(units, np.float32)
    part = Part.empty(_plan(world), range(rows.start // 4, -(-rows.stop // 4)), twins)
    part.tally = world.tally(np.array(rows, np.int64))
    chosen = np.array([row for row in rows if row in set(part.plan.sampled.tolist())], np.int64)
    for some in np.array_split(chosen, 3):
        at = torch.from_numpy(some)
        part.sample.append(at, world.seen.max[at], world.seen.mean[at])
    part.next = part.last
    part.skipped = {rows.start: ("#0", "it is no picture")} if rows else {}
    return part


@given(world=WORLDS)
def test_a_part_reads_back_from_its_file(world: _World) -> None:
    arrays, head = _part(world, range(world.shape[0])).content()
    data = packed(arrays, head)
    again = Part.of(*unpacked(data, "part"))
    back, back_head = again.content()
    _same(back, arrays)
    assert again.skipped == {0: ("#0", "it is no picture")}
    assert again.plan == _plan(world)
    assert packed(back, back_head) == data


@given(world=WORLDS, cut=st.integers(0, 40))
def test_parts_of_other_pictures_add_up(world: _World, cut: int) -> None:
    pictures = world.shape[0]
    cut = min(cut, pictures)
    whole = _part(world, range(pictures)).content()[0]
    for swapped in (False, True):
        one, other = _part(world, range(cut)), _part(world, range(cut, pictures))
        one, other = (other, one) if swapped else (one, other)
        one.add(other)
        _same(one.content()[0], whole)
        assert sorted(one.skipped) == sorted({cut, 0} & set(range(pictures)))
