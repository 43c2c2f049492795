"""What is known about every unit after some pictures: exact, of a fixed size, and the same for any order of shards.

Lists hold 64-bit keys: a value's bits in an order that compares, then the picture's number, so that no two are equal
and ties go to the picture that comes first. Everything else is whole numbers. So two tallies of different pictures
merge into exactly the tally of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..sketch import BINS, bin_of

EMPTY = torch.iinfo(torch.int64).min
LAST = 2**32 - 1  # pictures are numbered below this
STATISTICS = ("max", "mean", "point")  # of a picture's map: greatest, mean, the value at one position drawn by number
LISTS = ("top.max", "top.mean", "bottom.max", "bottom.mean")
FIXED = 2**20  # sums are of whole multiples of 1 / FIXED, of means no further from zero than that

Arrays = dict[str, NDArray[Any]]


@final
@dataclass(frozen=True, eq=False)
class Seen:
    """One batch: values ``(b, units)`` float32 and positions of the maxima ``(b, units)`` as numbers in the map."""

    max: Tensor
    mean: Tensor
    point: Tensor
    where: Tensor


def keys_of(values: Tensor, pictures: Tensor, *, bottom: bool = False) -> Tensor:
    """Keys ``(b, units)``, greater for greater values, or for smaller ones; EMPTY for what is not finite."""
    bits = (values + 0.0).view(torch.int32)  # + 0: there is only one zero
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    if bottom:
        ordered = ~ordered
    keys = (ordered.to(torch.int64) << 32) | (LAST - pictures)[:, None]
    return torch.where(values.isfinite(), keys, EMPTY)


def values_of(keys: Tensor, *, bottom: bool = False) -> Tensor:
    """The values of keys; nan where there is none."""
    ordered = (keys >> 32).to(torch.int32)
    ordered = ~ordered if bottom else ordered
    values = (ordered ^ ((ordered >> 31) & 0x7FFFFFFF)).view(torch.float32)
    return torch.where(keys == EMPTY, torch.nan, values)


def read_keys(keys: NDArray[np.int64], *, bottom: bool = False) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Values and picture numbers of keys; nan and -1 where there is none."""
    ordered = (keys >> 32).astype(np.int32)
    if bottom:
        ordered = ~ordered
    bits = ordered ^ ((ordered >> 31) & np.int32(0x7FFFFFFF))
    none = keys == EMPTY
    values = np.where(none, np.float32("nan"), bits.view(np.float32))
    return values, np.where(none, -1, LAST - (keys & LAST))


class Tally:
    """Running facts of ``units`` units; ``k``: pictures at each end, ``many``: by the maximum, for facets."""

    def __init__(self, units: int, k: int, many: int) -> None:
        self.units, self.k, self.many = units, k, max(k, many)
        self.keys = {name: torch.full((units, self._length(name)), EMPTY) for name in LISTS}
        self.where = {name: torch.zeros(units, self._length(name), dtype=torch.int32) for name in LISTS}
        self.counts = {name: torch.zeros(units, BINS, dtype=torch.int32) for name in STATISTICS}
        self.fired = torch.zeros(units, dtype=torch.int64)
        self.broken = torch.zeros(units, dtype=torch.int64)
        self.total = torch.zeros(units, dtype=torch.int64)
        self.pictures = 0

    def _length(self, name: str) -> int:
        return self.many if name == "top.max" else self.k

    def add(self, seen: Seen, pictures: Tensor) -> None:
        """Count a batch; ``pictures``: their numbers ``(b,)``."""
        fine = seen.max.isfinite() & seen.mean.isfinite()
        whole = bool(fine.all())
        self.pictures += len(pictures)
        self.broken += (~fine).sum(0)
        self.fired += (fine & (seen.max > 0)).sum(0)
        fixed = (seen.mean.to(torch.float64) * FIXED).round().clamp(-(2.0**40), 2.0**40)
        self.total += torch.where(fine, fixed, 0.0).to(torch.int64).sum(0)
        for name in LISTS:
            values = getattr(seen, name.partition(".")[2])
            self._offer(name, values if whole else torch.where(fine, values, torch.nan), seen.where, pictures)
        first = torch.arange(self.units) * BINS
        for name in STATISTICS:
            values = getattr(seen, name)
            good = values.isfinite() & fine
            places = (bin_of((values + 0.0).view(torch.int32)) + first).reshape(-1)
            self.counts[name].view(-1).scatter_add_(0, places, good.reshape(-1).to(torch.int32))

    def _offer(self, name: str, values: Tensor, where: Tensor, pictures: Tensor) -> None:
        """Put values ``(b, units)`` in a list, of the units for which one may get in; soon that is few of them."""
        bottom = name.startswith("bottom")
        bar = values_of(self.keys[name][:, -1], bottom=bottom)  # nan while there is room
        below = (values > bar) if bottom else (values < bar)
        rows = (~below).any(0).nonzero()[:, 0]
        if len(rows):
            self._keep(name, rows, keys_of(values[:, rows], pictures, bottom=bottom).T, where[:, rows].T)

    def _keep(self, name: str, rows: Tensor, keys: Tensor, where: Tensor) -> None:
        """The best of what a list holds for some units and new keys ``(rows, n)``."""
        old = self.keys[name]
        best = torch.cat([old[rows], keys], 1).topk(old.shape[1], dim=1)
        old[rows] = best.values
        both = torch.cat([self.where[name][rows], where.to(torch.int32)], 1)
        self.where[name][rows] = torch.where(best.values == EMPTY, 0, both.gather(1, best.indices))

    def merge(self, other: Tally) -> None:
        """Add what another tally knows of other pictures."""
        for name in LISTS:
            self._keep(name, torch.arange(self.units), other.keys[name], other.where[name])
        for name in STATISTICS:
            self.counts[name] += other.counts[name]
        self.fired += other.fired
        self.broken += other.broken
        self.total += other.total
        self.pictures += other.pictures

    def arrays(self) -> Arrays:
        """Everything as arrays for a file; counts only where there are any, as places and numbers."""
        found: Arrays = {"pictures": np.array([self.pictures], np.int64)}
        for name in LISTS:
            found[f"{name}.keys"], found[f"{name}.where"] = self.keys[name].numpy(), self.where[name].numpy()
        for name in STATISTICS:
            flat = self.counts[name].numpy().reshape(-1)
            places = np.flatnonzero(flat)
            found[f"{name}.places"], found[f"{name}.counts"] = places.astype(np.int64), flat[places]
        return found | {"fired": self.fired.numpy(), "broken": self.broken.numpy(), "total": self.total.numpy()}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Tally:
        """The inverse of ``arrays``."""
        made = cls(len(arrays["fired"]), arrays["bottom.max.keys"].shape[1], arrays["top.max.keys"].shape[1])
        for name in LISTS:
            made.keys[name] = torch.from_numpy(np.array(arrays[f"{name}.keys"]))
            made.where[name] = torch.from_numpy(np.array(arrays[f"{name}.where"]))
        for name in STATISTICS:
            flat = made.counts[name].view(-1).numpy()
            flat[arrays[f"{name}.places"]] = arrays[f"{name}.counts"]
        made.fired, made.broken, made.total = (
            torch.from_numpy(np.array(arrays[name])) for name in ("fired", "broken", "total")
        )
        made.pictures = int(arrays["pictures"][0])
        return made
