"""What can be made to fire in a layer: neuron, channel, the layer itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from einops import reduce

from ..address import Place
from ..errors import UnitOutOfRange
from ..shapes import Scores
from .base import Activations, Term, objectives
from .spelling import at, index_of, is_channel, is_layer, pick


@final
@objectives.register("channel")
@dataclass(frozen=True)
class Channel(Term):
    """A channel over all positions: its mean, or with ``mode="energy"`` its mean square. ``LAYER:CHANNEL``"""

    layer: str
    channel: int
    mode: Literal["mean", "energy"] = "mean"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def channels(self) -> frozenset[int]:
        return frozenset((self.channel,))

    @property
    def kin(self) -> tuple[Any, ...]:
        return (Channel, self.layer, self.mode)

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        layer = acts[terms[0].layer]
        maps = pick(layer, index_of([term.channel for term in terms], layer, terms[0].layer))
        return reduce(maps**2 if terms[0].mode == "energy" else maps, "b ... -> b", "mean")

    def place(self) -> Place:
        return at(self.layer, str(self.channel), options=() if self.mode == "mean" else (self.mode,))

    @classmethod
    def from_place(cls, place: Place) -> Channel | None:
        if not is_channel(place) or place.position is not None:
            return None
        if place.options not in ((), ("energy",), ("mean",)):
            given = ", ".join(place.options)
            raise place.bad(place.options[0], f"a channel takes the option mean or energy, not {given}")
        return cls(place.head, int(place.selector or 0), "energy" if place.options == ("energy",) else "mean")


@final
@objectives.register("neuron")
@dataclass(frozen=True)
class Neuron(Term):
    """One position of a channel; by default the middle one, ``size // 2``. ``LAYER:CHANNEL@Y,X``"""

    layer: str
    channel: int
    position: tuple[int, int] | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.layer,)

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        layer = acts[terms[0].layer]
        if layer.ndim != 4:
            raise UnitOutOfRange(f"{terms[0].layer} has no map, so no positions; leave out the part after @")
        height, width = layer.shape[2:]
        inner = acts.frame.get(terms[0].layer, (height, width))
        where = [term.spot(inner) for term in terms]
        y = torch.tensor([p[0] + (height - inner[0]) // 2 for p in where], device=layer.device)
        x = torch.tensor([p[1] + (width - inner[1]) // 2 for p in where], device=layer.device)
        maps = pick(layer, index_of([term.channel for term in terms], layer, terms[0].layer))
        return maps[torch.arange(len(terms), device=layer.device), y, x]

    @property
    def channels(self) -> frozenset[int]:
        return frozenset((self.channel,))

    @property
    def pointed(self) -> bool:
        return True

    def spot(self, size: tuple[int, ...]) -> tuple[int, int]:
        if self.position is None:
            return size[0] // 2, size[1] // 2
        y, x = self.position
        if not (0 <= y < size[0] and 0 <= x < size[1]):
            raise UnitOutOfRange(
                f"{self.place()} does not exist: the map of {self.layer} is {size[0]} x {size[1]} at this picture size"
            )
        return y, x

    def place(self) -> Place:
        where = "centre" if self.position is None else "{},{}".format(*self.position)
        return at(self.layer, str(self.channel), where)

    @classmethod
    def from_place(cls, place: Place) -> Neuron | None:
        if not is_channel(place) or place.position is None or place.options:
            return None
        channel = int(place.selector or 0)
        if place.position == "centre":
            return cls(place.head, channel)
        found = re.fullmatch(r"(\d+),(\d+)", place.position)
        if not found:
            reason = f"a position is Y,X or centre, such as {place.head}:{channel}@3,4, not @{place.position}"
            raise place.bad(place.position, reason)
        return cls(place.head, channel, (int(found[1]), int(found[2])))


@final
@objectives.register("layer")
@dataclass(frozen=True)
class Layer(Term):
    """Everything in a layer at once, mean square: the DeepDream objective (Mordvintsev 2015). ``LAYER``"""

    layer: str

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.layer,)

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        return reduce(acts[terms[0].layer] ** 2, "b ... -> b", "mean")

    def place(self) -> Place:
        return at(self.layer)

    @classmethod
    def from_place(cls, place: Place) -> Layer | None:
        bare = place.selector is None and place.position is None and not place.options
        return cls(place.head) if bare and is_layer(place) else None
