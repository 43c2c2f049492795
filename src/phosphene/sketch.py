"""How often each value came: counts in bins whose edges are the same for every unit, network and shard.

A bin is a 32-bit float's sign, exponent and first four bits: 16 bins an octave from 2^-12 to 2^12, so that an edge is
at most 6.25 % from the next; one an octave for the 48 octaves on either side, for networks of odd scales. Which bin a
value falls in does not depend on what came before, and counts are whole numbers: sketches of shards add up to that of
the whole, in any order, bit for bit. After DDSketch (Masson 2019). No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

FINE = 16  # bins an octave
LOW, HIGH = -12, 12  # between these powers of 2
FAR = 48  # octaves below and above that have one bin each; what is nearer to zero shares a bin, and what is beyond
SHIFT, EXPONENT = 19, 23  # mantissa bits that do not count; that there are
REGULAR = (HIGH - LOW) * FINE
SIDE = 1 + FAR + REGULAR + FAR + 1  # bins of one sign
ZERO = SIDE  # the bin of exact zeros, the middle one
BINS = 2 * SIDE + 1

Counts = NDArray[np.integer[Any]]
Values = NDArray[np.floating[Any]]
_FIRST = (127 + LOW) * FINE  # what is left of the bits of 2^LOW


def bin_of(values: Any) -> Any:
    """Bins 0 to BINS - 1 of finite float32 values, numpy or torch: ``bits`` is what ``view(int32)`` gives."""
    bits = values
    magnitude = bits & 0x7FFFFFFF
    octave = (magnitude >> EXPONENT) - 127
    fine = (magnitude >> SHIFT) - _FIRST + FAR + 2
    low, high = octave - LOW + FAR + 2, octave - HIGH + FAR + REGULAR + 2  # each applies where it is between the others
    if isinstance(fine, np.ndarray):
        size = np.minimum(np.maximum(low, fine), high).clip(1, SIDE)
    else:
        size = low.maximum(fine).minimum(high).clamp(1, SIDE)
    size = size * (magnitude != 0)
    return ZERO + size * (1 + 2 * (bits >> 31))


def edges() -> Values:
    """The ``BINS + 1`` edges from low to high; the bin of zeros has no width.

    The outermost are shown as ending at +-2^(HIGH + FAR + 4); what is beyond is counted in them too.
    """
    inner = np.arange(REGULAR)
    positive = 2.0 ** (LOW + inner // FINE) * (1 + inner % FINE / FINE)
    near, beyond = 2.0 ** np.arange(LOW - FAR, LOW), 2.0 ** np.append(np.arange(HIGH, HIGH + FAR + 1), HIGH + FAR + 4)
    side = np.concatenate([[0.0], near, positive, beyond])
    return np.concatenate([-side[::-1], side])


@final
@dataclass(frozen=True, eq=False)
class Sketch:
    """The distribution of one value: ``counts`` of the bins, and the exact least and greatest."""

    counts: Counts
    least: float
    greatest: float

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def _steps(self) -> tuple[Values, Values, Values]:
        """Low and high ends of the bins that hold something, and how much lies below each: ``(n,)``, ``(n,)``,
        ``(n + 1,)``."""
        where = np.flatnonzero(self.counts)
        ends = edges()
        ends[[0, -1]] = -np.inf, np.inf  # the outermost bins hold whatever is beyond
        low = np.clip(ends[where], self.least, self.greatest)
        high = np.clip(ends[where + 1], self.least, self.greatest)
        return low, high, np.concatenate([[0], np.cumsum(self.counts[where])]).astype(float)

    def quantile(self, q: float) -> float:
        """The value that a share ``q`` of all lies below; in the same bin as the exact one, so within 6.25 % of it."""
        if not self.total:
            return float("nan")
        low, high, below = self._steps()
        wanted = q * below[-1]
        at = int(np.clip(np.searchsorted(below, wanted, side="right") - 1, 0, len(low) - 1))
        share = (wanted - below[at]) / (below[at + 1] - below[at])
        return float(low[at] + np.clip(share, 0, 1) * (high[at] - low[at]))

    def below(self, value: float) -> float:
        """The share of all values that lie below ``value``, 0 to 1; it is off by a part of its bin's share at most.

        Half of the zeros lie below zero, and half of all where all are the same.
        """
        if not self.total or np.isnan(value):
            return float("nan")
        if value < self.least or value > self.greatest:
            return float(value > self.greatest)
        low, high, below = self._steps()
        width = high - low
        inside = np.clip((value - low) / np.where(width > 0, width, 1), 0, 1)
        share = np.where(width > 0, inside, ((value > low) * 1.0 + (value >= low)) / 2)
        return float(share @ np.diff(below) / below[-1])

    def histogram(self, bars: int = 40) -> tuple[Values, Values]:
        """Shares in ``bars`` even bars from the least to the greatest: ``(bars,)``, and their ``(bars + 1,)`` ends.

        A bin's count is spread evenly over the bars that it overlaps.
        """
        low, high = self.least, self.greatest
        ends = np.linspace(low, high if high > low else low + 1e-9 * max(1.0, abs(low)), bars + 1)
        if not self.total:
            return np.zeros(bars), ends
        starts, stops, below = self._steps()
        cumulated = np.zeros(bars + 1)
        for start, stop, count in zip(starts, stops, np.diff(below), strict=True):
            if stop > start:
                cumulated += count * np.clip((ends - start) / (stop - start), 0, 1)
            else:  # all at one place: the bar that it lies in, the last one closed
                cumulated += count * (ends > min(start, ends[-2]))
        return np.diff(cumulated) / below[-1], ends
