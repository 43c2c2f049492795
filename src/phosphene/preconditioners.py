"""Which direction is steepest depends on how far apart two pictures are said to be (Olah 2017, "Preconditioning").

A preconditioner changes the gradient before the optimiser sees it: other paths and other basins, the same optima. Each
works row by row on the gradient of a picture's values ``(b, c, h, w)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from .blur import gaussian_blur
from .errors import BadSpec
from .images.colour import matrix
from .images.fourier import scale
from .registry import Registry

preconditioners: Registry[type[Preconditioner]] = Registry("preconditioner")


class Preconditioner(ABC):
    """Frozen settings. ``planar``: whether the gradient must be one of a picture's values."""

    planar = True

    @abstractmethod
    def apply(self, gradient: Tensor) -> Tensor: ...


def _rms(x: Tensor) -> Tensor:
    return x.flatten(1).square().mean(1).sqrt().view(-1, *(1,) * (x.ndim - 1))


@final
@preconditioners.register("sign")
@dataclass(frozen=True)
class Sign(Preconditioner):
    """Steepest where distance is the largest change of any value (L-infinity): every value moves alike."""

    planar = False

    def apply(self, gradient: Tensor) -> Tensor:
        return gradient.sign()


@final
@preconditioners.register("unit")
@dataclass(frozen=True)
class Unit(Preconditioner):
    """The gradient at length 1 (L2), picture by picture."""

    planar = False

    def apply(self, gradient: Tensor) -> Tensor:
        length: Tensor = gradient.flatten(1).norm(dim=1).view(-1, *(1,) * (gradient.ndim - 1))
        return gradient / length.clamp(min=1e-12)


@final
@preconditioners.register("mean_abs")
@dataclass(frozen=True)
class MeanAbs(Preconditioner):
    """The gradient over its mean magnitude plus 1e-7, picture by picture: DeepDream's (Mordvintsev 2015)."""

    planar = False

    def apply(self, gradient: Tensor) -> Tensor:
        return gradient / (gradient.abs().flatten(1).mean(1).view(-1, *(1,) * (gradient.ndim - 1)) + 1e-7)


@final
@preconditioners.register("blur")
@dataclass(frozen=True)
class Blur(Preconditioner):
    """The gradient blurred, and as large as before: high frequencies climb last."""

    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise BadSpec(f"the sigma of a blur is above 0, not {self.sigma}")

    def apply(self, gradient: Tensor) -> Tensor:
        blurred = gaussian_blur(gradient, self.sigma)
        return blurred * (_rms(gradient) / _rms(blurred).clamp(min=1e-20))


@final
@preconditioners.register("laplacian")
@dataclass(frozen=True)
class Laplacian(Preconditioner):
    """Each level of the gradient's Laplacian pyramid divided by its RMS (Mordvintsev 2015): all scales climb alike."""

    levels: int = 4

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise BadSpec(f"a pyramid has at least one level, not {self.levels}")

    def apply(self, gradient: Tensor) -> Tensor:
        return merge([level / _rms(level).clamp(min=1e-10) for level in split(gradient, self.levels)])


@final
@preconditioners.register("decorrelated")
@dataclass(frozen=True)
class Decorrelated(Preconditioner):
    """Steepest where distance is measured in the decorrelated Fourier space of natural pictures, and as large as
    before."""

    power: float = 1.0

    def apply(self, gradient: Tensor) -> Tensor:
        height, width = gradient.shape[2:]
        gain = scale(height, width, self.power, gradient.device).square()
        moved = torch.fft.irfft2(torch.fft.rfft2(gradient) * (gain / gain.mean()), s=(height, width))
        if gradient.shape[1] == 3:
            root = matrix(gradient.device)
            moved = torch.einsum("rc,bchw->brhw", root @ root.T, moved)
        found: Tensor = moved * (_rms(gradient) / _rms(moved).clamp(min=1e-20))
        return found


def _kernel(like: Tensor) -> Tensor:
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=like.device, dtype=like.dtype)
    return torch.outer(line, line)[None, None] / 256


def _low(x: Tensor) -> Tensor:
    kernel = _kernel(x).expand(x.shape[1], 1, 5, 5)
    return F.conv2d(x, kernel, stride=2, padding=2, groups=x.shape[1])


def _up(low: Tensor, size: tuple[int, int]) -> Tensor:
    kernel = 4 * _kernel(low).expand(low.shape[1], 1, 5, 5)
    extra = [size[axis] - (2 * low.shape[2 + axis] - 1) for axis in (0, 1)]
    made: Tensor = F.conv_transpose2d(low, kernel, stride=2, padding=2, output_padding=extra, groups=low.shape[1])
    return made


def split(x: Tensor, levels: int) -> list[Tensor]:
    """A Laplacian pyramid, finest level first, what is left last; ``merge`` puts it together again."""
    parts = []
    for _ in range(levels):
        if min(x.shape[2:]) < 2:
            break
        low = _low(x)
        parts.append(x - _up(low, (x.shape[2], x.shape[3])))
        x = low
    return [*parts, x]


def merge(parts: list[Tensor]) -> Tensor:
    """The inverse of ``split``."""
    x = parts[-1]
    for high in reversed(parts[:-1]):
        x = _up(x, (high.shape[2], high.shape[3])) + high
    return x
