"""Receptive fields from the graph: every tensor of one forward carries how much of the picture it sees.

A mode watches the functions that a forward calls, so functional and module networks are seen alike. Where a function
mixes positions in a way that it does not know, the field is the whole picture.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Field:
    """``size``: pixels seen, rows and columns; ``step``: pixels between neighbours; ``whole``: sees everything."""

    size: tuple[float, float]
    step: tuple[float, float]
    whole: bool = False


WHOLE = Field((0, 0), (0, 0), whole=True)


def _pair(value: Any, default: Any = None) -> tuple[int, int]:
    value = default if value is None or value == [] or value == () else value
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def _window(field: Field, kernel: Any, stride: Any, dilation: Any) -> Field:
    kernel, dilation = _pair(kernel), _pair(dilation, 1)
    stride = _pair(stride, kernel)
    size = tuple(s + (k - 1) * d * step for s, k, d, step in zip(field.size, kernel, dilation, field.step, strict=True))
    steps = tuple(step * s for step, s in zip(field.step, stride, strict=True))
    return Field((size[0], size[1]), (steps[0], steps[1]))


def _convolution(field: Field, x: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1) -> Field:  # fmt: skip
    return _window(field, tuple(weight.shape[2:]), stride, dilation)


def _pool(field: Field, x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
          *rest: Any, **more: Any) -> Field:  # fmt: skip
    return _window(field, kernel_size, stride, dilation)


def _average(field: Field, x: Tensor, kernel_size: Any, stride: Any = None, *rest: Any, **more: Any) -> Field:
    return _window(field, kernel_size, stride, 1)


_WINDOWS: dict[Any, Callable[..., Field]] = {
    torch.conv2d: _convolution,
    F.conv2d: _convolution,
    F.max_pool2d: _pool,
    torch.max_pool2d: _pool,
    F.max_pool2d_with_indices: _pool,
    F.avg_pool2d: _average,
}
# These keep the map's shape and yet look at all of it.
_MIXING = (F.group_norm, F.instance_norm, F.scaled_dot_product_attention, F.multi_head_attention_forward)


class FieldMode(TorchFunctionMode):
    """Inside it, ``field(tensor)`` tells what a tensor of the forward sees of ``pictures``."""

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self._fields: dict[int, tuple[weakref.ref[Tensor], Field]] = {}
        self._set(pictures, Field((1, 1), (1, 1)))

    def _set(self, tensor: Tensor, field: Field) -> None:
        self._fields[id(tensor)] = (weakref.ref(tensor), field)

    def field(self, tensor: Tensor) -> Field | None:
        entry = self._fields.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        sources = [(t, f) for t in _tensors([*args, *kwargs.values()]) if (f := self.field(t)) is not None]
        if sources:
            for made in _tensors([output]):
                if self.field(made) is None or any(made is t for t, _ in sources):
                    self._set(made, self._derive(func, sources, made, args, kwargs))
        return output

    def _derive(self, func: Any, sources: list[tuple[Tensor, Field]], made: Tensor, args: Any, kwargs: Any) -> Field:
        if any(field.whole for _, field in sources) or func in _MIXING:
            return WHOLE
        if func in _WINDOWS:
            return _WINDOWS[func](sources[0][1], *args, **kwargs)
        maps = [(tensor, field) for tensor, field in sources if tensor.ndim == 4]
        if len(maps) != len(sources) or made.ndim != 4 or not _same_positions(func, maps, made):
            return WHOLE
        rows = max(field.size[0] for _, field in maps)
        columns = max(field.size[1] for _, field in maps)
        return Field((rows, columns), maps[0][1].step)


def _same_positions(func: Any, maps: list[tuple[Tensor, Field]], made: Tensor) -> bool:
    """Whether each position of ``made`` comes from that position of the sources (padding moves it, no more)."""
    if func in (F.pad, torch.nn.functional.pad):
        return True
    return all(tensor.shape[2:] == made.shape[2:] for tensor, _ in maps)


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
