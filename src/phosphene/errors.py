"""Every error a user can meet, and the search for the name they may have meant.

PhospheneError
├── BadTarget            a target's text cannot be read; shows the place
├── BadSpec              a size, a number of steps, an option that cannot be
├── UnknownName          a name that no registry, network or label list has
│   ├── UnknownModel
│   ├── UnknownLayer
│   ├── UnknownClass
│   └── UnknownOption    a method, transform, image ... that is not registered
├── UnitOutOfRange       a channel or position that the layer does not have
├── ModelError           a network that cannot be used as it is
│   ├── NotDifferentiable
│   └── WeightsError     missing, extra, mis-shaped, truncated or unsafe weights
├── MissingDependency    an optional package is needed
├── DownloadFailed       weights could not be fetched; says which file goes where
├── NotReproducible      a record cannot be replayed: other weights, other start picture
├── Unreadable           a picture of a dataset cannot be read; the rest can
├── OutOfMemory          the pictures do not fit
├── StoreError           a store has not what was asked for, or is damaged
├── SweepError           a sweep cannot begin or go on
└── OutputError          a file cannot be written there

Each message is one line or two: what was asked, what was seen, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PhospheneError(Exception):
    """Base of all errors that phosphene raises on purpose."""


class BadTarget(PhospheneError):
    """A target's text cannot be read; the second line is the text, the third a caret under the place."""

    def __init__(self, text: str, place: int, reason: str) -> None:
        self.text, self.place, self.reason = text, place, reason
        shown = "".join(letter if letter.isprintable() else " " for letter in text)  # one line, as wide as the text
        super().__init__(f"cannot read the target: {reason}\n  {shown}\n  {' ' * place}^")


class BadSpec(PhospheneError):
    """An option has a value that cannot be."""


class UnknownName(PhospheneError):
    """A name that nothing has."""


class UnknownModel(UnknownName):
    """No source knows the model."""


class UnknownLayer(UnknownName):
    """The network has no such layer."""


class UnknownClass(UnknownName):
    """The network has no such class."""


class UnknownOption(UnknownName):
    """Nothing is registered under the name, or it has no such field."""


class UnitOutOfRange(PhospheneError):
    """The layer has no such channel or position."""


class ModelError(PhospheneError):
    """The network cannot be used as it is."""


class NotDifferentiable(ModelError):
    """The target does not depend on the picture in a way that has a gradient."""


class WeightsError(ModelError):
    """The weight file does not fit the network or cannot be trusted."""


class MissingDependency(PhospheneError):
    """An optional package is needed."""


class DownloadFailed(PhospheneError):
    """Weights could not be fetched."""


class NotReproducible(PhospheneError):
    """A record cannot be replayed with what is here."""


class Unreadable(PhospheneError):
    """A picture of a dataset cannot be read."""


class OutOfMemory(PhospheneError):
    """The pictures do not fit in memory."""


class StoreError(PhospheneError):
    """A store has not what was asked for, or is damaged."""


class SweepError(PhospheneError):
    """A sweep cannot begin or go on."""


class OutputError(PhospheneError):
    """A file cannot be written."""


def near(name: str, options: Iterable[str], count: int = 3) -> list[str]:
    """The ``count`` names that are most like ``name``: shared beginnings and substrings first, then spelling."""
    wanted = name.casefold()

    def likeness(option: str) -> float:
        seen = option.casefold()
        score = difflib.SequenceMatcher(None, wanted, seen).ratio()
        if seen.startswith(wanted) or wanted.startswith(seen):
            score += 0.5
        elif wanted in seen or seen in wanted:
            score += 0.3
        return score

    return sorted(dict.fromkeys(options), key=likeness, reverse=True)[:count]


def closest(name: str, options: Iterable[str]) -> str:
    """``near`` as the end of a sentence."""
    found = near(name, options)
    return f"closest: {', '.join(found)}" if found else "there are none"
