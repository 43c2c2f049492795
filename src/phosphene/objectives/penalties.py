"""What a picture should have little of; a penalty's score is its size, so it is subtracted.

All are means over the picture's values, so one strength does the same at every picture size. A strength from the
literature, where penalties are sums, is multiplied by channels x height x width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from einops import reduce
from torch import Tensor

from ..address import Place, number
from ..blur import gaussian_blur
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


@final
@objectives.register("blur")
@dataclass(frozen=True)
class Blur(_Penalty):
    """Half the mean squared difference from the blurred picture, which is held fixed (Olah 2017). ``blur``,
    ``blur[sigma=1]``"""

    sigma: float = 1.0

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        x = acts.pictures
        return 0.5 * (x - gaussian_blur(x, terms[0].sigma).detach()).square().flatten(1).mean(1)

    def place(self) -> Place:
        return Place("blur", options=() if self.sigma == 1 else (f"sigma={number(self.sigma)}",))

    @classmethod
    def from_place(cls, place: Place) -> Blur | None:
        values = _options(place, "blur", {"sigma": 1.0})
        if values is not None and not values["sigma"] > 0:
            raise place.bad(place.options[0], f"the sigma of a blur is above 0, not {number(values['sigma'])}")
        return None if values is None else cls(values["sigma"])


@final
@objectives.register("boundary")
@dataclass(frozen=True)
class Boundary(_Penalty):
    """How much happens in a border of ``width`` pixels: (x - blurred x)^2 + .8 (x - about)^2, mean over the picture
    (lucid's boundary complexity). ``boundary``, ``boundary[width=8]``"""

    width: float = 8.0
    about: float = 0.5

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        x, wide = acts.pictures, int(terms[0].width)
        border = torch.ones_like(x[:1, :1])
        border[:, :, wide : x.shape[2] - wide, wide : x.shape[3] - wide] = 0
        size: Tensor = (x - gaussian_blur(x, 2.0)).square() + 0.8 * (x - terms[0].about).square()
        return (size * border).flatten(1).mean(1)

    def place(self) -> Place:
        width = () if self.width == 8 else (f"width={number(self.width)}",)
        return Place("boundary", options=(*width, *(() if self.about == 0.5 else (f"about={number(self.about)}",))))

    @classmethod
    def from_place(cls, place: Place) -> Boundary | None:
        values = _options(place, "boundary", {"width": 8.0, "about": 0.5})
        return None if values is None else cls(values["width"], values["about"])


@final
@objectives.register("opacity")
@dataclass(frozen=True)
class Opacity(_Penalty):
    """The mean of the picture's last channel, for pictures with an opacity (Mordvintsev 2018). ``opacity``"""

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        return acts.pictures[:, -1].flatten(1).mean(1)

    def place(self) -> Place:
        return Place("opacity")

    @classmethod
    def from_place(cls, place: Place) -> Opacity | None:
        return None if _options(place, "opacity", {}) is None else cls()
