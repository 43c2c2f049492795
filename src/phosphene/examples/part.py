"""One shard of a scan: how far it is and all that it knows, as one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import StoreError
from ..store.plan import Plan
from .tally import Tally

Arrays = dict[str, NDArray[Any]]


class Sample:
    """All values of the pictures that are drawn: numbers ``(s,)``, maxima and means ``(s, units)``."""

    def __init__(self, units: int) -> None:
        self._rows = [(torch.zeros(0, dtype=torch.int64), torch.zeros(0, units), torch.zeros(0, units))]

    def append(self, pictures: Tensor, greatest: Tensor, mean: Tensor) -> None:
        if len(pictures):
            self._rows.append((pictures, greatest.clone(), mean.clone()))

    def extend(self, other: Sample) -> None:
        self._rows += other._rows

    def arrays(self) -> Arrays:
        """In the order of the pictures, however they came."""
        self._rows = [(torch.cat(numbers), torch.cat(maxima), torch.cat(means))
                      for numbers, maxima, means in [zip(*self._rows, strict=True)]]  # fmt: skip
        pictures, greatest, mean = self._rows[0]
        order = pictures.argsort()
        return {
            "sample.pictures": pictures[order].numpy(),
            "sample.max": greatest[order].numpy(),
            "sample.mean": mean[order].numpy(),
        }


@final
@dataclass(eq=False)
class Part:
    """Batches ``first`` to ``last`` of a plan, of which ``next`` is the first that was not seen yet.

    ``skipped``: picture -> its name, and why. ``twins``: each unit's most similar sibling by weights, and the cosine.
    """

    plan: Plan
    first: int
    last: int
    next: int
    tally: Tally
    sample: Sample
    twins: tuple[NDArray[np.int64], NDArray[np.float32]]
    skipped: dict[int, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def empty(cls, plan: Plan, numbers: range, twins: tuple[NDArray[np.int64], NDArray[np.float32]]) -> Part:
        tally = Tally(plan.units, plan.k, plan.many)
        return cls(plan, numbers.start, numbers.stop, numbers.start, tally, Sample(plan.units), twins)

    def content(self) -> tuple[Arrays, dict[str, Any]]:
        """Arrays and head of its file."""
        arrays = self.tally.arrays() | self.sample.arrays()
        head = {
            "plan": self.plan.to_dict(),
            "batches": [self.first, self.last, self.next],
            "skipped": [[number, *why] for number, why in sorted(self.skipped.items())],
        }
        return arrays | {"twins": self.twins[0], "twins.cosine": self.twins[1]}, head

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> Part:
        """The inverse of ``content``; StoreError for a newer version."""
        plan = Plan.from_dict(head["plan"])
        try:
            sample = Sample(plan.units)
            values = (torch.from_numpy(np.array(arrays[f"sample.{name}"])) for name in ("pictures", "max", "mean"))
            sample.append(*values)
            skipped = {number: (name, why) for number, name, why in head["skipped"]}
            twins = np.array(arrays["twins"]), np.array(arrays["twins.cosine"])
            first, last, following = head["batches"]
            return cls(plan, first, last, following, Tally.of(arrays), sample, twins, skipped)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"a shard of the scan cannot be read ({error!r}); delete it and run it again") from error

    def add(self, other: Part) -> None:
        """Take in a shard of other pictures."""
        self.tally.merge(other.tally)
        self.sample.extend(other.sample)
        self.skipped |= other.skipped
