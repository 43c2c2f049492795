"""Text <-> objective, both ways without loss, and the last step of reading: names into numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .. import address
from ..errors import BadSpec, BadTarget
from .base import Objective, Sum, Term, objectives
from .classes import Logit, Probability
from .directions import Direction


def from_text(text: str) -> Objective:
    """A target's text -> objective.

    >>> from_text("mixed4b:11 + 0.5*mixed4b:30")
    Sum(weighted=((1.0, Channel(layer='mixed4b', channel=11, mode='mean')), \
(0.5, Channel(layer='mixed4b', channel=30, mode='mean'))))
    """
    weighted = tuple((term.weight, _term(text, term.place)) for term in address.parse(text))
    if len(weighted) == 1 and weighted[0][0] == 1:
        return weighted[0][1]
    return Sum(weighted)


def _term(text: str, place: address.Place) -> Term:
    try:
        for name, kind in objectives.items():
            if name != "layer" and (term := kind.from_place(place)) is not None:
                return term
        layer = objectives.get("layer").from_place(place)
    except address.BadPiece as error:
        raise BadTarget(text, error.at, str(error)) from None
    except BadSpec as error:
        raise BadTarget(text, place.start, str(error)) from None
    if layer is None:
        raise BadTarget(text, place.start, f"{place} is no unit; a unit is one of {objectives.examples}")
    return layer


def to_text(objective: Objective) -> str:
    """The canonical text of an objective; ``from_text`` reads it back to an equal one."""
    return address.render(tuple(address.Term(weight, term.place()) for weight, term in objective.terms))


def resolve(
    objective: Objective, class_number: Callable[[int | str], int], read: Callable[[str], tuple[float, ...]]
) -> Objective:
    """Class names into numbers and direction files into vectors, so that the target stands on its own."""

    def one(term: Term) -> Term:
        if isinstance(term, Logit | Probability):
            return replace(term, label=class_number(term.label))
        if isinstance(term, Direction) and term.file is not None:
            return replace(term, file=None, vector=read(term.file))
        return term

    if isinstance(objective, Term):
        return one(objective)
    return Sum(tuple((weight, one(term)) for weight, term in objective.terms))


def named(objective: Objective, class_name: Callable[[int], str | None]) -> Objective:
    """Class numbers into names, where there are names: for people, not for specs."""

    def one(term: Term) -> Term:
        if isinstance(term, Logit | Probability) and isinstance(term.label, int):
            name = class_name(term.label)
            return term if name is None else replace(term, label=name)
        return term

    if isinstance(objective, Term):
        return one(objective)
    return Sum(tuple((weight, one(term)) for weight, term in objective.terms))
