"""What is done to a picture after steps: blur, decay, clipping of what matters little.

The regularisers of the Deep Visualization Toolbox (Yosinski 2015) and of those who came before and after. A filter
works on pictures, whatever they are stored as. ``rest``: the colour that means nothing, the mean of the network's data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from .blur import bilateral, gaussian_blur
from .errors import BadSpec
from .registry import Registry
from .shapes import Images

filters: Registry[type[Filter]] = Registry("filter")


@dataclass(frozen=True)
class Filter(ABC):
    """``every``: it is applied after every so many steps."""

    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise BadSpec(f"a filter is applied every 1 or more steps, not every {self.every}")
        for name, least, most in (
            ("sigma", 1e-3, 1e3),
            ("tolerance", 1e-6, 1e6),
            ("rate", 0.0, 1.0),
            ("percent", 0, 100),
        ):
            value = getattr(self, name, least)
            if not least <= value <= most:
                raise BadSpec(f"the {name} of a filter lies between {least:g} and {most:g}, not {value}")

    @abstractmethod
    def apply(self, pictures: Images, gradient: Images, rest: Tensor) -> Images:
        """``gradient``: of the scores, at the pictures before the step. ``rest``: ``(c, 1, 1)``."""


@final
@filters.register("blur")
@dataclass(frozen=True)
class GaussianBlur(Filter):
    """A Gaussian of ``sigma`` pixels (Yosinski 2015)."""

    every: int = 4
    sigma: float = 0.5

    def apply(self, pictures: Images, gradient: Images, rest: Tensor) -> Images:
        return gaussian_blur(pictures, self.sigma)


@final
@filters.register("bilateral")
@dataclass(frozen=True)
class Bilateral(Filter):
    """A blur that edges survive (Tyka 2016). ``sigma`` in pixels, ``tolerance`` in units of the range [0, 1]."""

    every: int = 4
    sigma: float = 1.0
    tolerance: float = 0.1

    def apply(self, pictures: Images, gradient: Images, rest: Tensor) -> Images:
        return bilateral(pictures, self.sigma, self.tolerance)


@final
@filters.register("decay")
@dataclass(frozen=True)
class Decay(Filter):
    """Every value ``rate`` of its way towards rest: L2 decay (Simonyan 2013, Yosinski 2015)."""

    rate: float = 1e-4

    def apply(self, pictures: Images, gradient: Images, rest: Tensor) -> Images:
        return rest + (pictures - rest) * (1 - self.rate)


@final
@filters.register("small_norm")
@dataclass(frozen=True)
class SmallNorm(Filter):
    """The ``percent`` of pixels that are nearest to rest are set to rest (Yosinski 2015)."""

    percent: float = 50.0

    def apply(self, pictures: Images, gradient: Images, rest: Tensor) -> Images:
        return _rested(pictures, (pictures - rest).norm(dim=1), self.percent, rest)


@final
@filters.register("small_benefit")
@dataclass(frozen=True)
class SmallBenefit(Filter):
    """The ``percent`` of pixels whose setting to rest would cost least, to first order, are set to rest (Yosinski
    2015)."""

    percent: float = 90.0

    def apply(self, pictures: Images, gradient: Images, rest: Tensor) -> Images:
        blind = (gradient == 0).flatten(1).all(1)[:, None, None, None]  # nothing is known about what matters
        return torch.where(
            blind, pictures, _rested(pictures, self._benefit(pictures, gradient, rest), self.percent, rest)
        )

    def _benefit(self, pictures: Images, gradient: Images, rest: Tensor) -> Tensor:
        benefit: Tensor = ((pictures - rest) * gradient).sum(1).abs()
        return benefit


def _rested(pictures: Images, value: Tensor, percent: float, rest: Tensor) -> Images:
    """The ``percent`` of pixels with the least ``value`` ``(b, h, w)`` at rest."""
    flat = value.flatten(1)
    count = int(flat.shape[1] * percent / 100)
    least = flat.argsort(dim=1, stable=True)[:, :count]
    mask = torch.zeros_like(flat, dtype=torch.bool).scatter(1, least, True).view(value.shape)[:, None]
    return torch.where(mask, rest, pictures)
