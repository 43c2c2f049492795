"""What can be made to fire: neuron, channel, layer, class, direction."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, final

import torch
from einops import rearrange, reduce
from torch import Tensor

from ..address import OUTPUT, Place, number
from ..errors import BadSpec, UnitOutOfRange
from ..rng import Stream
from ..shapes import Scores
from .base import Activations, Term, objectives

_CLASSES = ("logit", "prob")


def _is_layer(place: Place) -> bool:
    return place.quoted or place.head not in _CLASSES


def _is_channel(place: Place) -> bool:
    return _is_layer(place) and not place.literal and (place.selector or "").isdigit()


def _at(layer: str, selector: str | None = None, position: str | None = None, options: tuple[str, ...] = ()) -> Place:
    """The address of a unit in a layer; a layer that is called like another form stands in quotes."""
    return Place(layer, selector, position, options, quoted=layer in _CLASSES or layer in objectives.names())


def _named(name: str) -> bool:
    """Whether a class or file must stand in quotes so as not to be read as a channel, a list or a vector."""
    return not re.fullmatch(r"[A-Za-z_][\w./~]*", name)


def _index(units: Sequence[int], acts: Tensor, layer: str) -> Tensor:
    """Channel numbers as a tensor; UnitOutOfRange for one that the layer does not have."""
    width = acts.shape[1]
    for unit in units:
        if not 0 <= unit < width:
            raise UnitOutOfRange(f"{layer}:{unit} does not exist: {layer} has {width} channels, 0 to {width - 1}")
    return torch.tensor(units, device=acts.device)


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """Row i's column ``index[i]`` of ``(b, c, ...)``."""
    return values[torch.arange(len(index), device=values.device), index]


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
    def kin(self) -> tuple[Any, ...]:
        return (Channel, self.layer, self.mode)

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        layer = acts[terms[0].layer]
        maps = _pick(layer, _index([term.channel for term in terms], layer, terms[0].layer))
        return reduce(maps**2 if terms[0].mode == "energy" else maps, "b ... -> b", "mean")

    def place(self) -> Place:
        return _at(self.layer, str(self.channel), options=() if self.mode == "mean" else (self.mode,))

    @classmethod
    def from_place(cls, place: Place) -> Channel | None:
        if not _is_channel(place) or place.position is not None:
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
        where = [term._position(inner) for term in terms]
        y = torch.tensor([p[0] + (height - inner[0]) // 2 for p in where], device=layer.device)
        x = torch.tensor([p[1] + (width - inner[1]) // 2 for p in where], device=layer.device)
        maps = _pick(layer, _index([term.channel for term in terms], layer, terms[0].layer))
        return maps[torch.arange(len(terms), device=layer.device), y, x]

    def _position(self, size: tuple[int, ...]) -> tuple[int, int]:
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
        return _at(self.layer, str(self.channel), where)

    @classmethod
    def from_place(cls, place: Place) -> Neuron | None:
        if not _is_channel(place) or place.position is None or place.options:
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
        return _at(self.layer)

    @classmethod
    def from_place(cls, place: Place) -> Layer | None:
        bare = place.selector is None and place.position is None and not place.options
        return cls(place.head) if bare and _is_layer(place) else None


class _Class(Term):
    """What Logit and Probability share: a class by index, or by name until a network has resolved it."""

    label: int | str

    @property
    def reads(self) -> tuple[str, ...]:
        return (OUTPUT,)

    @classmethod
    def _numbers(cls, terms: Sequence[_Class]) -> list[int]:
        for term in terms:
            if not isinstance(term.label, int):
                raise BadSpec(f"the class {term.label!r} is a name; resolve it with the network's labels first")
        return [int(term.label) for term in terms]

    @classmethod
    def _from(cls, place: Place, head: str) -> Any:
        if place.quoted or place.head != head or place.selector is None or place.position or place.options:
            return None
        return int(place.selector) if place.selector.isdigit() and not place.literal else place.selector

    def _spelled(self, head: str) -> Place:
        label = self.label
        return Place(head, str(label), literal=isinstance(label, str) and _named(label))


@final
@objectives.register("logit")
@dataclass(frozen=True)
class Logit(_Class):
    """A class before the softmax; preferred to its probability (Simonyan 2013). ``logit:CLASS``"""

    label: int | str

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        return _pick(acts[OUTPUT], _index(cls._numbers(terms), acts[OUTPUT], "logit"))

    def place(self) -> Place:
        return self._spelled("logit")

    @classmethod
    def from_place(cls, place: Place) -> Logit | None:
        label = cls._from(place, "logit")
        return None if label is None else cls(label)


@final
@objectives.register("prob")
@dataclass(frozen=True)
class Probability(_Class):
    """A class after the softmax; can rise by lowering the others. ``prob:CLASS``"""

    label: int | str

    @classmethod
    def score_rows(cls, terms: Sequence[Any], acts: Activations) -> Scores:
        return _pick(acts[OUTPUT].softmax(1), _index(cls._numbers(terms), acts[OUTPUT], "prob"))

    def place(self) -> Place:
        return self._spelled("prob")

    @classmethod
    def from_place(cls, place: Place) -> Probability | None:
        label = cls._from(place, "prob")
        return None if label is None else cls(label)


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
        return replace(_at(self.layer, selector, options=options), literal=self.file is not None and _named(self.file))

    @classmethod
    def from_place(cls, place: Place) -> Direction | None:
        if not _is_layer(place) or place.selector is None or _is_channel(place) or place.position is not None:
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
