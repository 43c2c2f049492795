"""Pictures stored as a small network from coordinates to colours (Stanley 2007; Mordvintsev 2018)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from ..errors import BadSpec
from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images

LAST = 3.0  # how large the first field is: large enough to be a picture from the start
REACH = math.sqrt(3)  # coordinates of the shorter side go from -REACH to REACH: variance 1


@final
@images.register("cppn")
@dataclass(frozen=True)
class Cppn(Image):
    """theta = the weights of ``layers`` layers of ``width`` units; the picture is what they make of every coordinate.

    It has no pixels: the finished picture can be drawn at any size, ``drawn`` (height and width, or the shorter side);
    scores are of ``size``. Cannot start from a picture.
    """

    colour: str = "plain"  # type: ignore[assignment]
    layers: int = 8
    width: int = 24
    drawn: tuple[int, int] | int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bound != "sigmoid":
            raise BadSpec(f"a cppn is squashed by a sigmoid; bound {self.bound!r} would have to move single pixels")
        if self.layers < 1 or self.width < 1:
            raise BadSpec(f"a cppn has at least one layer of one unit, not {self.layers} of {self.width}")

    @property
    def encodes(self) -> bool:
        return False

    def start(self, stream: Stream) -> Parameters:
        """Weights ``(b, inputs + 1, outputs)``, the bias last; variance 1 / inputs.

        The published last layer is zero; then its bias learns first, and the picture ends as one colour.
        """
        inputs, made = 2, []
        for layer in range(self.layers):
            weight = stream.fold(layer).normal(inputs, self.width) / math.sqrt(inputs)
            made.append(torch.cat([weight, torch.zeros_like(weight[:, :1])], dim=1))
            inputs = 2 * self.width
        weight = stream.fold("last").normal(inputs, self.shape[0]) / math.sqrt(inputs) * LAST
        return (*made, torch.cat([weight, torch.zeros_like(weight[:, :1])], dim=1))

    def field(self, parameters: Parameters) -> Images:
        return self._at(parameters, self.shape[1:])

    def _at(self, parameters: Parameters, size: tuple[int, int]) -> Images:
        height, width = size
        x = _grid(height, width, parameters[0].device).expand(len(parameters[0]), -1, -1)
        for weight in parameters[:-1]:
            angle = torch.atan(_affine(x, weight))
            x = torch.cat([angle / 0.67, angle.square() / 0.6], dim=2)  # both of variance about 1
        field = _affine(x, parameters[-1])
        return field.transpose(1, 2).reshape(len(field), -1, height, width)

    def unfield(self, field: Images) -> Parameters:
        raise BadSpec("a cppn cannot start from a picture: no weights are known that draw it; use --image fourier")

    def final(self, parameters: Parameters) -> Images:
        if self.drawn is None:
            return self.decode(parameters)
        if isinstance(self.drawn, tuple):
            size = self.drawn
        else:
            times = self.drawn / min(self.shape[1:])
            size = round(self.shape[1] * times), round(self.shape[2] * times)
        return self.coloured(self._at(parameters, size))


def _affine(x: Tensor, weight: Tensor) -> Tensor:
    return torch.baddbmm(weight[:, -1:], x, weight[:, :-1])


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    """``(1, h * w, 2)``: x and y of every pixel's centre."""
    short = min(height, width)
    y = ((torch.arange(height, device=device) + 0.5) / short - height / short / 2) * 2 * REACH
    x = ((torch.arange(width, device=device) + 0.5) / short - width / short / 2) * 2 * REACH
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(1, -1, 2)
