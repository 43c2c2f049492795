"""As many kinds as were planted are found, with their members; where there is no structure there is one kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from phosphene.examples.cluster import LEAST, NOISE, Clusters, _by_size, clusters

pytest.importorskip("sklearn")
DIMENSIONS = 40
Vectors = NDArray[np.float64]


def _planted(sizes: tuple[int, ...], seed: int, apart: float = 1.5) -> tuple[Vectors, NDArray[np.int64]]:
    """Gaussians of standard deviation 1, their middles about 13 from each other, in some order."""
    rng = np.random.default_rng(seed)
    middles = apart * rng.normal(size=(len(sizes), DIMENSIONS))
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return middles[labels] + rng.normal(size=(len(labels), DIMENSIONS)), labels


def _pairs(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which two are of one kind: what does not depend on the names of kinds."""
    return np.asarray(labels[:, None] == labels[None])


@pytest.mark.parametrize("sizes", [(50, 30), (60, 40, 25), (50, 40, 30, 20, 15)])
@pytest.mark.parametrize("seed", [0, 2])
def test_planted_kinds_are_found_with_their_members(sizes: tuple[int, ...], seed: int) -> None:
    features, planted = _planted(sizes, seed)
    found = clusters(features)
    assert found.count == len(sizes)
    assert np.array_equal(found.labels, planted)  # they were planted in the order of their sizes
    assert found.silhouettes[len(sizes)] >= max(found.silhouettes.values()) - NOISE
    assert found.silhouettes[len(sizes)] > found.chance + NOISE


@pytest.mark.parametrize("sizes", [(40, 24, 18), (44, 36)])
def test_kinds_far_apart_are_found_on_any_scale_and_wherever_they_lie(sizes: tuple[int, ...]) -> None:
    """Two as well, though one component alone tells them apart."""
    features, planted = _planted(sizes, 3, apart=3)
    for moved in (features * 1e-3, features * 1e4, features + 100):
        assert np.array_equal(clusters(moved).labels, planted)


def _structureless(kind: str, seed: int) -> Vectors:
    rng = np.random.default_rng(seed)
    if kind == "gaussian":
        return rng.normal(size=(96, DIMENSIONS))
    if kind == "long gaussian":
        return rng.normal(size=(96, DIMENSIONS)) * np.geomspace(5, 0.1, DIMENSIONS)
    if kind == "directions":
        vectors = np.abs(rng.normal(size=(96, DIMENSIONS)))
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return rng.random((96, DIMENSIONS))


@pytest.mark.parametrize("kind", ["gaussian", "long gaussian", "uniform", "directions"])
@pytest.mark.parametrize("seed", [0, 1])
def test_without_structure_there_is_one_kind(kind: str, seed: int) -> None:
    found = clusters(_structureless(kind, seed))
    assert found.count == 1
    assert found.labels.tolist() == [0] * 96
    assert max(found.silhouettes.values()) <= found.chance + 2 * NOISE


@pytest.mark.parametrize("value", [0.0, 1.0, -7e5])
def test_what_is_always_the_same_is_one_kind(value: float) -> None:
    found = clusters(np.full((50, DIMENSIONS), value))
    assert found.count == 1
    assert found.silhouettes == {}
    assert np.isnan(found.chance)
    assert found.nearest(0, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("n", [0, 1, 2, 2 * LEAST - 1])
def test_too_few_to_tell_are_one_kind(n: int) -> None:
    found = clusters(_planted((30, 30), 0)[0][:n])
    assert found.labels.tolist() == [0] * n
    assert found.count == min(n, 1)
    if n:
        assert sorted(found.nearest(0, n).tolist()) == list(range(n))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_as_many_as_asked_for(count: int) -> None:
    features, _ = _planted((40, 30), 2)
    found = clusters(features, count=count)
    assert found.count == count
    sizes = np.bincount(found.labels)
    assert sizes.tolist() == sorted(sizes, reverse=True)
    assert sizes.sum() == 70
    assert set(found.silhouettes) == ({count} if count > 1 else set())


@pytest.mark.parametrize("kind", ["planted", "none"])
def test_the_same_again(kind: str) -> None:
    features = _planted((40, 30, 20), 5)[0] if kind == "planted" else _structureless("gaussian", 5)
    before = features.copy()
    np.random.seed(1)  # what is global does not matter
    first = clusters(features, seed=4)
    np.random.seed(2)
    again = clusters(features, seed=4)
    assert np.array_equal(features, before)
    assert first.labels.tobytes() == again.labels.tobytes()
    assert first.reduced.tobytes() == again.reduced.tobytes()
    assert first.silhouettes == again.silhouettes
    assert first.chance == again.chance


def _silhouette(reduced: Vectors, labels: NDArray[np.int64]) -> float:
    """Rousseeuw 1987, one by one."""
    scores = []
    for one in range(len(reduced)):
        far = [float(np.linalg.norm(reduced[one] - other)) for other in reduced]
        mean = {k: np.mean([d for i, d in enumerate(far) if labels[i] == k and i != one]) for k in set(labels.tolist())}
        own = mean.pop(int(labels[one]))
        beside = min(mean.values())
        scores.append((beside - own) / max(own, beside))
    return float(np.mean(scores))


def test_the_silhouette_is_rousseeuws() -> None:
    features, _ = _planted((20, 15, 12), 7)
    found = clusters(features)
    assert found.silhouettes[3] == pytest.approx(_silhouette(found.reduced, found.labels), abs=1e-4)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), kinds=st.integers(1, 4), count=st.integers(1, 50))
def test_the_nearest_are_those_of_sorting_distances(seed: int, n: int, kinds: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, kinds, n)
    labels[0] = 0
    reduced = rng.integers(-3, 4, (n, 3)).astype(float)  # with ties
    found = Clusters(labels, reduced, {}, float("nan"))
    for kind in set(labels.tolist()):
        members = [i for i in range(n) if labels[i] == kind]
        middle = np.mean([reduced[i] for i in members], axis=0)
        far = {i: float(np.sum((reduced[i] - middle) ** 2)) for i in members}
        assert found.nearest(kind, count).tolist() == sorted(members, key=lambda i: (far[i], i))[:count]


@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_kinds_are_numbered_by_size(labels: list[int]) -> None:
    found = _by_size(np.array(labels))
    assert np.array_equal(_pairs(found), _pairs(np.array(labels)))
    sizes = np.bincount(found)
    assert sizes.tolist() == sorted(sizes, reverse=True)
    assert sizes.min() > 0
