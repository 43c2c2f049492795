"""The embedded decoder: features of ``miniception`` back into pictures, a learned prior of what photographs look like.

Its code is what ``mixed5b`` shows of a 64x64 picture, averaged over the four quarters: ``(384, 2, 2)``, never negative.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

LAYER, CODE = "mixed5b", (384, 2, 2)
SIZE = (3, 64, 64)
WIDTHS = (256, 256, 192, 128, 64)  # channels at 2, 4, 8, 16 and 32 pixels


def code_of(maps: Tensor) -> Tensor:
    """``(b, 384, 4, 4)`` maps of ``mixed5b`` -> codes ``(b, 384, 2, 2)``."""
    return F.adaptive_avg_pool2d(maps, CODE[1:])


class Block(nn.Sequential):
    """3x3 convolution, batch norm, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)
        )


class Decoder(nn.Module):
    """Codes ``(b, 384, 2, 2)`` -> pictures ``(b, 3, 64, 64)`` in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [Block(CODE[0], WIDTHS[0])]
        for before, after in pairwise(WIDTHS):
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), Block(before, after)]
            if after < WIDTHS[0]:  # the fewer channels, the cheaper a second look
                layers.append(Block(after, after))
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Conv2d(WIDTHS[-1], 12, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid())

    def forward(self, code: Tensor) -> Tensor:
        picture: Tensor = self.head(self.body(code))
        return picture
