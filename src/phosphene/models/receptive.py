"""Receptive fields from the graph: every tensor of one forward carries how much of the picture it sees.

A mode watches the functions that a forward calls, so functional and module networks are seen alike. Where a function
mixes positions in a way that it does not know, the field is the whole picture.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]


@dataclass(frozen=True)
class Field:
    """Position p of a map sees pixels ``p * step + low`` to ``p * step + high``; each rows, columns.

    ``whole``: it sees everything, or nobody knows.
    """

    low: Pair
    high: Pair
    step: Pair
    whole: bool = False

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
        self._set(pictures, Field((0, 0), (0, 0), (1, 1)))

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
            changed = args[0] if func is Tensor.__setitem__ else output
            for made in _tensors([changed]):
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
        return _window(maps[0][1], call) if len(maps) == 1 and call["input"] is maps[0][0] else WHOLE
    if func is F.pad:
        return _padded(maps[0][1], {**dict(zip(("input", "pad"), args, strict=False)), **kwargs}["pad"])
    if _mixes(_name(func), args, kwargs):
        return WHOLE
    steps = {field.step for _, field in maps}
    if len(steps) > 1 or any(tensor.shape[2:] != made.shape[2:] for tensor, _ in maps):
        return WHOLE
    lows, highs = [field.low for _, field in maps], [field.high for _, field in maps]
    low, high = (
        [min(values) for values in zip(*lows, strict=True)],
        [max(values) for values in zip(*highs, strict=True)],
    )
    return Field((low[0], low[1]), (high[0], high[1]), steps.pop())


def _window(field: Field, call: Mapping[str, Any]) -> Field:
    """The field of a convolution or pooling from its arguments."""
    kernel = _pair(tuple(call["weight"].shape[2:]) if "weight" in call else call["kernel_size"])
    stride = _pair(call.get("stride"), kernel if "kernel_size" in call else 1)
    dilation, padding = _pair(call.get("dilation"), 1), call.get("padding", 0)
    reach = (dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1))
    total = {"same": reach, "valid": (0, 0)}.get(padding) if isinstance(padding, str) else None
    before = _pair(padding) if total is None else (total[0] // 2, total[1] // 2)
    return field.seen((-before[0], -before[1]), (reach[0] - before[0], reach[1] - before[1]), stride)


def _padded(field: Field, pad: Any) -> Field:
    """Padding moves positions; its numbers are left, right, top, bottom."""
    top, left = (int(pad[2]) if len(pad) > 2 else 0), int(pad[0])
    return field.seen((-top, -left), (-top, -left))


def _name(func: Any) -> str:
    name = getattr(func, "__name__", "")
    return str(getattr(func.__self__, "__name__", "") if name == "__get__" else name)  # x.mT is a getter


def _mixes(name: str, args: Any, kwargs: Any) -> bool:
    if name in _ALONG:
        return kwargs.get("dim", args[1] if len(args) > 1 else None) not in (1, -3)
    return name in _MIXING


def _pair(value: Any, default: Any = None) -> Pair:
    value = default if value is None or value == [] or value == () else value
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
