"""Classes: logit and probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from ..address import OUTPUT, Place
from ..errors import BadSpec
from ..shapes import Scores
from .base import Activations, Term, objectives
from .spelling import index_of, needs_quotes, pick


class _Class(Term):
    """What Logit and Probability share: a class by index, or by name until a network has resolved it."""

    label: int | str

    @property
    def reads(self) -> tuple[str, ...]:
        return (OUTPUT,)

    @classmethod
    def _numbers(cls, terms: Sequence[_Class]) -> list[int]:
        for term in terms:
            if not isinstance(term.label, int):
                raise BadSpec(f"the class {term.label!r} is a name; resolve it with the network's labels first")
        return [int(term.label) for term in terms]

    @classmethod
    def _from(cls, place: Place, head: str) -> Any:
        if place.quoted or place.head != head or place.selector is None or place.position or place.options:
            return None
        return int(place.selector) if place.selector.isdecimal() and not place.literal else place.selector

    def _spelled(self, head: str) -> Place:
        label = self.label
        return Place(head, str(label), literal=isinstance(label, str) and needs_quotes(label))


@final
@objectives.register("logit")
@dataclass(frozen=True)
class Logit(_Class):
    """A class before the softmax; preferred to its probability (Simonyan 2013). ``logit:CLASS``"""

    label: int | str

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        return pick(acts[OUTPUT], index_of(cls._numbers(terms), acts[OUTPUT], "logit"))

    def place(self) -> Place:
        return self._spelled("logit")

    @classmethod
    def from_place(cls, place: Place) -> Logit | None:
        label = cls._from(place, "logit")
        return None if label is None else cls(label)


@final
@objectives.register("prob")
@dataclass(frozen=True)
class Probability(_Class):
    """A class after the softmax; can rise by lowering the others. ``prob:CLASS``"""

    label: int | str

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        return pick(acts[OUTPUT].softmax(1), index_of(cls._numbers(terms), acts[OUTPUT], "prob"))

    def place(self) -> Place:
        return self._spelled("prob")

    @classmethod
    def from_place(cls, place: Place) -> Probability | None:
        label = cls._from(place, "prob")
        return None if label is None else cls(label)
