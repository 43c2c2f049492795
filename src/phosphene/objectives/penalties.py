"""What a picture should have little of; a penalty's score is its size, so it is subtracted.

All are means over the picture's values, so one strength does the same at every picture size. A strength from the
literature, where penalties are sums, is multiplied by channels x height x width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from einops import reduce
from torch import Tensor

from ..address import Place, number
from ..shapes import Scores
from .base import Activations, Term, objectives


def _options(place: Place, name: str, known: dict[str, float]) -> dict[str, float] | None:
    """``known`` updated by ``[key=number,...]``; None when the address is not this penalty's."""
    if place.quoted or place.head != name or place.selector is not None or place.position is not None:
        return None
    values = dict(known)
    for option in place.options:
        key, _, value = option.partition("=")
        try:
            if key not in known:
                raise ValueError
            values[key] = float(value)
            if not math.isfinite(values[key]):
                raise ValueError
        except ValueError:
            wanted = ", ".join(f"{key}=NUMBER" for key in known)
            raise place.bad(option, f"{name} takes {wanted}, not {option}") from None
    return values


class _Penalty(Term):
    @property
    def reads(self) -> tuple[str, ...]:
        return ()

    @property
    def kin(self) -> tuple[Any, ...]:
        return (type(self), self)


@final
@objectives.register("tv")
@dataclass(frozen=True)
class TotalVariation(_Penalty):
    """Mean |difference|^power of neighbours, rows plus columns (Mahendran & Vedaldi 2015). ``tv``, ``tv[power=2]``"""

    power: float = 1.0

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        x = acts.pictures
        count = x[0].numel()
        down = (x[:, :, 1:] - x[:, :, :-1]).abs() ** terms[0].power
        along = (x[:, :, :, 1:] - x[:, :, :, :-1]).abs() ** terms[0].power
        total: Tensor = reduce(down, "b c h w -> b", "sum") + reduce(along, "b c h w -> b", "sum")
        return total / count

    def place(self) -> Place:
        return Place("tv", options=() if self.power == 1 else (f"power={number(self.power)}",))

    @classmethod
    def from_place(cls, place: Place) -> TotalVariation | None:
        values = _options(place, "tv", {"power": 1.0})
        return None if values is None else cls(values["power"])


@final
@objectives.register("l1")
@dataclass(frozen=True)
class L1(_Penalty):
    """Mean |x - about|. ``l1``, ``l1[about=0]``"""

    about: float = 0.5

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        away: Tensor = (acts.pictures - terms[0].about).abs()
        return away.flatten(1).mean(1)

    def place(self) -> Place:
        return Place("l1", options=() if self.about == 0.5 else (f"about={number(self.about)}",))

    @classmethod
    def from_place(cls, place: Place) -> L1 | None:
        values = _options(place, "l1", {"about": 0.5})
        return None if values is None else cls(values["about"])


@final
@objectives.register("l2")
@dataclass(frozen=True)
class L2(_Penalty):
    """Mean (x - about)^2. ``l2``, ``l2[about=0]``"""

    about: float = 0.5

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        away: Tensor = acts.pictures - terms[0].about
        return away.square().flatten(1).mean(1)

    def place(self) -> Place:
        return Place("l2", options=() if self.about == 0.5 else (f"about={number(self.about)}",))

    @classmethod
    def from_place(cls, place: Place) -> L2 | None:
        values = _options(place, "l2", {"about": 0.5})
        return None if values is None else cls(values["about"])
