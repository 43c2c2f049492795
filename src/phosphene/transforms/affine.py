"""Pad, jitter, scale, rotate, crop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from ..errors import BadSpec
from ..rng import Stream
from ..shapes import Matrices
from .base import Geometric, Size, transforms


def _identity(drawn: Tensor) -> Matrices:
    return torch.eye(3, dtype=torch.float64).repeat(len(drawn), 1, 1)


def _pick(values: tuple[float, ...], stream: Stream) -> Tensor:
    table = torch.tensor(values, dtype=torch.float64)
    return table[stream.choice(len(values)).cpu()][:, None]


@final
@transforms.register("pad")
@dataclass(frozen=True)
class Pad(Geometric):
    """``width`` grey pixels on every side."""

    width: int

    def __post_init__(self) -> None:
        if self.width < 0:
            raise BadSpec(f"pad is 0 or more pixels, not {self.width}")

    def resize(self, size: Size, picture: Size) -> Size:
        return size[0] + 2 * self.width, size[1] + 2 * self.width

    def matrix(self, drawn: Tensor) -> Matrices:
        return _identity(drawn)


@final
@transforms.register("jitter")
@dataclass(frozen=True)
class Jitter(Geometric):
    """A random crop that leaves out ``pixels`` rows and columns: every offset from 0 to ``pixels`` alike."""

    pixels: int

    def __post_init__(self) -> None:
        if self.pixels < 0:
            raise BadSpec(f"jitter is 0 or more pixels, not {self.pixels}")

    def resize(self, size: Size, picture: Size) -> Size:
        return size[0] - self.pixels, size[1] - self.pixels

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        """Offsets down and right, ``(b, 2)``, whole numbers."""
        return (stream.uniform(2).cpu() * (self.pixels + 1)).floor().clamp(max=self.pixels).double()

    def matrix(self, drawn: Tensor) -> Matrices:
        made = _identity(drawn)
        made[:, 1, 2] = drawn[:, 0] - self.pixels / 2
        made[:, 0, 2] = drawn[:, 1] - self.pixels / 2
        return made


@final
@transforms.register("scale")
@dataclass(frozen=True)
class Scale(Geometric):
    """Enlarge by one of ``values``, about the centre, on the same canvas."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values or not all(0 < value < math.inf for value in self.values):
            raise BadSpec(f"scales are numbers above 0, not {self.values}")

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        return _pick(self.values, stream)

    def interpolates(self, drawn: Tensor) -> Tensor:
        return drawn[:, 0] != 1

    def matrix(self, drawn: Tensor) -> Matrices:
        made = _identity(drawn)
        made[:, 0, 0] = made[:, 1, 1] = 1 / drawn[:, 0]
        return made


@final
@transforms.register("rotate")
@dataclass(frozen=True)
class Rotate(Geometric):
    """Turn counter-clockwise by one of ``degrees``, about the centre, on the same canvas."""

    degrees: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.degrees or not all(math.isfinite(value) for value in self.degrees):
            raise BadSpec(f"rotations are finite numbers of degrees, not {self.degrees}")

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        return _pick(self.degrees, stream)

    def interpolates(self, drawn: Tensor) -> Tensor:
        return drawn[:, 0] != 0

    def matrix(self, drawn: Tensor) -> Matrices:
        made = _identity(drawn)
        angle = torch.deg2rad(drawn[:, 0])
        made[:, 0, 0] = made[:, 1, 1] = torch.cos(angle)
        made[:, 0, 1] = -torch.sin(angle)
        made[:, 1, 0] = torch.sin(angle)
        return made


@final
@transforms.register("crop")
@dataclass(frozen=True)
class Crop(Geometric):
    """Cut the canvas back to the picture's own size, about the centre."""

    def resize(self, size: Size, picture: Size) -> Size:
        return min(size[0], picture[0]), min(size[1], picture[1])

    def matrix(self, drawn: Tensor) -> Matrices:
        return _identity(drawn)


@final
@transforms.register("fit")
@dataclass(frozen=True)
class Fit(Geometric):
    """Show the whole canvas at the picture's own size; the corners' pixels stay the corners'."""

    def resize(self, size: Size, picture: Size) -> Size:
        return picture

    def interpolates(self, drawn: Tensor) -> Tensor:
        return torch.ones(len(drawn), dtype=torch.bool)

    def matrix(self, drawn: Tensor) -> Matrices:
        return _identity(drawn)

    def between(self, drawn: Tensor, before: Size, after: Size) -> Matrices:
        made = _identity(drawn)
        for axis in (0, 1):  # x is the second side
            made[:, 1 - axis, 1 - axis] = (before[axis] - 1) / max(1, after[axis] - 1)
        return made
