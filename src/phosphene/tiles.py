"""Pieces that together cover a picture that is too large to be seen at once."""

from __future__ import annotations

import math

Size = tuple[int, int]
Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two excluded


def boxes(size: Size, tile: int, only: Size | None = None) -> list[Box]:
    """Boxes of at most ``tile`` pixels to a side, alike in size, that cover ``size``; of exactly ``only`` where a
    network takes one size alone. They overlap where they do not fit evenly.

    >>> boxes((100, 64), 64)
    [(0, 0, 50, 64), (50, 0, 100, 64)]
    """
    sides = [_spans(size[axis], tile, None if only is None else only[axis]) for axis in (0, 1)]
    return [(top, left, bottom, right) for top, bottom in sides[0] for left, right in sides[1]]


def _spans(length: int, tile: int, only: int | None) -> list[tuple[int, int]]:
    if only is not None and length < only:
        raise ValueError(f"{length} pixels are fewer than {only}")
    count = math.ceil(length / (only or tile))
    side = only or math.ceil(length / count)
    starts = [round(k * (length - side) / max(1, count - 1)) for k in range(count)]
    return [(start, start + side) for start in starts]
