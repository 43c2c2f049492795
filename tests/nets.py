"""Small networks of known behaviour."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

import phosphene as ph
from phosphene.models.network import Network


class LinearUnit(nn.Module):
    """One unit f(x) = w.x over the whole picture, as the layer ``unit``; the output is f too."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.unit = nn.Conv2d(weight.shape[0], 1, tuple(weight.shape[1:]), bias=False)
        with torch.no_grad():
            self.unit.weight.copy_(weight[None])

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x).flatten(1)


def linear(weight: Tensor) -> Network:
    return ph.load(LinearUnit(weight), input_size=tuple(weight.shape))


class Two(nn.Module):
    """Two convolutions with ReLUs and a head, random from a seed: small enough for every property test."""

    def __init__(self, seed: int = 0, channels: int = 3) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first = nn.Conv2d(channels, 6, 3, padding=1)
            self.relu1 = nn.ReLU()
            self.second = nn.Conv2d(6, 5, 3, stride=2, padding=1)
            self.relu2 = nn.ReLU()
            self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu2(self.second(self.relu1(self.first(x)))).mean((2, 3)))


def two(seed: int = 0, size: int = 12, channels: int = 3) -> Network:
    return ph.load(Two(seed, channels), input_size=(channels, size, size), labels=["one", "two", "three", "four"])


class Gated(nn.Module):
    """Row 0 of ``unit`` is a ReLU that no picture in [0, 1] near grey opens; row 1 is open everywhere."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.unit = nn.ReLU()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            nn.init.uniform_(self.conv.weight, 0, 0.2)
        with torch.no_grad():
            self.conv.bias.copy_(torch.tensor([bias, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(self.conv(x)).mean((2, 3))


class Lambda(nn.Module):
    """A function as a module."""

    def __init__(self, call: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(x)
