"""The embedded network: an InceptionV1-style classifier for 64x64 pictures and 100 classes.

Every layer that one would want to look into is a named module whose output is what the next layer reads, after its
ReLU: ``conv1``, ``conv2``, ``mixed3a`` ... ``mixed5b``, ``logits``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

CLASSES = 100


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, ReLU; same padding."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()


class Widths(NamedTuple):
    """Channels of one inception block: each branch's output, and the 1x1 reductions before the spatial branches."""

    one: int
    reduce3: int
    three: int
    reduce5: int
    five: int
    pool: int

    @property
    def outputs(self) -> int:
        return self.one + self.three + self.five + self.pool


class Mixed(nn.Module):
    """Four branches seen at once and concatenated: 1x1, 3x3, 5x5 (as two 3x3, after Inception v2), pooled 1x1."""

    def __init__(self, inputs: int, widths: Widths) -> None:
        super().__init__()
        self.branch1 = ConvBlock(inputs, widths.one, 1)
        self.branch3 = nn.Sequential(ConvBlock(inputs, widths.reduce3, 1), ConvBlock(widths.reduce3, widths.three, 3))
        self.branch5 = nn.Sequential(
            ConvBlock(inputs, widths.reduce5, 1),
            ConvBlock(widths.reduce5, widths.five, 3),
            ConvBlock(widths.five, widths.five, 3),
        )
        self.branch_pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), ConvBlock(inputs, widths.pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch3(x), self.branch5(x), self.branch_pool(x)], dim=1)


STAGES: dict[str, Widths] = {
    "mixed3a": Widths(24, 40, 40, 16, 16, 16),
    "mixed3b": Widths(32, 48, 56, 24, 24, 16),
    "mixed4a": Widths(40, 96, 88, 32, 40, 24),
    "mixed4b": Widths(40, 96, 88, 32, 40, 24),
    "mixed4c": Widths(40, 96, 88, 32, 40, 24),
    "mixed5a": Widths(80, 160, 144, 56, 64, 32),
    "mixed5b": Widths(96, 192, 176, 64, 72, 40),
}


class Miniception(nn.Module):
    """Normalised pictures ``(b, 3, h, w)`` -> logits ``(b, 100)``; trained at 64x64, runs at any size from 16 up."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 32, 5, stride=2)
        self.conv2 = ConvBlock(32, 64, 3)
        self.pool2 = nn.MaxPool2d(3, 2, 1)
        width = 64
        for name, widths in STAGES.items():
            if name in ("mixed4a", "mixed5a"):
                self.add_module(f"pool{int(name[5]) - 1}", nn.MaxPool2d(3, 2, 1))
            self.add_module(name, Mixed(width, widths))
            width = widths.outputs
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.logits = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.named_children():
            if name == "logits":
                break
            x = layer(x)
        logits: Tensor = self.logits(x.flatten(1))
        return logits
