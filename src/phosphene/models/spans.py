"""Which pixels each row and each column of a map sees, up to the edges: padding sees nothing.

A ``Span`` is one axis: an int64 array ``(positions, 2)`` of the first and the last pixel, first > last for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Span = NDArray[np.int64]

_NOTHING = (np.iinfo(np.int64).max, -1)


def pixels(count: int) -> Span:
    """The picture itself: each position sees one pixel."""
    return np.repeat(np.arange(count)[:, None], 2, axis=1)


def windowed(span: Span, count: int, *, kernel: int, stride: int, dilation: int, before: int) -> Span:
    """What ``count`` windows see; ``before``: the padding in front of the first."""
    taps = np.arange(count)[:, None] * stride - before + dilation * np.arange(kernel)
    return _gathered(span, taps, (taps >= 0) & (taps < len(span)))


def padded(span: Span, before: int, after: int, mode: str) -> Span:
    """The axis with positions added in front and behind, or cut away where the number is negative."""
    count = len(span)
    taps = np.arange(-before, count + after)
    inside = (taps >= 0) & (taps < count)
    if mode == "reflect":
        taps = np.abs(taps)
        taps = np.where(taps < count, taps, 2 * (count - 1) - taps)
    elif mode == "circular":
        taps = taps % count
    elif mode == "replicate":
        taps = taps.clip(0, count - 1)
    return _gathered(span, taps[:, None], (inside | (mode != "constant"))[:, None])


def together(spans: Sequence[Span]) -> Span:
    """The smallest span that holds all of these."""
    return reduce(
        lambda a, b: a if a is b else np.stack([np.minimum(a[:, 0], b[:, 0]), np.maximum(a[:, 1], b[:, 1])], 1), spans
    )


def _gathered(span: Span, taps: Span, real: NDArray[np.bool_]) -> Span:
    seen = span[taps.clip(0, len(span) - 1)]
    first, last = (np.where(real, seen[..., end], _NOTHING[end]) for end in (0, 1))
    return np.stack([first.min(1), last.max(1)], 1)
