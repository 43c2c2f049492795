"""How to climb. Every optimiser here treats each value, or each row, on its own, so rows of a batch never mix."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor

from .errors import BadSpec
from .registry import Registry

optimizers: Registry[type[Optimizer]] = Registry("optimizer")

DECAYS = ("none", "linear", "cosine")


def _positive(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise BadSpec(f"{name} must be above 0 and finite, not {value}")


def _betas(betas: tuple[float, float]) -> None:
    if not (len(betas) == 2 and all(0 <= beta < 1 for beta in betas)):
        raise BadSpec(f"betas are two numbers from 0 to below 1, not {betas}")


class Optimizer(ABC):
    """Frozen settings; ``over`` makes the live optimiser for one ascent. ``decay``: how its rate falls, if it does."""

    lr: float
    decay: str = "none"

    def at(self, lr: float) -> Optimizer:
        """The same at another rate."""
        changed: Optimizer = replace(self, lr=lr)  # type: ignore[type-var]
        return changed

    @abstractmethod
    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer: ...

    def rate(self, index: int, steps: int) -> float:
        """The factor on the rate at step ``index`` of ``steps``."""
        if self.decay == "linear":
            return 1 - index / steps
        return (1 + math.cos(math.pi * index / steps)) / 2 if self.decay == "cosine" else 1.0


def _decay(decay: str) -> None:
    if decay not in DECAYS:
        raise BadSpec(f"decay is none, linear or cosine, not {decay!r}")


@final
@optimizers.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); .05 is lucid's rate. ``decay``: ``linear`` or ``cosine`` lets the rate fall to 0 over
    the ascent."""

    lr: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    decay: str = "none"

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _betas(self.betas)
        _decay(self.decay)

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(list(parameters), lr=self.lr, betas=self.betas, eps=self.eps)


@final
@optimizers.register("nadam")
@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat 2016); MACO's, at rate 1."""

    lr: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-7
    decay: str = "none"

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _betas(self.betas)
        _decay(self.decay)

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.NAdam(list(parameters), lr=self.lr, betas=self.betas, eps=self.eps)


@final
@optimizers.register("sgd")
@dataclass(frozen=True)
class SGD(Optimizer):
    """Plain gradient ascent."""

    lr: float = 1.0
    decay: str = "none"

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _decay(self.decay)

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(list(parameters), lr=self.lr)


@final
@optimizers.register("progress")
@dataclass(frozen=True)
class Progress(Optimizer):
    """Gradient ascent whose step would raise a linear score by ``gain``: rate min(``lr``, gain / |g|^2), picture by
    picture (Yosinski 2015)."""

    lr: float = 100.0
    gain: float = 2.0
    decay: str = "none"

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _positive("gain", self.gain)
        _decay(self.decay)

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return _Progress(parameters, self.lr, self.gain)


class _Progress(torch.optim.Optimizer):
    def __init__(self, parameters: Sequence[Tensor], lr: float, gain: float) -> None:
        super().__init__(list(parameters), {"lr": lr, "gain": gain})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            parts = [part for part in group["params"] if part.grad is not None]
            length = sum((part.grad.flatten(1).square().sum(1) for part in parts), torch.zeros(()))
            rate = (group["gain"] / length.clamp(min=1e-30)).clamp(max=group["lr"])
            for part in parts:
                part -= rate.view(-1, *(1,) * (part.ndim - 1)) * part.grad


@final
@optimizers.register("code")
@dataclass(frozen=True)
class Code(Optimizer):
    """Gradient ascent on a code: the rate falls from ``lr`` to ``last`` in equal steps, and the code itself to ``keep``
    of its values in each step (Nguyen 2016, DGN-AM).
    """

    lr: float = 8.0
    last: float = 1e-10
    keep: float = 0.99
    decay: str = "own"

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _positive("last", self.last)
        if not 0 < self.keep <= 1:
            raise BadSpec(f"what is kept of a code lies above 0 and up to 1, not {self.keep}")

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return _Code(parameters, self.lr, self.keep)

    def rate(self, index: int, steps: int) -> float:
        return 1 - (1 - self.last / self.lr) * index / max(1, steps - 1)


class _Code(torch.optim.Optimizer):
    def __init__(self, parameters: Sequence[Tensor], lr: float, keep: float) -> None:
        super().__init__(list(parameters), {"lr": lr, "keep": keep})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for part in group["params"]:
                if part.grad is not None:
                    part.sub_(group["lr"] * part.grad).mul_(group["keep"])
