"""Pictures that a frozen decoder draws from a code: a learned prior (Nguyen 2016, DGN-AM; Nguyen 2017, PPGN).

A prior can draw what the network did not ask for; every such picture is made without it too, and the record says what
each scored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadSpec
from ..models.decoders import EMBEDDED, Decoder, load_decoder
from ..rng import Stream
from ..shapes import Images
from .base import Image, Parameters, images

_CPU = torch.device("cpu")


@final
@images.register("prior")
@dataclass(frozen=True)
class Latent(Image):
    """theta = the code of a decoder, in units of its deviations; the picture is what it draws, at the picture's size.

    ``decoder``: ``miniception`` (ships), ``file.py:factory``, a folder that diffusers saved, or what
    ``phosphene.decoder`` named; with the ``digest`` of its weights. Codes begin at random, at ``spread`` times the
    deviation of the decoder's own, and stay within its bounds. ``pull`` and ``noise``: PPGN's terms, how far the code
    moves towards what its own picture is encoded as in each step, and the deviation of what is added to it.
    """

    colour: str = "plain"  # type: ignore[assignment]
    decoder: str = EMBEDDED
    digest: str | None = None
    spread: float = 1.0
    pull: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bound != "sigmoid" or self.opacity:
            raise BadSpec("a prior draws values in [0, 1] and no opacity; leave bound and --alpha out")
        if not (0 <= self.pull <= 1 and self.noise >= 0 and self.spread >= 0):
            raise BadSpec("pull lies between 0 and 1; noise and spread are 0 or more")

    @property
    def encodes(self) -> bool:
        return False

    def filled(self, size: tuple[int, int], channels: int) -> Image:
        made = super().filled(size, channels)
        live = load_decoder(self.decoder, _CPU)
        with torch.no_grad():
            drawn = live.pictures(torch.zeros(1, *live.code)).shape[1]
        if drawn != channels:
            raise BadSpec(f"the decoder {self.decoder} draws {drawn} channels, the network takes {channels}")
        if self.pull and live.encode is None:
            raise BadSpec(f"the decoder {self.decoder} has no encoder, which pull needs; leave pull out")
        return replace(made, digest=self.digest or live.fingerprint())  # type: ignore[call-arg]

    def _live(self, parameters: Parameters) -> Decoder:
        return load_decoder(self.decoder, parameters[0].device)

    def start(self, stream: Stream) -> Parameters:
        live = load_decoder(self.decoder, stream.device)
        if self.digest is not None and live.fingerprint() != self.digest:
            raise BadSpec(f"the decoder {self.decoder} has other weights now than when the picture was declared")
        return (_counted(live.inside(live.random(stream) * self.spread), live),)

    def field(self, parameters: Parameters) -> Images:
        """The pictures themselves; nothing is squashed."""
        live = self._live(parameters)
        pictures = live.pictures(_code(parameters[0], live))
        _, height, width = self.shape
        if tuple(pictures.shape[2:]) != (height, width):
            return F.interpolate(pictures, (height, width), mode="bilinear", antialias=True, align_corners=False)
        return pictures

    def coloured(self, field: Images) -> Images:
        return field

    def unfield(self, field: Images) -> Parameters:
        raise BadSpec("a prior cannot start from a picture; use --image fourier")

    def settle(self, parameters: Parameters, stream: Stream | None = None) -> Parameters:
        live = self._live(parameters)
        code = _code(parameters[0], live)
        if self.pull and live.encode is not None:
            code = code + self.pull * (live.encode(live.pictures(code)) - code)
        if self.noise and stream is not None:
            code = code + self.noise * stream.fold("noise").normal(*code.shape[1:])
        return (_counted(live.inside(code), live),)


def _code(theta: Tensor, live: Decoder) -> Tensor:
    return theta if live.unit is None else theta * live.unit


def _counted(code: Tensor, live: Decoder) -> Tensor:
    return code if live.unit is None else code / live.unit
