"""Receptive fields from the graph: every tensor of one forward carries how much of the picture it sees.

A mode watches the functions that a forward calls, so functional and module networks are seen alike. Where a function
mixes positions in a way that it does not know, the field is the whole picture.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .spans import Span, padded, pixels, together, windowed

Pair = tuple[int, int]


@dataclass(frozen=True)
class Field:
    """Position p of a map sees pixels ``p * step + low`` to ``p * step + high``; each rows, columns.

    ``whole``: it sees everything, or nobody knows. ``spans``: the same for each row and each column, exact up to the
    edges of the picture.
    """

    low: Pair
    high: Pair
    step: Pair
    whole: bool = False
    spans: tuple[Span, Span] | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> Pair:
        return self.high[0] - self.low[0] + 1, self.high[1] - self.low[1] + 1

    def seen(self, low: Pair, high: Pair, stride: Pair = (1, 1)) -> Field:
        """The field of a function that looks at positions ``p * stride + low`` to ``p * stride + high`` of this map."""
        lows, highs, steps = zip(
            *(
                (a + x * step, b + y * step, step * s)
                for a, b, step, x, y, s in zip(self.low, self.high, self.step, low, high, stride, strict=True)
            ),
            strict=True,
        )
        return Field(lows, highs, steps)


WHOLE = Field((0, 0), (0, 0), (0, 0), whole=True)

_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation")
_WINDOWS: dict[Any, tuple[str, ...]] = {
    torch.conv2d: _CONVOLUTION,
    F.conv2d: _CONVOLUTION,
    **dict.fromkeys(
        (F.max_pool2d, torch.max_pool2d, F.max_pool2d_with_indices),
        ("input", "kernel_size", "stride", "padding", "dilation"),
    ),
    F.avg_pool2d: ("input", "kernel_size", "stride", "padding"),
}
# These may keep the map's shape and yet move or mix its positions.
_MIXING = """
    group_norm instance_norm layer_norm scaled_dot_product_attention multi_head_attention_forward conv_transpose2d
    grid_sample interpolate upsample roll flip fliplr flipud rot90 matmul __matmul__ __rmatmul__ einsum linear
    permute transpose swapaxes swapdims movedim moveaxis mT T sort argsort gather take_along_dim index_select
    scatter scatter_add fft_fft2 fft_ifft2 fft_fft fft_ifft max_unpool2d tril triu __setitem__
""".split()  # noqa: SIM905
# These do so along one dimension; along the channels they are harmless.
_ALONG = """
    softmax log_softmax softmin gumbel_softmax normalize cumsum cumprod cummax cummin logcumsumexp
""".split()  # noqa: SIM905


class FieldMode(TorchFunctionMode):
    """Inside it, ``field(tensor)`` tells what a tensor of the forward sees of ``pictures``."""

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self._fields: dict[int, tuple[weakref.ref[Tensor], Field]] = {}
        spans = pixels(pictures.shape[2]), pixels(pictures.shape[3])
        self._set(pictures, Field((0, 0), (0, 0), (1, 1), spans=spans))

    def _set(self, tensor: Tensor, field: Field) -> None:
        self._fields[id(tensor)] = (weakref.ref(tensor), field)

    def field(self, tensor: Tensor) -> Field | None:
        entry = self._fields.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        sources = [(t, f) for t in tensors_in([*args, *kwargs.values()]) if (f := self.field(t)) is not None]
        if sources:
            changed = args[0] if func is Tensor.__setitem__ else output
            for made in tensors_in([changed]):
                if self.field(made) is None or any(made is t for t, _ in sources) or changed is not output:
                    self._set(made, _derive(func, sources, made, args, kwargs))
        return output


def _derive(func: Any, sources: list[tuple[Tensor, Field]], made: Tensor, args: Any, kwargs: Any) -> Field:
    maps = [(tensor, field) for tensor, field in sources if tensor.ndim == 4]
    if any(field.whole for _, field in sources) or len(maps) != len(sources) or made.ndim != 4:
        return WHOLE
    if func in _WINDOWS:
        call = {**dict(zip(_WINDOWS[func], args, strict=False)), **kwargs}
        # a weight that depends on the picture has looked at it in a way of its own
        return _window(maps[0][1], call, made) if len(maps) == 1 and call["input"] is maps[0][0] else WHOLE
    if func is F.pad:
        call = {**dict(zip(("input", "pad", "mode"), args, strict=False)), **kwargs}
        return _padded(maps[0][1], call["pad"], call.get("mode", "constant"))
    if _mixes(function_name(func), args, kwargs):
        return WHOLE
    steps = {field.step for _, field in maps}
    if len(steps) > 1 or any(tensor.shape[2:] != made.shape[2:] for tensor, _ in maps):
        return WHOLE
    lows, highs = [field.low for _, field in maps], [field.high for _, field in maps]
    low, high = (
        [min(values) for values in zip(*lows, strict=True)],
        [max(values) for values in zip(*highs, strict=True)],
    )
    rows, columns = zip(*(field.spans for _, field in maps if field.spans is not None), strict=True)
    return Field((low[0], low[1]), (high[0], high[1]), steps.pop(), spans=(together(rows), together(columns)))


def _window(field: Field, call: Mapping[str, Any], made: Tensor) -> Field:
    """The field of a convolution or pooling from its arguments and the map that it made."""
    kernel = pair(tuple(call["weight"].shape[2:]) if "weight" in call else call["kernel_size"])
    stride = pair(call.get("stride"), kernel if "kernel_size" in call else 1)
    dilation, padding = pair(call.get("dilation"), 1), call.get("padding", 0)
    reach = (dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1))
    total = {"same": reach, "valid": (0, 0)}.get(padding) if isinstance(padding, str) else None
    before = pair(padding) if total is None else (total[0] // 2, total[1] // 2)
    found = field.seen((-before[0], -before[1]), (reach[0] - before[0], reach[1] - before[1]), stride)
    assert field.spans is not None
    rows, columns = (
        windowed(
            field.spans[axis],
            made.shape[2 + axis],
            kernel=kernel[axis],
            stride=stride[axis],
            dilation=dilation[axis],
            before=before[axis],
        )
        for axis in (0, 1)
    )
    return replace(found, spans=(rows, columns))


def _padded(field: Field, pad: Any, mode: str) -> Field:
    """Padding moves positions; its numbers are left, right, top, bottom."""
    left, right, top, bottom = (*map(int, pad[:4]), 0, 0)[:4]
    assert field.spans is not None
    rows, columns = padded(field.spans[0], top, bottom, mode), padded(field.spans[1], left, right, mode)
    return replace(field.seen((-top, -left), (-top, -left)), spans=(rows, columns))


def function_name(func: Any) -> str:
    name = getattr(func, "__name__", "")
    return str(getattr(func.__self__, "__name__", "") if name == "__get__" else name)  # x.mT is a getter


def _mixes(name: str, args: Any, kwargs: Any) -> bool:
    if name == "__getitem__":  # the map's shape may stay and its positions move: x[:, :, order]
        return _picks(args[1])
    if name in _ALONG:
        return kwargs.get("dim", args[1] if len(args) > 1 else None) not in (1, -3)
    return name in _MIXING


def _picks(index: Any) -> bool:
    """Whether an index picks among the positions of a map."""
    index = index if isinstance(index, tuple) else (index,)
    early = next((place for place, one in enumerate(index) if one is Ellipsis), 2)
    return any(one is not Ellipsis and not _all(one) for one in index[min(early, 2) :])


def _all(one: Any) -> bool:
    return isinstance(one, slice) and one == slice(None)


def pair(value: Any, default: Any = None) -> Pair:
    value = default if value is None or value == [] or value == () else value
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def tensors_in(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from tensors_in(value)
