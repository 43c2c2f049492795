"""What a network is made of: one dry forward tells every layer's name, kind, width, map size and receptive field."""

from __future__ import annotations

import dataclasses
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
    """One run of a named module whose output is a float tensor.

    ``kind``: ``map`` (b, c, h, w), ``map-last`` (b, h, w, c), ``tokens`` (b, t, c), ``vector`` (b, c). ``size``: the
    positions, ``(h, w)``, ``(t,)`` or ``()``. ``calls``: how often one forward runs it. ``reach``: what a position
    sees, None when it is the whole picture or cannot be told from the graph.
    """

    name: str
    kind: Kind
    channels: int
    size: tuple[int, ...]
    calls: int
    reach: Field | None
    module: str

    @property
    def field(self) -> tuple[int, int] | None:
        """The receptive field's rows and columns in pixels."""
        return None if self.reach is None else self.reach.size


def layer_tensor(output: Any) -> Tensor | None:
    """The activations in a module's output: the first float tensor, also when it returns several; or None."""
    values: Any = ()
    if isinstance(output, Tensor):
        values = (output,)
    elif isinstance(output, dict):
        values = output.values()
    elif isinstance(output, tuple | list):
        values = output
    elif dataclasses.is_dataclass(output):
        values = (getattr(output, field.name) for field in dataclasses.fields(output))
    floats = (value for value in values if isinstance(value, Tensor) and value.is_floating_point())
    found = next(floats, None)
    return found if found is not None and 2 <= found.ndim <= 4 else None


def kind_of(shape: torch.Size, picture: tuple[int, int], module: type[nn.Module] = nn.Module) -> Kind:
    """How a tensor of 2 to 4 dimensions is laid out, seen with a picture of ``picture`` pixels.

    Of four dimensions, those that are shaped like the picture are the positions. When both pairs are, the module
    decides: ``nn.Linear`` and ``nn.LayerNorm`` themselves (not subclasses, which may turn the map) put channels last.
    """
    if len(shape) < 4:
        return "vector" if len(shape) == 2 else "tokens"

    def skew(h: int, w: int) -> float:
        return abs(math.log(max(h, 1) / max(w, 1)) - math.log(picture[0] / picture[1]))

    first, last = skew(shape[2], shape[3]), skew(shape[1], shape[2])
    alike = last < first if module not in (nn.Linear, nn.LayerNorm) else last <= first
    return "map-last" if alike and last < 0.1 and shape[3] > 1 else "map"


def channels_first(acts: Tensor, kind: Kind) -> Tensor:
    """Any layer as ``(b, c, ...)``."""
    return acts.movedim(-1, 1) if kind in ("map-last", "tokens") else acts


def walk(module: nn.Module, forward: Any, pictures: Tensor) -> dict[str, tuple[Layer, ...]]:
    """Every layer, once for each of its runs, in the order in which it first finishes.

    ``forward(pictures)`` runs the network once. What has not one row per picture, such as the windows of a Swin block,
    is no layer.
    """
    seen: dict[str, list[tuple[torch.Size, Field | None]]] = {}
    handles = []
    mode = FieldMode(pictures)

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            tensor = layer_tensor(output)
            if tensor is not None:
                seen.setdefault(name, []).append((tensor.shape, mode.field(tensor)))

        return hook

    try:
        for name, child in module.named_modules():
            if name:
                handles.append(child.register_forward_hook(note(name)))
        with torch.no_grad(), mode:
            forward(pictures)
    finally:
        for handle in handles:
            handle.remove()
    modules = dict(module.named_modules())
    return {
        name: tuple(_describe(name, type(modules[name]), runs, (pictures.shape[2], pictures.shape[3])))
        for name, runs in seen.items()
        if all(shape[0] == len(pictures) for shape, _ in runs)
    }


def _describe(
    name: str, module: type[nn.Module], runs: list[tuple[torch.Size, Field | None]], picture: tuple[int, int]
) -> Iterator[Layer]:
    for shape, field in runs:
        kind = kind_of(shape, picture, module)
        channels = shape[1] if kind in ("map", "vector") else shape[-1]
        size = {"vector": (), "tokens": shape[1:2], "map": shape[2:], "map-last": shape[1:3]}[kind]
        known = None if field is None or field.whole else field
        yield Layer(name, kind, channels, tuple(size), len(runs), known, module.__name__)
