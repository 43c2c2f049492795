"""What real pictures do to one unit, read from a scan. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from ..sketch import BINS, ZERO, Sketch, edges
from .plan import Track

Statistic = Literal["max", "mean", "point"]
LEVELS = (
    ("low 10 %", 0.1),
    ("low 25 %", 0.25),
    ("median", 0.5),
    ("high 75 %", 0.75),
    ("high 90 %", 0.9),
    ("high 99 %", 0.99),
)
FEWEST = 16
SILENT = 1e-6  # of the greatest activation in its layer
ALWAYS = 0.999  # a unit that fires at more positions is always on


@final
@dataclass(frozen=True)
class Example:
    """A picture and what it does to a unit. ``value``: the maximum or mean of its map; ``position``: of the maximum."""

    picture: int
    value: float
    position: tuple[int, ...] | None
    level: str = ""


@final
@dataclass(frozen=True, eq=False)
class Facts:
    """One unit on ``pictures`` real pictures; ``max``, ``mean`` and ``point``: of its map on a picture, the greatest,
    the mean, and the value at a position drawn for each picture."""

    arrays: Mapping[str, NDArray[Any]]
    track: Track
    channel: int
    pictures: int

    def ends(self, statistic: Statistic) -> tuple[float, float]:
        """The least and the greatest value."""
        if statistic == "point":
            return self._ends_of_point()
        top = self.arrays[f"top.{statistic}.values"][self.channel, 0]
        bottom = self.arrays[f"bottom.{statistic}.values"][self.channel, 0]
        return float(bottom), float(top)

    def _ends_of_point(self) -> tuple[float, float]:
        """Of a position's value the bins alone are known; no value is above the greatest maximum."""
        counts = np.flatnonzero(self._counts("point"))
        if not len(counts):
            return float("nan"), float("nan")
        ends = edges()
        return float(ends[counts[0]]), min(float(ends[counts[-1] + 1]), self.ends("max")[1])

    def _counts(self, statistic: Statistic) -> NDArray[np.int64]:
        places, counts = self.arrays[f"{statistic}.places"], self.arrays[f"{statistic}.counts"]
        begin = self.channel * BINS
        inside = slice(*np.searchsorted(places, [begin, begin + BINS]))
        full = np.zeros(BINS, np.int64)
        full[places[inside] - begin] = counts[inside]
        return full

    def sketch(self, statistic: Statistic) -> Sketch:
        """The distribution over all pictures."""
        return Sketch(self._counts(statistic), *self.ends(statistic))

    @property
    def density(self) -> float:
        """The share of pictures on which it fires, that is, is above zero somewhere."""
        return float(self.arrays["fired"][self.channel] / max(self.pictures, 1))

    @property
    def active(self) -> float:
        """The share of positions at which it fires, one drawn from each picture."""
        counts = self._counts("point")
        return float(counts[ZERO + 1 :].sum() / max(counts.sum(), 1))

    @property
    def broken(self) -> int:
        """Pictures on which it was not a finite number."""
        return int(self.arrays["broken"][self.channel])

    @property
    def maximum(self) -> float:
        return self.ends("max")[1]

    @property
    def average(self) -> float:
        return float(self.arrays["average"][self.channel])

    @property
    def state(self) -> Literal["ok", "dead", "always on", "too few"]:
        """Dead: it is the same on all pictures, or its ReLU never lets through what counts beside its siblings.

        Always on: its ReLU never stops it. Too few: of fewer than 16 pictures nothing is said.
        """
        low, high = self.ends("max")
        if self.pictures < FEWEST:
            return "too few"
        silent = self.rectified and not high > SILENT * float(np.nanmax(self.arrays["top.max.values"], initial=0.0))
        if silent or not high > low:  # nan is not greater
            return "dead"
        return "always on" if self.active > ALWAYS and self.rectified else "ok"

    @property
    def rectified(self) -> bool:
        """Whether the layer has no values below zero, so that zero means silence."""
        return bool(np.nanmin(self.arrays["bottom.mean.values"]) >= 0)

    def percentile(self, value: float, statistic: Statistic) -> float:
        """The share of real pictures that stay below a value, 0 to 100; exact among the strongest that are listed."""
        if statistic != "point":
            values = self.arrays[f"top.{statistic}.values"][self.channel]
            listed = values[np.isfinite(values)]
            seen = self.pictures - self.broken
            # pictures that are not listed may equal the last one that is
            if len(listed) and (value > listed[-1] or (len(listed) == seen and not np.isnan(value))):
                return 100.0 * (1 - float((listed > value).sum() + (listed == value).sum() / 2) / seen)
        return 100.0 * self.sketch(statistic).below(value)

    def examples(self, end: Literal["top", "bottom"], statistic: Literal["max", "mean"], count: int) -> list[Example]:
        """The strongest or weakest pictures, best first."""
        kind = f"{end}.{statistic}"
        rows = (self.arrays[f"{kind}.{part}"][self.channel][:count] for part in ("values", "pictures", "where"))
        return [
            Example(int(picture), float(value), self._position(int(where)), end)
            for value, picture, where in zip(*rows, strict=True)
            if picture >= 0
        ]

    def _position(self, where: int) -> tuple[int, ...]:
        return tuple(int(part) for part in np.unravel_index(where, self.track.size)) if self.track.size else ()

    def spectrum(self, statistic: Literal["max", "mean"]) -> list[Example]:
        """Pictures from the weakest to the strongest: near zero, low, median, high, top. Where activations may be below
        zero, the one near zero stands among the others by its value.

        The quantiles are of the pictures on which it fires, where it is silent on others; from the sample, or from the
        list of the strongest where that holds all of them.
        """
        values = self.arrays[f"sample.{statistic}"][:, self.channel]
        pictures = self.arrays["sample.pictures"]
        fine = np.isfinite(values)
        values, pictures = values[fine], pictures[fine]
        top = self.examples("top", statistic, 1)
        if not len(values) or not top:
            return top
        near = int(np.argmin(np.abs(values)))
        found = [Example(int(pictures[near]), float(values[near]), None, "near zero")]
        values, pictures = self._firing(values, pictures, statistic)
        order = np.lexsort((pictures, values))
        for level, q in LEVELS if len(order) else ():
            at = order[round(q * (len(order) - 1))]
            found.append(Example(int(pictures[at]), float(values[at]), None, level))
        found.sort(key=lambda example: example.value)  # stable: of equals the one near zero comes first
        found.append(Example(top[0].picture, top[0].value, top[0].position, "top"))
        return found

    def _firing(self, values: Any, pictures: Any, statistic: str) -> tuple[Any, Any]:
        """Those on which it fires, all of them if they are listed, else those of the sample."""
        if not self.rectified:
            return values, pictures
        listed = self.arrays[f"top.{statistic}.values"][self.channel]
        fired = int(self.arrays["fired"][self.channel])
        if 0 < fired <= int((listed > 0).sum()):
            return listed[listed > 0], self.arrays[f"top.{statistic}.pictures"][self.channel][listed > 0]
        return values[values > 0], pictures[values > 0]

    @property
    def siblings(self) -> list[tuple[int, float]]:
        """Units of the layer that fire on the same pictures, and the correlation of their means, best first."""
        rows = self.arrays["siblings"][self.channel], self.arrays["siblings.correlation"][self.channel]
        return [(int(unit), float(value)) for unit, value in zip(*rows, strict=True) if unit >= 0 and value > 0]

    @property
    def listed(self) -> int:
        """How many of the strongest pictures are known."""
        return int(np.isfinite(self.arrays["top.max.values"][self.channel]).sum())

    @property
    def tied(self) -> int:
        """How many of the listed pictures have the very maximum, where it is more than one: a unit that is capped."""
        values = self.arrays["top.max.values"][self.channel]
        count = int((values == values[0]).sum())
        return count if count > 1 else 0

    @property
    def sharing(self) -> tuple[int, float] | None:
        """The sibling that shares most of its strongest 64 pictures, and the share of them."""
        unit = int(self.arrays["shares"][self.channel])
        return None if unit < 0 else (unit, float(self.arrays["shares.overlap"][self.channel]))

    @property
    def twin(self) -> tuple[int, float] | None:
        """The sibling with the most similar incoming weights, and the cosine; None where it has none of its own."""
        unit = int(self.arrays["twins"][self.channel])
        return None if unit < 0 else (unit, float(self.arrays["twins.cosine"][self.channel]))
