"""What must not matter."""

from .affine import Crop, Fit, Jitter, Pad, Rotate, Scale
from .base import GREY, Box, Chain, Draw, Geometric, fit, part, resample, transforms
from .presets import PRESETS, preset

__all__ = [
    "GREY",
    "PRESETS",
    "Box",
    "Chain",
    "Crop",
    "Draw",
    "Fit",
    "Geometric",
    "Jitter",
    "Pad",
    "Rotate",
    "Scale",
    "fit",
    "part",
    "preset",
    "resample",
    "transforms",
]
