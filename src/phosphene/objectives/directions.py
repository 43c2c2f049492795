"""Directions in a layer's channel space."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, final

import torch
from einops import rearrange
from torch import Tensor

from ..address import Place, number
from ..errors import BadSpec, UnitOutOfRange
from ..rng import Stream
from ..shapes import Scores
from .base import Activations, Term, objectives
from .spelling import at, is_channel, is_layer, needs_quotes


@final
@objectives.register("direction")
@dataclass(frozen=True)
class Direction(Term):
    """A direction in a layer's channel space, mean over positions (Olah 2017).

    ``vector`` gives the direction; or ``seed`` draws one, normalised (``LAYER:random#SEED``); or ``file`` names a
    ``.npy`` or text file (``LAYER:FILE``), read when the network is at hand. ``mode``: ``dot`` <a, v>; ``cosine``
    of a and v; ``dotcos`` dot * max(.1, cosine)^power.
    """

    layer: str
    vector: tuple[float, ...] = ()
    seed: int | None = None
    file: str | None = None
    mode: Literal["dot", "cosine", "dotcos"] = "dot"
    power: float = 2.0

    def __post_init__(self) -> None:
        if bool(self.vector) + (self.seed is not None) + (self.file is not None) != 1:
            raise BadSpec("a direction needs exactly one of vector, seed and file")
        if not all(math.isfinite(value) for value in self.vector) or (self.vector and not any(self.vector)):
            raise BadSpec("a direction's vector must be finite and not all zero")

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def kin(self) -> tuple[Any, ...]:
        return (Direction, self.layer, self.mode, self.power)

    def components(self, width: int) -> tuple[float, ...]:
        """The direction's ``width`` components; a drawn one has length 1."""
        if self.seed is not None:
            drawn = Stream.of([self.seed]).fold("direction", self.layer).normal(width)[0].double()
            return tuple((drawn / drawn.norm()).tolist())
        if self.file is not None:
            raise BadSpec(f"the direction in {self.file} has not been read; resolve it with the network first")
        return self.vector

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        layer, first = acts[terms[0].layer], terms[0]
        rows = [term.components(layer.shape[1]) for term in terms]
        for row in rows:
            if len(row) != layer.shape[1]:
                raise UnitOutOfRange(
                    f"the direction has {len(row)} components, {first.layer} has {layer.shape[1]} channels"
                )
        flat = rearrange(layer, "b c ... -> b c (...)") if layer.ndim > 2 else layer[:, :, None]
        vectors = torch.tensor(rows, device=layer.device, dtype=layer.dtype)
        dot = torch.einsum("bcp,bc->bp", flat, vectors)
        if first.mode == "dot":
            return dot.mean(1)
        length = flat.norm(dim=1) * vectors.norm(dim=1, keepdim=True)
        cosine: Tensor = dot / length.clamp(min=1e-12)
        if first.mode == "cosine":
            return cosine.mean(1)
        both: Tensor = dot * cosine.clamp(min=0.1) ** first.power
        return both.mean(1)

    def place(self) -> Place:
        if self.seed is not None:
            selector = f"random#{self.seed}"
        else:
            selector = self.file if self.file is not None else f"({','.join(number(v) for v in self.vector)})"
        power = () if self.power == 2 else (f"power={number(self.power)}",)
        options = (*(() if self.mode == "dot" else (self.mode,)), *power)
        return replace(
            at(self.layer, selector, options=options), literal=self.file is not None and needs_quotes(self.file)
        )

    @classmethod
    def from_place(cls, place: Place) -> Direction | None:
        if not is_layer(place) or place.selector is None or is_channel(place) or place.position is not None:
            return None
        mode: Any = "dot"
        power = 2.0
        for option in place.options:
            key, _, value = option.partition("=")
            if key in ("dot", "cosine", "dotcos") and not value:
                mode = key
            elif key == "power" and value:
                power = _power(place, option, value)
            else:
                raise place.bad(option, f"a direction takes dot, cosine, dotcos and power=NUMBER, not {option}")
        if re.fullmatch(r"random#?", place.selector) and not place.literal:
            raise place.bad(place.selector, f"a random direction needs a seed: {place.head}:random#7")
        drawn = re.fullmatch(r"random#(\d+)", place.selector)
        if drawn and not place.literal:
            return cls(place.head, seed=int(drawn[1]), mode=mode, power=power)
        if place.selector.startswith("(") and not place.literal:
            return cls(place.head, vector=_vector(place), mode=mode, power=power)
        return cls(place.head, file=place.selector, mode=mode, power=power)


def _vector(place: Place) -> tuple[float, ...]:
    try:
        return tuple(float(piece) for piece in (place.selector or "").strip("()").split(","))
    except ValueError as error:
        reason = f"a vector is numbers with commas in parentheses, not {place.selector}"
        raise place.bad(place.selector or "", reason) from error


def _power(place: Place, option: str, value: str) -> float:
    try:
        power = float(value)
    except ValueError:
        power = math.nan
    if not math.isfinite(power):
        raise place.bad(option, f"power is a number, such as power=2, not {value}")
    return power
