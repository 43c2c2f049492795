"""Units of a layer in an order in which neighbours are alike: by what real pictures do to them, or by how their
pictures look. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels at which shapes are looked at
RINGS, WAYS = 4, 6  # of frequencies, of directions
AT_A_TIME = 256  # pictures
ALIKE = 0.5  # cosine from which two pictures are nearer to each other than to the average of their layer
NARROW, MOST_WORK = 64, 2 * 10**9  # directions, multiplications
Vectors = NDArray[np.float32]  # (units, features), each of length 1, or 0 where nothing is known


def unit_length(values: Any) -> Vectors:
    """Rows brought to length 1; what is not finite counts for nothing, and rows without any change stay zero."""
    found = np.nan_to_num(np.asarray(values, np.float32), posinf=0.0, neginf=0.0)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    made: Vectors = np.where(length > 1e-6, found / np.maximum(length, 1e-6), 0).astype(np.float32)
    return made


def firing(sample: Any) -> Vectors:
    """Of activations ``(pictures, units)``: cosines of rows are the units' correlations."""
    values = np.nan_to_num(np.asarray(sample, np.float32), posinf=0.0, neginf=0.0).T
    return unit_length(values - values.mean(1, keepdims=True))


def looks(pictures: Sequence[NDArray[np.uint8] | None]) -> Vectors:
    """Of pictures ``(SIDE, SIDE, 3)``: their colours, and how coarse and in which directions their lines run."""
    known = [at for at, one in enumerate(pictures) if one is not None]
    found = np.zeros((len(pictures), 6 + RINGS * WAYS), np.float32)
    for begin in range(0, len(known), AT_A_TIME):
        some = known[begin : begin + AT_A_TIME]
        found[some] = _seen(np.stack([one for one in (pictures[at] for at in some) if one is not None]))
    if known:
        found[known] -= found[known].mean(0)
    return unit_length(found)


def _seen(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour means and deviations, amplitudes by frequency and direction: ``(b, h, w, 3)`` -> ``(b, features)``.

    All are of like size, and what is noise stays small: none is brought to unit variance.
    """
    red, green, blue = (pixels[..., at].astype(np.float32) / 255 for at in range(3))
    grey = (red + green + blue) / 3
    opponent = np.stack([grey, red - green, blue - grey], axis=1).reshape(len(pixels), 3, -1)
    spectrum = np.fft.rfft2(grey - grey.mean((1, 2), keepdims=True))
    energy = (spectrum.real**2 + spectrum.imag**2).reshape(len(pixels), -1) @ _BINS
    share = np.sqrt(energy / np.maximum(energy.sum(1, keepdims=True), 1e-6))
    parts = [2 * opponent.mean(2), 2 * opponent.std(2), share]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _bins() -> NDArray[np.float64]:
    """Which frequency belongs to which ring and direction, ``(frequencies, bins)``."""
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    size = np.hypot(fy, fx)
    ring = np.clip(np.floor(np.log2(np.maximum(size, 1e-9) * SIDE)), 0, RINGS - 1).astype(np.int64)
    way = np.floor((np.arctan2(fy, fx) / np.pi + 0.5) * WAYS).astype(np.int64) % WAYS
    one_hot = np.eye(RINGS * WAYS)[(ring * WAYS + way).ravel()]
    found: NDArray[np.float64] = one_hot * (size.ravel() > 0)[:, None]
    return found


_BINS = _bins()


def order(vectors: Vectors) -> NDArray[np.int64]:
    """The place of each row in a chain that grows at both ends by whoever is most alike; zero rows come last.

    It begins with the row that is most like all others. The same rows give the same chain.
    """
    count = len(vectors)
    known = np.flatnonzero(np.abs(vectors).sum(1) > 0)
    rest = np.setdiff1d(np.arange(count), known)
    chain = [int(known[one]) for one in _chain(_narrowed(vectors[known]))] if len(known) else []
    places = np.empty(count, np.int64)
    places[[*chain, *rest.tolist()]] = np.arange(count)
    return places


def _narrowed(vectors: Vectors) -> Vectors:
    """Where a chain would take many seconds, rows by their strongest directions alone."""
    count, width = vectors.shape
    if width <= NARROW or count * count * width <= MOST_WORK:
        return vectors
    directions = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))[1][:, -NARROW:]
    found: Vectors = (vectors @ directions).astype(np.float32)
    return found


def _chain(vectors: Vectors) -> list[int]:
    """Cosines are told row by row when they are wanted: all of them at once would not fit into memory."""

    def alike(one: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = np.round(vectors @ vectors[one], 4)
        return found

    left = np.ones(len(vectors), bool)
    first = int(np.round(vectors @ vectors.sum(0), 3).argmax())
    row, front = [first], list[int]()
    left[first] = False
    best = [np.where(left, alike(first), -np.inf) for _ in range(2)]
    for _ in range(len(vectors) - 1):
        found = [int(one.argmax()) for one in best]
        side = int(best[1][found[1]] > best[0][found[0]])
        chosen = found[side]
        (front if side else row).append(chosen)
        left[chosen] = False
        best[side] = np.where(left, alike(chosen), -np.inf)
        best[1 - side][chosen] = -np.inf
    return front[::-1] + row


def nearest(vectors: Vectors, row: int, most: int) -> list[tuple[int, float]]:
    """The rows most like one, with their cosines, best first; none that are not ``ALIKE``: among a few pictures the
    nearest may have nothing in common."""
    if not np.abs(vectors[row]).any():
        return []
    alike = np.round(vectors @ vectors[row], 4)
    alike[row] = -np.inf
    places = np.argsort(-alike, kind="stable")[:most]
    return [(int(at), float(alike[at])) for at in places if alike[at] >= ALIKE]
