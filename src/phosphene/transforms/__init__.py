"""What must not matter."""

from .affine import Crop, Jitter, Pad, Rotate, Scale
from .base import GREY, Chain, Draw, Geometric, fit, resample, transforms
from .presets import PRESETS, preset

__all__ = [
    "GREY",
    "PRESETS",
    "Chain",
    "Crop",
    "Draw",
    "Geometric",
    "Jitter",
    "Pad",
    "Rotate",
    "Scale",
    "fit",
    "preset",
    "resample",
    "transforms",
]
