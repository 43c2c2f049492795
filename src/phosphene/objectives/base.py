"""The algebra of objectives: frozen data that adds, subtracts and scales, and gives one score per picture.

Up is good: a score is what the ascent raises. A penalty's score is its size, so it is subtracted:
``Channel("mixed4b", 11) - 0.1 * TotalVariation()``. Sums are flat; an operator never changes its operands.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ..address import Place
from ..errors import BadSpec
from ..registry import Registry
from ..shapes import Images, Scores


@dataclass(frozen=True, eq=False)
class Activations:
    """What one forward pass gave.

    ``maps``: layer -> ``(b, c, ...)``, channels always in dimension 1; ``OUTPUT`` -> ``(b, classes)``.
    ``pictures``: ``(b, c, h, w)`` in [0, 1] before any transform.
    ``frame``: layer -> size of its map on the bare picture, so that a position means the same place when a transform
    has padded the picture. ``reference``: the maps of the reference photo, a row for every row.
    """

    maps: Mapping[str, Tensor]
    pictures: Images
    frame: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    reference: Mapping[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> Tensor:
        return self.maps[layer]

    def rows(self, index: Tensor) -> Activations:
        """The rows ``index`` ``(k,)`` alone."""
        maps, reference = ({name: acts[index] for name, acts in of.items()} for of in (self.maps, self.reference))
        return Activations(maps, self.pictures[index], self.frame, reference)


class Objective(ABC):
    """What should fire, as frozen data. ``terms`` is its flat form: weighted terms."""

    @property
    @abstractmethod
    def terms(self) -> tuple[tuple[float, Term], ...]: ...

    def score(self, acts: Activations) -> Scores:
        """One score ``(b,)`` per picture, the same objective for every row."""
        return sum_of_terms([self] * len(acts.pictures), acts)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers (and ``OUTPUT``) whose activations it reads, each once."""
        return tuple(dict.fromkeys(layer for _, term in self.terms for layer in term.reads))

    @property
    def compares(self) -> bool:
        """Whether it compares the picture with a reference photo."""
        return any(term.compares for _, term in self.terms)

    def __add__(self, other: Objective) -> Objective:
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum(self.terms + other.terms)

    def __sub__(self, other: Objective) -> Objective:
        if not isinstance(other, Objective):
            return NotImplemented
        return self + -other

    def __mul__(self, factor: float) -> Objective:
        if not isinstance(factor, int | float):
            return NotImplemented
        if not math.isfinite(factor):
            raise BadSpec(f"an objective cannot be scaled by {factor}")
        return Sum(tuple((float(factor) * weight, term) for weight, term in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return -1 * self

    def __str__(self) -> str:
        from .text import to_text

        return to_text(self)


class Term(Objective):
    """One unit or penalty. A subclass is a frozen dataclass with ``score_rows`` and its two spellings."""

    @property
    def terms(self) -> tuple[tuple[float, Term], ...]:
        return ((1.0, self),)

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """The layers it reads; nothing for a penalty on the picture."""

    @property
    def compares(self) -> bool:
        return False

    @property
    def pointed(self) -> bool:
        """Whether it looks at one position of its layer's map alone, which ``spot`` tells."""
        return False

    def spot(self, size: tuple[int, ...]) -> tuple[int, int]:
        """The position (row, column) in a map of ``size``; UnitOutOfRange when it is not there."""
        raise TypeError(f"{self} looks at more than one position")

    @property
    def channels(self) -> frozenset[int] | None:
        """The only channels of its layer that it looks at; None for all."""
        return None

    @property
    def kin(self) -> tuple[Any, ...]:
        """Terms with equal ``kin`` are scored together in one call, each row with its own unit."""
        return (type(self), *self.reads)

    @classmethod
    @abstractmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        """Row i's score under ``terms[i]``; all terms have equal ``kin`` and ``acts`` has one row per term."""

    @abstractmethod
    def place(self) -> Place:
        """Its address."""

    @classmethod
    @abstractmethod
    def from_place(cls, place: Place) -> Term | None:
        """The term that an address spells, or None when the address is of another form."""


@final
@dataclass(frozen=True)
class Sum(Objective):
    """A flat sum of weighted terms."""

    weighted: tuple[tuple[float, Term], ...]

    @property
    def terms(self) -> tuple[tuple[float, Term], ...]:
        return self.weighted


class Forms(Registry[type[Term]]):
    """The registered terms, asked in turn for the one whose form an address has."""

    examples: ClassVar[str] = "LAYER:CHANNEL, LAYER:CHANNEL@Y,X, LAYER, logit:CLASS, prob:CLASS, LAYER:random#SEED"


objectives = Forms("objective")


def sum_of_terms(per_row: Sequence[Objective], acts: Activations) -> Scores:
    """Row i's score under ``per_row[i]``: terms of one kin are scored in one call, however many rows they serve."""
    groups: dict[tuple[Any, ...], list[tuple[int, float, Term]]] = {}
    for row, objective in enumerate(per_row):
        for weight, term in objective.terms:
            groups.setdefault(term.kin, []).append((row, weight, term))
    device = acts.pictures.device
    total = torch.zeros(len(per_row), device=device)
    everyone = list(range(len(per_row)))
    for members in groups.values():
        rows = [row for row, _, _ in members]
        index = torch.tensor(rows, device=device)
        part = acts if rows == everyone else acts.rows(index)
        terms = [term for _, _, term in members]
        weights = torch.tensor([weight for _, weight, _ in members], device=device)
        scores = type(terms[0]).score_rows(terms, part)
        total = total.index_add(0, index, weights * scores.float())
    return total
