"""Pictures stored as a spectrum, each frequency scaled by 1/f as in natural images (Olah 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import torch
from torch import Tensor

from ..errors import BadSpec
from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images

_GAIN = 4.0  # lucid's constant: it puts N(0, .01) spectra at a faint, visible contrast


@lru_cache(maxsize=16)
def scale(height: int, width: int, power: float, device: torch.device) -> Tensor:
    """S(f) = sqrt(h w) / max(|f|, 1/max(h, w))^power over the rfft2 grid, ``(h, w // 2 + 1)``."""
    fy = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    fx = torch.fft.rfftfreq(width, dtype=torch.float64)[None, :]
    frequency = torch.sqrt(fy**2 + fx**2).clamp(min=1 / max(height, width))
    gain: Tensor = (height * width) ** 0.5 / frequency**power
    return gain.to(torch.float32).to(device)


@final
@images.register("fourier")
@dataclass(frozen=True)
class Fourier(Image):
    """theta = real and imaginary parts of an rfft2 spectrum ~ N(0, sd^2); field = irfft2(S theta) / 4.

    ``power``: the exponent p of 1/f^p; 1 is the spectrum of natural images, 0 gives every frequency the same weight.
    """

    power: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.power <= 4:
            raise BadSpec(f"power is between 0 and 4, not {self.power}")

    def start(self, stream: Stream) -> Parameters:
        channels, height, width = self.shape
        return (stream.normal(channels, height, width // 2 + 1, 2) * self.sd,)

    def field(self, parameters: Parameters) -> Images:
        _, height, width = self.shape
        spectrum = torch.view_as_complex(parameters[0])
        # dividing by a power of two before the transform is exact, and one pass less than after it
        spectrum = spectrum * (scale(height, width, self.power, spectrum.device) / _GAIN)
        field: Tensor = torch.fft.irfft2(spectrum, s=(height, width))
        return field

    def unfield(self, field: Images) -> Parameters:
        _, height, width = self.shape
        spectrum = torch.fft.rfft2(field * _GAIN) / scale(height, width, self.power, field.device)
        return (torch.view_as_real(spectrum).contiguous(),)
