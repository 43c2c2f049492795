"""Steps that change values: noise, colours, what lies behind a transparent picture; and the roll, which moves round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadSpec
from ..rng import Stream
from .base import Pointwise, transforms


@final
@transforms.register("noise")
@dataclass(frozen=True)
class Noise(Pointwise):
    """Every value plus N(0, ``normal``^2) plus U(-``uniform``, ``uniform``) (Fel 2023)."""

    normal: float = 0.08
    uniform: float = 0.04

    def __post_init__(self) -> None:
        if self.normal < 0 or self.uniform < 0:
            raise BadSpec(f"noise has a deviation and a range of 0 or more, not {self.normal} and {self.uniform}")

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        """A key per row; the field itself is drawn when it is needed."""
        return stream.keys[:, None]

    def apply(self, pictures: Tensor, drawn: Tensor) -> Tensor:
        stream, shape = Stream(drawn[:, 0], pictures.device), pictures.shape[1:]
        if self.normal:
            pictures = pictures + self.normal * stream.fold("normal").field(*shape)
        if self.uniform:
            pictures = pictures + self.uniform * (2 * stream.fold("uniform").field(*shape, law="uniform") - 1)
        return pictures


@final
@transforms.register("colour_jitter")
@dataclass(frozen=True)
class ColourJitter(Pointwise):
    """(x - m) / e^s per channel, m and s uniform in +-``shift`` and +-``stretch`` (Ghiasi 2022).

    m is in deviations of ImageNet's pixels, about a quarter of the range [0, 1]; x counts from grey.
    """

    shift: float = 1.0
    stretch: float = 1.0

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        return stream.uniform(2).cpu().double() * 2 - 1

    def apply(self, pictures: Tensor, drawn: Tensor) -> Tensor:
        drawn = drawn.to(pictures.device, pictures.dtype)[:, :, None, None, None]
        return (pictures - 0.5 - 0.25 * self.shift * drawn[:, 0]) / torch.exp(self.stretch * drawn[:, 1]) + 0.5


@final
@transforms.register("colour_noise")
@dataclass(frozen=True)
class ColourNoise(Pointwise):
    """Noise on every value, N(0, s^2), s going from ``first`` to ``last`` during the ascent (Ghiasi 2022).

    s is in deviations of ImageNet's pixels, about a quarter of the range [0, 1].
    """

    first: float = 0.5
    last: float = 0.0

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        """A key per row, and how far the ascent is, in millionths."""
        return torch.stack([stream.keys, (when * 1e6).round().to(torch.int64)], dim=1)

    def apply(self, pictures: Tensor, drawn: Tensor) -> Tensor:
        field = Stream(drawn[:, 0], pictures.device).field(*pictures.shape[1:])
        size = self.first + (self.last - self.first) * drawn[:, 1].to(torch.float64) / 1e6
        return pictures + 0.25 * size.to(pictures.device, pictures.dtype)[:, None, None, None] * field


@final
@transforms.register("roll")
@dataclass(frozen=True)
class Roll(Pointwise):
    """The picture moved by up to ``pixels`` up, down, left and right; what leaves on one side enters on the other."""

    pixels: int = 32

    def __post_init__(self) -> None:
        if self.pixels < 0:
            raise BadSpec(f"a roll is 0 or more pixels, not {self.pixels}")

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        return (stream.uniform(2).cpu() * (2 * self.pixels + 1)).floor().to(torch.int64) - self.pixels

    def apply(self, pictures: Tensor, drawn: Tensor) -> Tensor:
        down, right = drawn.T.tolist()
        moved = [row.roll((y, x), (1, 2)) for row, y, x in zip(pictures, down, right, strict=True)]
        return torch.stack(moved)


@final
@transforms.register("composite")
@dataclass(frozen=True)
class Composite(Pointwise):
    """A picture whose last channel is its opacity, laid over a random background (Mordvintsev 2018).

    The background is smooth colour noise of its own for every picture and step, ``grain`` cells to a side; with 0 it is
    grey.
    """

    grain: int = 8

    def __post_init__(self) -> None:
        if self.grain < 0:
            raise BadSpec(f"a background has 0 or more cells, not {self.grain}")

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        return stream.keys[:, None]

    def apply(self, pictures: Tensor, drawn: Tensor) -> Tensor:
        colour, opacity = pictures[:, :-1], pictures[:, -1:]
        behind: Tensor = torch.full_like(colour[:, :, :1, :1], 0.5)
        if self.grain:
            cells = Stream(drawn[:, 0], pictures.device).field(colour.shape[1], self.grain, self.grain, law="uniform")
            behind = F.interpolate(cells, pictures.shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)
        return opacity * colour + (1 - opacity) * behind
