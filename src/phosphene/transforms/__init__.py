"""What must not matter."""

from .affine import Crop, Fit, Jitter, Pad, Rotate, Scale
from .base import GREY, Box, Chain, Draw, Geometric, Pointwise, Step, fit, part, resample, transforms
from .crop import Cut, Flip, RandomCrop
from .presets import PRESETS, preset
from .values import ColourJitter, ColourNoise, Composite, Noise, Roll

__all__ = [
    "GREY",
    "PRESETS",
    "Box",
    "Chain",
    "ColourJitter",
    "ColourNoise",
    "Composite",
    "Crop",
    "Cut",
    "Draw",
    "Fit",
    "Flip",
    "Geometric",
    "Jitter",
    "Noise",
    "Pad",
    "Pointwise",
    "RandomCrop",
    "Roll",
    "Rotate",
    "Scale",
    "Step",
    "fit",
    "part",
    "preset",
    "resample",
    "transforms",
]
