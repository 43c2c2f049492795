"""Pictures stored as a sum of grids, each half as fine as the one before (Laplacian pyramid; Burt & Adelson 1983)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F

from ..errors import BadSpec
from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images


@final
@images.register("pyramid")
@dataclass(frozen=True)
class Pyramid(Image):
    """theta = ``levels`` grids ~ N(0, sd^2), enlarged bilinearly and summed: coarse changes come as easily as fine
    ones."""

    levels: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.levels <= 16:
            raise BadSpec(f"a pyramid has 1 to 16 levels, not {self.levels}")

    def start(self, stream: Stream) -> Parameters:
        channels, height, width = self.shape
        sizes = [(max(1, height >> level), max(1, width >> level)) for level in range(self.levels)]
        return tuple(
            stream.fold(level).normal(channels, *size) * self.sd for level, size in enumerate(sizes)
        )  # fmt: skip

    def field(self, parameters: Parameters) -> Images:
        finest, *others = parameters
        for grid in others:
            finest = finest + F.interpolate(grid, self.shape[1:], mode="bilinear", align_corners=False)
        return finest

    def unfield(self, field: Images) -> Parameters:
        """All in the finest grid; the others begin at zero."""
        rows, channels, height, width = field.shape
        rest = [
            torch.zeros(rows, channels, max(1, height >> level), max(1, width >> level), device=field.device)
            for level in range(1, self.levels)
        ]
        return (field, *rest)
