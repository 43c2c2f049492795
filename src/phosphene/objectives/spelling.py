"""How units are spelled: what their addresses have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from ..address import Place
from ..errors import UnitOutOfRange
from .base import objectives

CLASSES = ("logit", "prob", "near", "invert", "caricature")  # heads that are no layers


def is_layer(place: Place) -> bool:
    return place.quoted or place.head not in CLASSES


def is_channel(place: Place) -> bool:
    return is_layer(place) and not place.literal and (place.selector or "").isdecimal()


def at(layer: str, selector: str | None = None, position: str | None = None, options: tuple[str, ...] = ()) -> Place:
    """The address of a unit in a layer; a layer that is called like another form stands in quotes."""
    return Place(layer, selector, position, options, quoted=layer in CLASSES or layer in objectives.names())


def needs_quotes(name: str) -> bool:
    """Whether a class or file must stand in quotes so as not to be read as a channel, a list or a vector."""
    return not re.fullmatch(r"[A-Za-z_][\w./~]*", name)


def index_of(units: Sequence[int], acts: Tensor, layer: str) -> Tensor:
    """Channel numbers as a tensor; UnitOutOfRange for one that the layer does not have."""
    width = acts.shape[1]
    for unit in units:
        if not 0 <= unit < width:
            raise UnitOutOfRange(f"{layer}:{unit} does not exist: {layer} has {width} channels, 0 to {width - 1}")
    return torch.tensor(units, device=acts.device)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Row i's column ``index[i]`` of ``(b, c, ...)``."""
    return values[torch.arange(len(index), device=values.device), index]
