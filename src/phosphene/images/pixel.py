"""Pictures stored as pixels: the plainest parameterization, and the one that shows a network's noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images


@final
@images.register("pixel")
@dataclass(frozen=True)
class Pixel(Image):
    """theta ~ N(0, sd^2) per value; the field is theta itself."""

    def start(self, stream: Stream) -> Parameters:
        return (stream.normal(*self.shape) * self.sd,)

    def field(self, parameters: Parameters) -> Images:
        return parameters[0]

    def unfield(self, field: Images) -> Parameters:
        return (field,)
