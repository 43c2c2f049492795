"""How pictures are stored while they are optimised.

An image is frozen data; ``start`` or ``encode`` makes its parameters, ``decode`` turns them into pictures. What is
common to all: parameters -> an unbounded field ``(b, c, h, w)`` -> colour -> values, by default in [0, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import BadSpec, OutOfMemory
from ..registry import Registry
from ..rng import Stream
from ..shapes import Images
from . import colour
from .colour import Colour
from .constraints import Bound, project

Parameters = tuple[Tensor, ...]  # each with one row per picture

images: Registry[type[Image]] = Registry("image")


@dataclass(frozen=True)
class Image(ABC):
    """Fields of every image.

    ``size``: height and width in pixels, or one number for a square; None: what suits the network. ``channels``: None:
    what the network takes. ``colour``: ``decorrelated`` (three channels) or ``plain``. ``bound``: how values are kept
    in range: ``sigmoid`` squashes to [0, 1], ``box`` clips to [0, 1] after each step, ``free`` does nothing, ``ball``
    keeps the picture within L2 distance ``radius`` of zero. ``sd``: standard deviation of the starting noise.
    ``opacity``: one more channel, which says how much of the background is hidden.
    """

    size: tuple[int, int] | int | None = None
    channels: int | None = None
    colour: Colour = "decorrelated"
    bound: Bound = "sigmoid"
    radius: float = 1.0
    sd: float = 0.01
    opacity: bool = False

    def __post_init__(self) -> None:
        sides = (self.size,) if isinstance(self.size, int) else self.size or ()
        for side in sides:
            if isinstance(side, bool) or not isinstance(side, int) or side < 1:
                raise BadSpec(f"a picture's size is one or two whole numbers from 1 up, not {self.size}")
        if len(sides) not in (0, 1, 2):
            raise BadSpec(f"a picture's size is height and width, or one number, not {self.size}")
        if self.channels is not None and self.channels < 1:
            raise BadSpec(f"a picture has at least one channel, not {self.channels}")
        if self.bound not in ("sigmoid", "box", "free", "ball"):
            raise BadSpec(f"bound is sigmoid, box, free or ball, not {self.bound!r}")
        if not (self.sd >= 0 and self.radius > 0):
            raise BadSpec(f"sd must be 0 or more and radius above 0, not {self.sd} and {self.radius}")
        colour.check(self.colour, 3)

    @property
    def encodes(self) -> bool:
        """Whether any picture can be stored."""
        return True

    @property
    def begins(self) -> bool:
        """Whether it can begin from a picture, if only from something like it."""
        return self.encodes

    def filled(self, size: tuple[int, int], channels: int) -> Image:
        """The same image with every default made explicit."""
        own = (self.size, self.size) if isinstance(self.size, int) else self.size
        count = self.channels or channels
        return replace(self, size=own or size, channels=count, colour=colour.check(self.colour, count))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels (with that of the opacity), height, width."""
        if not isinstance(self.size, tuple) or self.channels is None:
            raise BadSpec("this image has no size yet; give one, such as Fourier(128), or let render choose it")
        return self.channels + self.opacity, *self.size

    @abstractmethod
    def start(self, stream: Stream) -> Parameters:
        """Parameters drawn from the stream, one row per key."""

    @abstractmethod
    def field(self, parameters: Parameters) -> Images:
        """Parameters -> unbounded pictures in the image's colour space."""

    @abstractmethod
    def unfield(self, field: Images) -> Parameters:
        """The inverse of ``field``."""

    def decode(self, parameters: Parameters) -> Images:
        """Parameters -> pictures; differentiable."""
        return self.coloured(self.field(parameters))

    def final(self, parameters: Parameters) -> Images:
        """The finished pictures; for images that can be drawn larger than they were scored."""
        return self.decode(parameters)

    def coloured(self, field: Images) -> Images:
        """A field in the image's colour space -> pictures."""
        x = colour.recorrelate(field) if self.colour == "decorrelated" else field
        return torch.sigmoid(x) if self.bound == "sigmoid" else x

    def encode(self, pictures: Images) -> Parameters:
        """Parameters that decode to ``pictures`` (values within 0.002 of 0 and 1 are moved there)."""
        x = pictures
        if self.bound == "sigmoid":
            x = torch.logit(x.clamp(0.002, 0.998))
        return self.unfield(colour.decorrelate(x) if self.colour == "decorrelated" else x)

    def settle(self, parameters: Parameters, stream: Stream | None = None) -> Parameters:
        """Parameters after a step, moved back to where the bound allows them; ``stream``: for what is drawn."""
        if self.bound in ("sigmoid", "free"):
            return parameters
        return self.encode(project(self.decode(parameters), self.bound, self.radius))


def restart(image: Image, stream: Stream, pictures: Images | None) -> Parameters:
    """The parameters to begin with: from a picture ``(1 or b, c, h, w)`` when there is one, else drawn."""
    try:
        if pictures is None:
            begun = image.settle(image.start(stream))
        else:
            rows = pictures.expand(len(stream), *image.shape).to(stream.device)
            begun = image.encode(rows)
    except (RuntimeError, MemoryError) as error:
        raise _too_large(error, image) from error
    return tuple(part.detach().clone().contiguous() for part in begun)


def _too_large(error: BaseException, image: Image) -> BaseException:
    text = str(error)
    if isinstance(error, MemoryError) or "alloc" in text or "out of memory" in text or "Storage size" in text:
        return OutOfMemory(f"a picture of {image.size} does not fit in memory; choose a smaller size")
    return error
