"""How the pictures are stored while they are optimised."""

from .aligned import Aligned
from .base import Image, Parameters, images, restart
from .cppn import Cppn
from .fourier import Fourier
from .latent import Latent
from .phase import Maco
from .pixel import Pixel
from .pyramid import Pyramid

__all__ = [
    "Aligned",
    "Cppn",
    "Fourier",
    "Image",
    "Latent",
    "Maco",
    "Parameters",
    "Pixel",
    "Pyramid",
    "images",
    "restart",
]
