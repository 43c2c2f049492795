"""Pictures with the spectrum of photographs, of which the phases alone are free (MACO; Fel et al. 2023).

Magnitudes are those of natural pictures, so no noise can grow that photographs do not have. Phases are tied where a
real picture's spectrum repeats itself; without that, a real inverse transform keeps only half of what stands in the
columns kx = 0 and kx = w/2, and the magnitudes there are wrong by a third.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, final

import torch
from torch import Tensor

from ..errors import BadSpec
from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images
from .spectrum import PHOTOS, digest_of, magnitude


@final
@images.register("maco")
@dataclass(frozen=True)
class Maco(Image):
    """theta = phases; field = irfft2(r e^(i theta)), brought to mean 0 and deviation 1.

    ``spectrum``: where the magnitudes r are from: ``photos`` (ships; of 1000 photographs) or a file that ``phosphene
    spectrum`` made, with its ``digest``. ``law``: of the phases at the start, ``uniform`` in +-pi (the paper) or
    ``normal`` (the published code). ``standardise``: phases are brought to mean 0 and deviation 1 first (the published
    code).
    """

    spectrum: str = PHOTOS
    digest: str | None = None
    law: str = "uniform"
    standardise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bound != "sigmoid":
            raise BadSpec(f"maco squashes by a sigmoid; bound {self.bound!r} would break its magnitudes")
        if self.opacity:
            raise BadSpec("maco has no spectrum for an opacity; leave --alpha out, or use --transparency")
        if self.law not in ("uniform", "normal"):
            raise BadSpec(f"the law of the phases is uniform or normal, not {self.law!r}")

    @property
    def encodes(self) -> bool:
        return False

    @property
    def begins(self) -> bool:
        return True

    def filled(self, size: tuple[int, int], channels: int) -> Image:
        return replace(super().filled(size, channels), digest=self.digest or digest_of(self.spectrum))  # type: ignore[call-arg]

    def start(self, stream: Stream) -> Parameters:
        channels, height, width = self.shape
        shape = (channels, height, width // 2 + 1)
        if self.law == "normal":
            return (stream.normal(*shape),)
        return ((2 * stream.uniform(*shape) - 1) * math.pi,)

    def unscaled(self, phases: Tensor) -> Images:
        """irfft2(r e^(i theta)), whose magnitudes are r in every bin."""
        channels, height, width = self.shape
        if self.standardise:
            phases = _standard(phases)
        r = magnitude(self.spectrum, self.digest, channels, height, width).to(phases.device)
        field: Tensor = torch.fft.irfft2(r * _tied(phases, width), s=(height, width))
        return field

    def field(self, parameters: Parameters) -> Images:
        return _standard(self.unscaled(parameters[0]))

    def unfield(self, field: Images) -> Parameters:
        """The phases of a picture; its magnitudes are lost."""
        return (torch.fft.rfft2(field).angle(),)


def _standard(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    mean, deviation = flat.mean(1), flat.std(1, correction=0)
    shape = (-1, *(1,) * (x.ndim - 1))
    return (x - mean.view(shape)) / (deviation.view(shape) + 1e-6)


def _tied(phases: Tensor, width: int) -> Tensor:
    """e^(i theta) with phi(-ky) = -phi(ky) in columns that mirror themselves; bins that mirror themselves are +-1."""
    height = phases.shape[-2]
    own, mirror, real = _partners(height, width, phases.device)
    tied = torch.polar(torch.ones_like(phases), phases)
    partner = tied[..., mirror, :].conj()
    sign = torch.where(phases.cos() < 0, -1.0, 1.0).to(tied.dtype)
    return torch.where(real, sign, torch.where(own, tied, partner))


@lru_cache(maxsize=16)
def _partners(height: int, width: int, device: torch.device) -> Any:
    """Which bins speak for themselves, each row's mirror, and which bins must be real."""
    ky = torch.arange(height, device=device)
    columns = torch.zeros(width // 2 + 1, dtype=torch.bool, device=device)
    columns[0] = True
    columns[-1] = columns[-1] | (width % 2 == 0)
    lonely = (2 * ky) % height == 0
    real = lonely[:, None] & columns[None]
    own = ~columns[None] | (ky <= height // 2)[:, None]
    return own, (-ky) % height, real
