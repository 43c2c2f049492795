"""Pictures that share their coarse parts, so that one unit's picture becomes another's without jumps (Mordvintsev
2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images
from .fourier import Fourier

# (ends, share of the side): a grid of one end is the same in all frames, one of two goes over from first to last
GRIDS = ((1, 1 / 2), (1, 1 / 4), (1, 1 / 8), (2, 1 / 8), (1, 1 / 16), (2, 1 / 16))


@final
@images.register("aligned")
@dataclass(frozen=True)
class Aligned(Image):
    """theta = a spectrum for each frame, as ``fourier``, and grids that frames share; the field is their sum.

    The rows of a batch are the frames, in order. A shared grid is the mean of what the rows hold, or goes from what the
    first holds to what the last holds, so every row still has parameters of its own.
    """

    power: float = 1.0

    def _spectrum(self) -> Fourier:
        return Fourier(self.size, self.channels, self.colour, "free", power=self.power)

    def _sides(self, share: float) -> tuple[int, int]:
        _, height, width = self.shape
        return max(2, round(height * share)), max(2, round(width * share))

    def start(self, stream: Stream) -> Parameters:
        (spectrum,) = self._spectrum().start(stream)
        grids = [
            stream.fold("grid", index).normal(self.shape[0], *self._sides(share)) * self.sd
            for index, (_, share) in enumerate(GRIDS)
        ]
        return (spectrum, *grids)

    def field(self, parameters: Parameters) -> Images:
        spectrum, *grids = parameters
        total = self._spectrum().field((spectrum,))
        for (ends, _), grid in zip(GRIDS, grids, strict=True):
            shared = _between(grid) if ends == 2 else grid.mean(0, keepdim=True).expand_as(grid)
            total = total + F.interpolate(shared, self.shape[1:], mode="bilinear", align_corners=False)
        return total

    def unfield(self, field: Images) -> Parameters:
        (spectrum,) = self._spectrum().unfield(field)
        rows, channels = field.shape[:2]
        grids = [torch.zeros(rows, channels, *self._sides(share), device=field.device) for _, share in GRIDS]
        return (spectrum, *grids)


def _between(grid: Tensor) -> Tensor:
    """From the first row's to the last row's, frame by frame."""
    t = torch.linspace(0, 1, len(grid), device=grid.device)[:, None, None, None]
    return (1 - t) * grid[:1] + t * grid[-1:]
