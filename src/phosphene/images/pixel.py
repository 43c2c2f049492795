"""Pictures stored as pixels: the plainest parameterization, and the one that shows a network's noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from ..errors import BadSpec
from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images


@final
@images.register("pixel")
@dataclass(frozen=True)
class Pixel(Image):
    """theta ~ N(level, sd^2) per value; the field is theta itself.

    ``level``: one number, one per channel, or ``rest`` for the mean of the network's data.
    """

    level: tuple[float, ...] | float | str = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.level, str) and self.level != "rest":
            raise BadSpec(f"level is a number, one per channel, or rest, not {self.level!r}")

    def start(self, stream: Stream) -> Parameters:
        if isinstance(self.level, str):
            raise BadSpec("the level of rest is known when the network is; let render fill it in")
        level = torch.tensor(self.level, device=stream.device).view(-1, 1, 1)
        return (stream.normal(*self.shape) * self.sd + level,)

    def field(self, parameters: Parameters) -> Images:
        return parameters[0]

    def unfield(self, field: Images) -> Parameters:
        return (field,)
