"""A plan divides its pictures without gap or overlap, and its name is a hash of all that decides what is found."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import BadSpec, PhospheneError, StoreError
from phosphene.store.plan import VERSION, Plan, Track, mixed

MODEL = {"address": "miniception", "weights": None, "untrained": False, "mean": (0.1, 0.2, 0.3)}
PLAN = Plan(
    model=MODEL, fingerprint="f" * 32, source="/photos", data="d" * 32, pictures=1000, shape=(3, 64, 48),
    tracks=(Track("conv1", 8, (32, 24)), Track("@output", 10, ())),
)  # fmt: skip
OTHER: dict[str, Any] = {
    "fingerprint": "e" * 32, "data": "c" * 32, "pictures": 1001, "shape": (3, 48, 64),
    "tracks": (Track("conv1", 8, (24, 32)), Track("@output", 10, ())), "k": 10, "many": 255, "sample": 1023,
    "batch": 63, "version": VERSION + 1,
}  # fmt: skip
PLANS = st.builds(
    lambda pictures, batch, sample: replace(PLAN, pictures=pictures, batch=batch, sample=sample),
    st.integers(1, 700), st.integers(1, 90), st.integers(16, 800),
)  # fmt: skip


def _refused(error: type[PhospheneError], call: Any) -> str:
    with pytest.raises(PhospheneError) as caught:
        call()
    assert type(caught.value) is error
    assert len(str(caught.value).splitlines()) <= 2
    return str(caught.value)


@given(plan=PLANS)
def test_batches_cover_all_pictures_once(plan: Plan) -> None:
    chunks = [plan.chunk(number) for number in range(plan.chunks)]
    assert [picture for chunk in chunks for picture in chunk] == list(range(plan.pictures))
    assert {len(chunk) for chunk in chunks[:-1]} <= {plan.batch}
    assert 1 <= len(chunks[-1]) <= plan.batch


@given(plan=PLANS, of=st.integers(1, 40))
def test_shards_cover_all_batches_once(plan: Plan, of: int) -> None:
    shards = [plan.shard(number, of) for number in range(1, of + 1)]
    assert [number for shard in shards for number in shard] == list(range(plan.chunks))
    lengths = [len(shard) for shard in shards]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("number", [(0, 3), (4, 3), (-1, 3), (1, 0), (1, -2)])
def test_there_is_no_other_shard(number: tuple[int, int]) -> None:
    assert "1/N to N/N" in _refused(BadSpec, lambda: PLAN.shard(*number))


def _splitmix(number: int) -> int:
    """Steele 2014, on Python's whole numbers."""
    most = 2**64 - 1
    z = (number * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & most
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & most
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & most
    return z ^ (z >> 31)


@given(numbers=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_numbers_are_mixed_as_splitmix64_does(numbers: list[int]) -> None:
    assert mixed(np.array(numbers, np.uint64)).tolist() == [_splitmix(number) for number in numbers]


@given(plan=PLANS)
def test_the_sample_is_sorted_unique_and_of_its_size(plan: Plan) -> None:
    found = plan.sampled
    assert found.dtype == np.int64
    assert len(found) == min(plan.sample, plan.pictures)
    assert found.tolist() == sorted(sorted(range(plan.pictures), key=_splitmix)[: plan.sample])


@given(plan=PLANS, of=st.integers(1, 9))
def test_every_shard_knows_its_own_of_the_sample(plan: Plan, of: int) -> None:
    """It does not depend on the batches, and those of shards are those of the whole."""
    whole = plan.sampled.tolist()
    assert replace(plan, batch=7, k=3).sampled.tolist() == whole
    shards = [[picture for batch in plan.shard(i, of) for picture in plan.chunk(batch)] for i in range(1, of + 1)]
    assert [picture for shard in shards for picture in shard if picture in set(whole)] == whole


def test_the_sample_is_spread_evenly() -> None:
    counts = np.histogram(replace(PLAN, pictures=100_000, sample=10_000).sampled, 20, (0, 100_000))[0]
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500)


def test_the_id_depends_on_all_but_where_things_are() -> None:
    assert replace(PLAN, source="elsewhere").id == replace(PLAN, model={"address": "/tmp/m.pt"}).id == PLAN.id
    ids = {replace(PLAN, **{name: value}).id for name, value in OTHER.items()}
    assert len(ids | {PLAN.id}) == len(OTHER) + 1
    assert set(OTHER) == {field.name for field in fields(Plan)} - {"model", "source"}
    assert len(PLAN.id) == 32
    assert int(PLAN.id, 16) >= 0


@pytest.mark.parametrize("change", [{"name": "conv2"}, {"channels": 9}, {"size": ()}, {"size": (32, 25)}])
def test_the_id_depends_on_every_part_of_a_track(change: dict[str, Any]) -> None:
    tracks = (replace(PLAN.tracks[0], **change), PLAN.tracks[1])
    assert replace(PLAN, tracks=tracks).id != PLAN.id
    assert replace(PLAN, tracks=PLAN.tracks[::-1]).id != PLAN.id


@given(plan=PLANS)
def test_json_gives_the_plan_back(plan: Plan) -> None:
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert replace(again, model=plan.model) == plan
    assert again.id == plan.id
    assert json.dumps(again.to_dict()) == json.dumps(plan.to_dict())
    assert again.units == 18


@pytest.mark.parametrize("version", [VERSION + 1, 10**9, "1", None, 1.5])
def test_another_version_is_refused(version: Any) -> None:
    text = _refused(StoreError, lambda: Plan.from_dict({**PLAN.to_dict(), "version": version}))
    assert "update it" in text
    data = PLAN.to_dict()
    del data["version"]
    _refused(StoreError, lambda: Plan.from_dict(data))


@pytest.mark.parametrize("name", [field.name for field in fields(Plan) if field.name != "version"])
def test_an_incomplete_plan_is_refused(name: str) -> None:
    data = PLAN.to_dict()
    del data[name]
    assert "was it edited?" in _refused(StoreError, lambda: Plan.from_dict(data))


@pytest.mark.parametrize(
    "change",
    [{"k": 0}, {"k": "9"}, {"k": True}, {"tracks": 3}, {"tracks": [{}]}, {"tracks": ["conv1"]}, {"model": 3},
     {"model": "miniception"}, {"pictures": -1}, {"pictures": 2.5}, {"sample": 3}, {"tracks": [{"name": "a",
     "channels": 3, "size": 7}]}],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    assert "was it edited?" in _refused(StoreError, lambda: Plan.from_dict({**PLAN.to_dict(), **change}))


@pytest.mark.parametrize(("name", "least"), [("k", 1), ("many", 1), ("sample", 16), ("batch", 1), ("pictures", 1)])
def test_numbers_are_large_enough(name: str, least: int) -> None:
    assert getattr(replace(PLAN, **{name: least}), name) == least
    for value in (least - 1, 0, -1):
        assert f"{name} must be a whole number from {least} up" in _refused(
            BadSpec, lambda value=value: replace(PLAN, **{name: value})
        )


def test_more_pictures_than_can_be_numbered() -> None:
    assert "--limit" in _refused(BadSpec, lambda: replace(PLAN, pictures=2**32))
    assert replace(PLAN, pictures=2**32 - 1).chunks == -(-(2**32 - 1) // PLAN.batch)
