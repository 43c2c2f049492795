"""Random parts of a canvas: crops that are shown larger, pieces that are cut as they are, mirror images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from ..errors import BadSpec
from ..rng import Stream
from ..shapes import Matrices
from .base import Geometric, Size, transforms


def _identity(rows: int) -> Matrices:
    return torch.eye(3, dtype=torch.float64).repeat(rows, 1, 1)


@final
@transforms.register("crops")
@dataclass(frozen=True)
class RandomCrop(Geometric):
    """A part of the canvas, shown at ``size`` pixels: a fraction of its sides, anywhere inside (Fel 2023, MACO).

    ``law`` of the fraction: ``normal`` with a mean that goes from ``first`` to ``last`` during the ascent and a
    standard deviation of ``spread``; or ``uniform`` between ``first`` and ``last``; always within ``least`` and 1. The
    centre is normal around the middle with ``wander`` of the canvas's sides as deviation, or anywhere if that is None.
    ``size``: height and width, or one number; None: what the network takes, or the picture's own.
    """

    first: float = 0.5
    last: float = 0.05
    spread: float = 0.05
    law: str = "normal"
    least: float = 0.05
    wander: float | None = 0.15
    size: tuple[int, int] | int | None = None

    def __post_init__(self) -> None:
        if self.law not in ("normal", "uniform"):
            raise BadSpec(f"the law of a crop is normal or uniform, not {self.law!r}")
        if not (0 < self.least <= 1 and 0 < self.first <= 1 and 0 < self.last <= 1 and self.spread >= 0):
            raise BadSpec("a crop's fractions lie above 0 and up to 1, its spread is 0 or more")
        sides = (self.size,) if isinstance(self.size, int) else self.size or (1,)
        if min(sides) < 1:
            raise BadSpec(f"a crop is shown at one pixel or more, not {self.size}")

    def resize(self, size: Size, picture: Size) -> Size:
        if self.size is None:
            return picture
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        """Fraction, and the centre down and right in shares of the canvas, ``(b, 3)``."""
        even = stream.fold("fraction").uniform(1).cpu().double()[:, 0]
        if self.law == "uniform":
            fraction = self.first + (self.last - self.first) * even
        else:
            mean = self.first + (self.last - self.first) * when
            fraction = mean + self.spread * stream.fold("fraction").normal(1).cpu().double()[:, 0]
        fraction = fraction.clamp(self.least, 1)[:, None]
        where = stream.fold("centre")
        if self.wander is None:
            centre = fraction / 2 + (1 - fraction) * where.uniform(2).cpu().double()
        else:
            centre = 0.5 + self.wander * where.normal(2).cpu().double()
            centre = torch.minimum(torch.maximum(centre, fraction / 2), 1 - fraction / 2)
        return torch.cat([fraction, centre], dim=1)

    def interpolates(self, drawn: Tensor) -> Tensor:
        return torch.ones(len(drawn), dtype=torch.bool)

    def matrix(self, drawn: Tensor) -> Matrices:
        return self.between(drawn, (1, 1), (1, 1))

    def between(self, drawn: Tensor, before: Size, after: Size) -> Matrices:
        made = _identity(len(drawn))
        for axis in (0, 1):  # x is the second side
            made[:, 1 - axis, 1 - axis] = drawn[:, 0] * before[axis] / after[axis]
            made[:, 1 - axis, 2] = (drawn[:, 1 + axis] - 0.5) * before[axis]
        return made


@final
@transforms.register("cut")
@dataclass(frozen=True)
class Cut(Geometric):
    """A piece of ``size`` x ``size`` pixels from anywhere in the canvas, pixel for pixel: how a network of 224 pixels
    sees a canvas of 2048."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise BadSpec(f"a piece has one pixel or more, not {self.size}")

    def resize(self, size: Size, picture: Size) -> Size:
        return min(size[0], self.size), min(size[1], self.size)

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        """Where it lies, down and right, as shares of what is possible, ``(b, 2)``."""
        return stream.uniform(2).cpu().double()

    def matrix(self, drawn: Tensor) -> Matrices:
        return _identity(len(drawn))

    def between(self, drawn: Tensor, before: Size, after: Size) -> Matrices:
        made = _identity(len(drawn))
        for axis in (0, 1):
            room = before[axis] - after[axis]
            made[:, 1 - axis, 2] = (drawn[:, axis] * (room + 1)).floor().clamp(max=room) - room / 2
        return made


@final
@transforms.register("flip")
@dataclass(frozen=True)
class Flip(Geometric):
    """The mirror image, left and right exchanged, with the given ``probability``."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise BadSpec(f"a probability lies between 0 and 1, not {self.probability}")

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        return (stream.uniform(1).cpu() < self.probability).double()

    def matrix(self, drawn: Tensor) -> Matrices:
        made = _identity(len(drawn))
        made[:, 0, 0] = 1 - 2 * drawn[:, 0]
        return made
