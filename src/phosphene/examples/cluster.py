"""How many kinds of things there are among feature vectors, and which are of which kind."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependency

COMPONENTS, MOST, LEAST = 50, 10, 8  # of the PCA; kinds; members of a kind, on the average
NOISE = 0.01  # silhouettes that differ by less are as good; the fewest kinds of them are taken
FLAT = 5  # times that the same is tried on features without structure

Vectors = NDArray[np.floating[Any]]


@final
@dataclass(frozen=True, eq=False)
class Clusters:
    """``labels`` ``(n,)`` 0 to ``count`` - 1, the largest kind first; ``reduced`` ``(n, d)`` what they were told by.

    ``silhouettes``: number of kinds -> mean silhouette, -1 to 1; ``chance``: what as many kinds of features without
    structure reach. One kind where the best is not well above chance.
    """

    labels: NDArray[np.int64]
    reduced: Vectors
    silhouettes: dict[int, float]
    chance: float

    @property
    def count(self) -> int:
        return int(self.labels.max()) + 1 if len(self.labels) else 0

    def nearest(self, kind: int, count: int) -> NDArray[np.int64]:
        """The members of a kind nearest to its middle, the nearest first."""
        members = np.flatnonzero(self.labels == kind)
        middle = self.reduced[members].mean(0)
        return members[np.argsort(((self.reduced[members] - middle) ** 2).sum(1), kind="stable")[:count]]


def check_there() -> None:
    """Raise MissingDependency without scikit-learn."""
    if importlib.util.find_spec("sklearn") is None:
        raise MissingDependency("facets need scikit-learn: pip install scikit-learn (or phosphene with [facets])")


def clusters(features: Vectors, *, seed: int = 0, count: int | None = None) -> Clusters:
    """PCA, then k-means with as many kinds as have the best silhouette (Rousseeuw 1987), or with ``count``.

    ``features`` ``(n, d)``. The number is one where no division is better than that of features without structure:
    spread evenly, as far in each component (after Tibshirani 2001), the one-humped shape that divides best. Raises
    MissingDependency without scikit-learn.
    """
    check_there()
    from sklearn.decomposition import PCA

    n = len(features)
    centred = features - features.mean(0) if n else features
    if n < 2 * LEAST or not np.abs(centred).max() > 1e-9:
        return Clusters(np.zeros(n, np.int64), centred, {}, float("nan"))
    reduced = PCA(min(COMPONENTS, n - 1, features.shape[1]), random_state=seed).fit_transform(features)
    numbers = range(2, min(MOST, n // LEAST) + 1) if count is None else [count] if count > 1 else []
    tried = {number: _divided(reduced, number, seed) for number in numbers}
    silhouettes = {number: round(score, 4) for number, (score, _) in tried.items()}
    if not tried:
        return Clusters(np.zeros(n, np.int64), reduced, {}, float("nan"))
    most = max(score for score, _ in tried.values())
    best = min(number for number, (score, _) in tried.items() if score >= most - NOISE)
    chance = _chance(reduced, best, seed)
    if count is None and tried[best][0] <= chance + NOISE:
        return Clusters(np.zeros(n, np.int64), reduced, silhouettes, round(chance, 4))
    return Clusters(_by_size(tried[best][1]), reduced, silhouettes, round(chance, 4))


def _divided(reduced: Vectors, number: int, seed: int) -> tuple[float, NDArray[np.int64]]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer different vectors than kinds; the silhouette tells that too
        labels = KMeans(number, n_init=8, random_state=seed).fit_predict(reduced)
    known = len(np.unique(labels))
    score = float(silhouette_score(reduced, labels)) if 1 < known < len(reduced) else -1.0
    return score, labels.astype(np.int64)


def _chance(reduced: Vectors, number: int, seed: int) -> float:
    """The best silhouette of as many kinds among components of the same variance, each even and by itself.

    Shuffling the components would not do: two kinds lie along the first one, which stays as it is.
    """
    rng = np.random.default_rng(seed)
    half = 3**0.5 * reduced.std(0)
    return max(_divided(rng.uniform(-half, half, reduced.shape), number, seed)[0] for _ in range(FLAT))


def _by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    kinds, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(kinds), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(kinds))
    return rank[places]
