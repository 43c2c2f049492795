"""What a network is made of: one dry forward tells every layer's name, kind, width, map size and receptive field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .receptive import Field, FieldMode

Kind = Literal["map", "map-last", "tokens", "vector"]


@dataclass(frozen=True)
class Layer:
    """One named module whose output is a float tensor.

    ``kind``: ``map`` (b, c, h, w), ``map-last`` (b, h, w, c), ``tokens`` (b, t, c), ``vector`` (b, c). ``size``: the
    positions, ``(h, w)``, ``(t,)`` or ``()``. ``calls``: how often one forward runs it. ``field``: receptive field in
    pixels of the last call, None when it is the whole picture or cannot be told from the graph.
    """

    name: str
    kind: Kind
    channels: int
    size: tuple[int, ...]
    calls: int
    field: tuple[int, int] | None
    module: str


def first_tensor(output: Any) -> Tensor | None:
    """A module's output, or the first tensor in it when it returns several."""
    if isinstance(output, Tensor):
        return output
    values: Any = ()
    if isinstance(output, dict):
        values = output.values()
    elif isinstance(output, tuple | list):
        values = output
    elif hasattr(output, "__dataclass_fields__"):
        values = (getattr(output, name) for name in output.__dataclass_fields__)
    return next((value for value in values if isinstance(value, Tensor)), None)


def kind_of(shape: torch.Size, picture: tuple[int, int]) -> Kind | None:
    """How a tensor of this shape is laid out, seen with a picture of ``picture`` pixels; None if it is no layer."""
    if len(shape) == 2:
        return "vector"
    if len(shape) == 3:
        return "tokens"
    if len(shape) == 4:

        def skew(h: int, w: int) -> float:
            return abs(math.log(h / w) - math.log(picture[0] / picture[1]))

        first, last = skew(shape[2], shape[3]), skew(shape[1], shape[2])
        return "map-last" if last < first and last < 0.1 and shape[3] > 1 else "map"
    return None


def channels_first(acts: Tensor, kind: Kind) -> Tensor:
    """Any layer as ``(b, c, ...)``."""
    return acts.movedim(-1, 1) if kind in ("map-last", "tokens") else acts


def walk(module: nn.Module, forward: Any, pictures: Tensor) -> dict[str, Layer]:
    """Every layer in the order in which it first finishes. ``forward(pictures)`` runs the network once."""
    seen: dict[str, tuple[Tensor, Field | None, int]] = {}
    handles = []
    mode = FieldMode(pictures)

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            tensor = first_tensor(output)
            if tensor is not None and tensor.is_floating_point() and tensor.ndim >= 2:
                calls = seen[name][2] if name in seen else 0
                seen[name] = (tensor, mode.field(tensor), calls + 1)

        return hook

    for name, child in module.named_modules():
        if name:
            handles.append(child.register_forward_hook(note(name)))
    try:
        with torch.no_grad(), mode:
            forward(pictures)
    finally:
        for handle in handles:
            handle.remove()
    return {layer.name: layer for layer in _describe(module, seen, tuple(pictures.shape[2:]))}


def _describe(
    module: nn.Module, seen: dict[str, tuple[Tensor, Field | None, int]], picture: tuple[int, ...]
) -> Iterator[Layer]:
    modules = dict(module.named_modules())
    for name, (tensor, field, calls) in seen.items():
        kind = kind_of(tensor.shape, (picture[0], picture[1]))
        if kind is None:
            continue
        shape = channels_first(tensor, kind).shape
        whole = field is None or field.whole
        yield Layer(
            name=name,
            kind=kind,
            channels=shape[1],
            size=tuple(shape[2:]),
            calls=calls,
            field=None if whole or field is None else (math.ceil(field.size[0]), math.ceil(field.size[1])),
            module=type(modules[name]).__name__,
        )
