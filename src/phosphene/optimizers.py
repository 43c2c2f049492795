"""How to climb. Every optimiser here treats each value on its own, so rows of a batch never mix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from .errors import BadSpec
from .registry import Registry

optimizers: Registry[type[Optimizer]] = Registry("optimizer")


def _positive(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise BadSpec(f"{name} must be above 0 and finite, not {value}")


class Optimizer(ABC):
    """Frozen settings; ``over`` makes the live optimiser for one ascent."""

    @abstractmethod
    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer: ...

    def rate(self, index: int, steps: int) -> float:
        """The factor on the rate at step ``index`` of ``steps``."""
        return 1.0


@final
@optimizers.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); .05 is lucid's rate. ``decay``: ``linear`` lets the rate fall to 0 over the ascent."""

    lr: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    decay: str = "none"

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        if not (len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)):
            raise BadSpec(f"betas are two numbers from 0 to below 1, not {self.betas}")
        if self.decay not in ("none", "linear"):
            raise BadSpec(f"decay is none or linear, not {self.decay!r}")

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(list(parameters), lr=self.lr, betas=self.betas, eps=self.eps)

    def rate(self, index: int, steps: int) -> float:
        return 1 - index / steps if self.decay == "linear" else 1.0


@final
@optimizers.register("sgd")
@dataclass(frozen=True)
class SGD(Optimizer):
    """Plain gradient ascent."""

    lr: float = 1.0

    def __post_init__(self) -> None:
        _positive("lr", self.lr)

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(list(parameters), lr=self.lr)
