"""Likeness to a photo, in a layer's own terms: inversion, caricature, and the distance that accentuation keeps small.

The photo is the job's reference. It goes through the same transforms as the picture, so that both are seen alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from einops import rearrange
from torch import Tensor

from ..address import Place, number
from ..errors import BadSpec
from ..shapes import Scores
from .base import Activations, Term, objectives
from .spelling import needs_quotes


class _Likeness(Term):
    """What they share: one layer, its activations on the picture and on the photo. ``head:LAYER``"""

    layer: str

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def compares(self) -> bool:
        return True

    @classmethod
    def _pair(cls, terms: Sequence[Any], acts: Activations) -> tuple[Tensor, Tensor]:
        layer = terms[0].layer
        if layer not in acts.reference:
            raise BadSpec(f"{terms[0].place()} compares with a photo; give one as the reference")
        return acts[layer], acts.reference[layer]

    @classmethod
    def _layer_of(cls, place: Place, head: str) -> str | None:
        if place.quoted or place.head != head or place.selector is None or place.position is not None:
            return None
        return place.selector

    def _spelled(self, head: str, options: tuple[str, ...] = ()) -> Place:
        return Place(head, self.layer, options=options, literal=needs_quotes(self.layer))


@final
@objectives.register("near")
@dataclass(frozen=True)
class Near(_Likeness):
    """Mean over positions of the L2 distance of activations (Hamblin 2024, accentuation); to be subtracted.
    ``near:LAYER``"""

    layer: str

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        ours, theirs = cls._pair(terms, acts)
        apart = rearrange(ours - theirs, "b c ... -> b c (...)") if ours.ndim > 2 else (ours - theirs)[:, :, None]
        # the distance of equal vectors has no gradient of its own: at the start, picture and photo are the same
        return (apart.square().sum(1) + 1e-8).sqrt().mean(1)

    def place(self) -> Place:
        return self._spelled("near")

    @classmethod
    def from_place(cls, place: Place) -> Near | None:
        layer = cls._layer_of(place, "near")
        return None if layer is None else cls(layer)


@final
@objectives.register("invert")
@dataclass(frozen=True)
class Invert(_Likeness):
    """Minus the squared distance from the photo's activations, relative to their length (Mahendran & Vedaldi 2015).

    0 when the layer cannot tell the two apart. ``invert:LAYER``
    """

    layer: str

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        ours, theirs = cls._pair(terms, acts)
        length = theirs.flatten(1).square().sum(1).clamp(min=1e-12)
        distance: Tensor = (ours - theirs).flatten(1).square().sum(1)
        return -distance / length

    def place(self) -> Place:
        return self._spelled("invert")

    @classmethod
    def from_place(cls, place: Place) -> Invert | None:
        layer = cls._layer_of(place, "invert")
        return None if layer is None else cls(layer)


@final
@objectives.register("caricature")
@dataclass(frozen=True)
class Caricature(_Likeness):
    """The photo's direction at a layer, exaggerated: dot * max(.1, cosine)^power, in units of the photo's own squared
    length (Olah 2018). ``caricature:LAYER``"""

    layer: str
    power: float = 1.0

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        ours, theirs = (part.flatten(1) for part in cls._pair(terms, acts))
        dot = (ours * theirs).sum(1)
        length = theirs.norm(dim=1).clamp(min=1e-6)
        cosine = dot / (length * ours.norm(dim=1)).clamp(min=1e-6)
        score: Tensor = dot / length.square() * cosine.clamp(min=0.1) ** terms[0].power
        return score

    @property
    def kin(self) -> tuple[Any, ...]:
        return (Caricature, self.layer, self.power)

    def place(self) -> Place:
        return self._spelled("caricature", () if self.power == 1 else (f"power={number(self.power)}",))

    @classmethod
    def from_place(cls, place: Place) -> Caricature | None:
        layer = cls._layer_of(place, "caricature")
        if layer is None:
            return None
        power = 1.0
        for option in place.options:
            key, _, value = option.partition("=")
            try:
                power = float(value) if key == "power" else float("nan")
            except ValueError:
                power = float("nan")
            if not power >= 0:
                raise place.bad(option, f"caricature takes power=NUMBER, not {option}")
        return cls(layer, power)
