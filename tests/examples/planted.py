"""A network whose units mean something that we chose, and pictures of which we know what fires them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

import phosphene as ph
from phosphene.models.network import Network

SIDE, CELL = 24, 4
CHECKS = np.indices((CELL, CELL)).sum(0) % 2 * 2.0 - 1  # the pattern of one class


class Planted(nn.Module):
    """``colour``: 0 red, 1 green, 2 never. ``edge``: 0 dark left of bright. ``check``: 0 a checkerboard of one class;
    its maximum is class 0 of the output, class 1 is constant."""

    def __init__(self) -> None:
        super().__init__()
        self.colour_conv, self.colour = nn.Conv2d(3, 3, 1), nn.ReLU()
        self.edge_conv, self.edge = nn.Conv2d(3, 1, (15, 3)), nn.ReLU()  # longer than any patch
        self.check_conv, self.check = nn.Conv2d(3, 1, CELL), nn.ReLU()
        with torch.no_grad():
            self.colour_conv.weight.copy_(torch.tensor([[1, -1, -1], [-1, 1, -1], [-1, -1, -1.0]]).view(3, 3, 1, 1))
            self.colour_conv.bias.copy_(torch.tensor([0, 0, -1.0]))
            self.edge_conv.weight.copy_(torch.tensor([-1, 0, 1.0]).repeat(1, 3, 15, 1) / 45)
            self.edge_conv.bias.fill_(-0.3)
            self.check_conv.weight.copy_(torch.from_numpy(CHECKS).float().repeat(1, 3, 1, 1) / (3 * CELL**2))
            self.check_conv.bias.fill_(-0.1)

    def forward(self, x: Tensor) -> Tensor:
        self.colour(self.colour_conv(x))
        self.edge(self.edge_conv(x))
        found = self.check(self.check_conv(x)).amax((2, 3))
        return torch.cat([found, torch.ones_like(found)], 1)


def network() -> Network:
    return ph.load(Planted(), input_size=(3, SIDE, SIDE), labels=["checks", "nothing"])


def grey(seed: int) -> NDArray[np.float64]:
    """Faint noise around grey: red, green and edges stay silent on it."""
    return 0.5 + 0.02 * np.random.default_rng(seed).standard_normal((SIDE, SIDE, 1)).repeat(3, 2)


def pictures() -> dict[str, tuple[NDArray[np.uint8], str, float]]:
    """Name -> picture, what was planted in it, and how strongly."""
    found = {}
    for index in range(40):
        kind = ("red", "edge", "checks", "plain")[index % 4]
        strength = 0.4 + 0.05 * (index // 4)
        x = grey(index)
        y, z = 2 + (index * 5) % 13, 2 + (index * 7) % 13
        if kind == "red":
            x[y : y + 6, z : z + 6] = (0.1 + strength, 0.05, 0.05)
        elif kind == "edge":
            x[:, : z + 3] = 0.5 - strength / 2
            x[:, z + 3 :] = 0.5 + strength / 2
        elif kind == "checks":
            x[y : y + CELL, z : z + CELL] = 0.5 + strength / 2 * CHECKS[:, :, None]
        found[f"{kind}/{index:02d}.png"] = ((x.clip(0, 1) * 255).round().astype(np.uint8), kind, strength)
    return found


def write(folder: Path) -> Path:
    for name, (pixels, _, _) in pictures().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
    return folder
