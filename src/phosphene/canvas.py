"""The picture as it stands: what an image decodes to, held to its start where that is asked for, and filtered.

A mask is part of the picture: outside it the start is shown, whatever the parameters say. A ball around the start and
the filters move the parameters after a step; and what is shown never lies outside the ball.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from .errors import BadSpec
from .filters import Filter
from .images import Image, Parameters
from .registry import Registry
from .rng import Stream
from .shapes import Images

balls: Registry[type[Ball]] = Registry("constraint")


@dataclass(frozen=True)
class Ball(ABC):
    """``radius``: how far a picture may be from its start, values in [0, 1]."""

    radius: float

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise BadSpec(f"the radius of a ball is above 0, not {self.radius}")

    @abstractmethod
    def project(self, pictures: Images, start: Images) -> Images:
        """The nearest pictures inside."""


@final
@balls.register("l2")
@dataclass(frozen=True)
class L2Ball(Ball):
    """Length of the difference, over all values of the picture."""

    def project(self, pictures: Images, start: Images) -> Images:
        away = pictures - start
        length: Tensor = away.flatten(1).norm(dim=1)[:, None, None, None]
        return start + away * (self.radius / length.clamp(min=1e-12)).clamp(max=1)


@final
@balls.register("linf")
@dataclass(frozen=True)
class LinfBall(Ball):
    """Largest difference of any value."""

    def project(self, pictures: Images, start: Images) -> Images:
        return start + (pictures - start).clamp(-self.radius, self.radius)


@final
@dataclass(frozen=True, eq=False)
class Canvas:
    """Live. ``start``: ``(1, c, h, w)`` where there is one. ``mask``: ``(1, 1, h, w)`` in [0, 1], 1 where the picture
    may differ from it. ``rest``: ``(c, 1, 1)``, the colour that means nothing."""

    image: Image
    rest: Tensor
    start: Images | None = None
    mask: Tensor | None = None
    within: Ball | None = None
    filters: Sequence[Filter] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.image.shape

    def decode(self, parameters: Parameters) -> Images:
        """Parameters -> pictures; differentiable."""
        return self._held(self.image.decode(parameters))

    def final(self, parameters: Parameters) -> Images:
        """The finished pictures."""
        return self._held(self.image.final(parameters))

    def _held(self, x: Images) -> Images:
        if self.start is not None and self.within is not None:
            # the gradient is that of the free picture: parameters at the edge must be able to come back
            x = x + (self.within.project(x, self.start) - x).detach()
        if self.start is not None and self.mask is not None:
            x = self.start + self.mask * (x - self.start)
        return x

    def settle(
        self, parameters: Parameters, index: int, gradient: Images | None, stream: Stream | None = None
    ) -> Parameters:
        """Parameters after step ``index``, moved back to where they may be; ``gradient``: of the pictures before it."""
        parameters = self.image.settle(parameters, stream)
        due = [one for one in self.filters if (index + 1) % one.every == 0]
        if not due and self.within is None:
            return parameters
        x = self.image.decode(parameters)
        for one in due:
            x = one.apply(x, torch.zeros_like(x) if gradient is None else gradient, self.rest)
        if self.within is not None and self.start is not None:
            x = self.within.project(x, self.start)
        return self.image.settle(self.image.encode(x))
