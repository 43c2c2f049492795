"""How the pictures are stored while they are optimised."""

from .base import Image, Parameters, images, restart
from .fourier import Fourier
from .pixel import Pixel

__all__ = ["Fourier", "Image", "Parameters", "Pixel", "images", "restart"]
