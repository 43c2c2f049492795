"""What came out: the picture, what was measured about it, and everything needed to make it again. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .files import png_of, write_beside

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Status = Literal["ok", "dead", "diverged"]
Pixels = NDArray[np.uint8]  # (h, w, c)


@dataclass(frozen=True)
class Score:
    """``start``: the start picture, no transforms. ``clean``: the final one, no transforms. ``robust``: its mean over
    fresh draws of the transforms named in ``under``."""

    start: float | None
    clean: float | None
    robust: float | None
    under: str


@dataclass(frozen=True)
class Sibling:
    """A unit of the target's layer and its activation on the picture (mean over positions; logits for classes)."""

    unit: str
    value: float


@dataclass(frozen=True)
class Natural:
    """Where the unit's activation on the picture lies among real pictures that were scanned.

    ``statistic``: what is compared, the ``mean`` of a channel's map (a class's logit), or for a neuron its value
    against that of any ``point`` of the map. ``percentile``: the share of real pictures that stay below, 0 to 100.
    ``extreme``: the natural maximum, the minimum if the target pushes the unit down; ``ratio``: how many times that was
    reached, None where it has the other sign.
    """

    scan: str
    pictures: int
    statistic: str
    value: float
    percentile: float
    extreme: float
    ratio: float | None


@dataclass(frozen=True)
class Evidence:
    """What was measured about a picture.

    ``unit``: the unit that is ranked, the heaviest of the target. ``rank``: 1 if it fires most of its ``siblings``
    units on its own picture. ``top``: the siblings that fire most. ``high_frequency``: share of spectral energy above a
    quarter of the sampling rate. ``redirected``: first steps whose gradient had to be redirected past inactive ReLUs.
    ``silent``: steps without gradient at the end. ``natural``: on real pictures, where a scan of them is at hand.
    """

    unit: str | None
    rank: int | None
    siblings: int | None
    top: tuple[Sibling, ...]
    high_frequency: float
    redirected: int
    silent: int
    natural: Natural | None = None


@dataclass(frozen=True)
class Frame:
    """The picture as it was after a step, with its clean score."""

    step: int
    score: float | None
    pixels: Pixels = field(repr=False, compare=False)


@dataclass(frozen=True)
class Result:
    """A picture and its record. Shows itself in a notebook."""

    id: str
    model: str
    fingerprint: str
    target: str
    status: Status
    seed: int
    size: tuple[int, int]
    steps: int
    seconds: float
    score: Score
    evidence: Evidence
    spec: Mapping[str, Any]
    versions: Mapping[str, str]
    pixels: Pixels = field(repr=False, compare=False)
    frames: tuple[Frame, ...] = ()
    partial: bool = False
    alpha: bool = False  # the last channel of the pixels is an opacity
    group: Mapping[str, Any] | None = None  # how alike the pictures of its group are, and which of them it is
    found: Mapping[str, Any] | None = None  # what else was measured: the cost of diversity, the share of a prior
    arithmetic: str = "exact"  # of the ascent, and why it is exact where the fast path was asked for; scores are exact

    @property
    def image(self) -> Picture:
        """The picture as it was scored: no stretching, no sharpening."""
        return picture(self.pixels, self.alpha)

    def record(self) -> dict[str, Any]:
        """The result as JSON data, without the pixels."""
        data = {key: value for key, value in asdict(self).items() if key not in ("pixels", "frames")}
        data["frames"] = [{"step": frame.step, "score": frame.score} for frame in self.frames]
        return data

    def save(self, path: str | Path) -> Path:
        """Write the PNG and, last, its record beside it under the same stem; returns the PNG's path."""
        return write_beside(Path(path), png(self.pixels, self.alpha), self.record())

    def _repr_png_(self) -> bytes:
        return png(self.pixels, self.alpha)


def picture(pixels: Pixels, alpha: bool = False) -> Picture:
    """Pixels as a PIL image: grey for one channel, colour for three, the channels side by side for any other number.

    ``alpha``: the last channel is an opacity; only beside one or three others can a file say so.
    """
    from PIL import Image

    channels = pixels.shape[2]
    if channels == 3 or (alpha and channels == 4):
        return Image.fromarray(pixels)
    if alpha and channels == 2:
        return Image.fromarray(pixels, mode="LA")
    return Image.fromarray(np.concatenate([pixels[:, :, c] for c in range(channels)], axis=1))


def png(pixels: Pixels, alpha: bool = False) -> bytes:
    return png_of(picture(pixels, alpha))
