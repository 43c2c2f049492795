"""The same arithmetic for one picture as for many, on a CPU.

PyTorch chooses a convolution routine by batch size, and the routines round differently. An ascent amplifies a last bit
into another picture within a few dozen steps, so a picture made alone would not be the one that a batch makes. Inside
``Steady`` every plain convolution, and every linear layer on vectors, goes through one oneDNN routine, and its input
gradient is a forward convolution too: per output phase with a flipped kernel, then a pixel shuffle. Equal to autograd
up to rounding; the small maps of late layers also leave a slow path. Weights must be frozen; anything else is left to
PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]
_HERE = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def phases(weight: Tensor, stride: Pair, groups: int = 1) -> Tensor:
    """The kernel of the input gradient: ``(c * s * s, o, J, J)`` from ``(o, c, k, k)``, J = ceil(k / s).

    Output ``(c, a, b)`` is the gradient at the input positions that are a and b beyond a multiple of the stride. With
    groups, each has its own ``c`` and ``o``, one after the other.
    """
    if groups > 1:
        return torch.cat([phases(part, stride) for part in weight.chunk(groups)])
    outputs, inputs, high, wide = weight.shape
    rows, columns = -(-high // stride[0]), -(-wide // stride[1])
    padded = F.pad(weight, (0, columns * stride[1] - wide, 0, rows * stride[0] - high))
    split = padded.view(outputs, inputs, rows, stride[0], columns, stride[1]).flip(2, 4)
    return split.permute(1, 3, 5, 0, 2, 4).reshape(-1, outputs, rows, columns).contiguous()


def input_gradient(
    g: Tensor, kernel: Tensor, shape: torch.Size, padding: Pair, stride: Pair, groups: int = 1
) -> Tensor:
    """d(loss)/d(input) of a convolution from that of its output, as one convolution with ``phases(weight, stride)``."""
    rows, columns = kernel.shape[2:]
    if stride == (1, 1) and padding[0] < rows and padding[1] < columns:
        return _convolve(g, kernel, None, (rows - 1 - padding[0], columns - 1 - padding[1]), (1, 1), groups)
    return by_phases(
        g, lambda x, around: _convolve(x, kernel, None, around, (1, 1), groups), (rows, columns), shape, padding, stride
    )


def by_phases(
    g: Tensor, convolve: Callable[[Tensor, Pair], Tensor], kernel: Pair, shape: torch.Size, padding: Pair, stride: Pair
) -> Tensor:
    """The input gradient of any stride: one convolution for all phases, ``kernel`` wide, then a pixel shuffle.

    ``convolve``: a tensor and how many zeros are put around it.
    """
    rows, columns = kernel
    last = g.is_contiguous(memory_format=torch.channels_last) and not g.is_contiguous()
    high = -(-(shape[2] + 2 * padding[0]) // stride[0])
    wide = -(-(shape[3] + 2 * padding[1]) // stride[1])
    if high - g.shape[2] <= rows - 1 and wide - g.shape[3] <= columns - 1:  # the zeros cost nothing then
        found = convolve(g, (rows - 1, columns - 1))[:, :, :high, :wide]
    else:
        found = convolve(F.pad(g, (columns - 1, wide - g.shape[3], rows - 1, high - g.shape[2])), (0, 0))
    found = _shuffled(found, stride, last)
    return found[:, :, padding[0] : padding[0] + shape[2], padding[1] : padding[1] + shape[3]]


def _shuffled(x: Tensor, stride: Pair, last: bool) -> Tensor:
    """``(b, c * s * t, h, w)`` -> ``(b, c, h * s, w * t)``."""
    if stride[0] == stride[1]:
        return F.pixel_shuffle(x, stride[0])
    rows, channels, high, wide = x.shape
    channels //= stride[0] * stride[1]
    x = x.reshape(rows, channels, *stride, high, wide)
    if last:
        x = x.permute(0, 4, 2, 5, 3, 1).reshape(rows, high * stride[0], wide * stride[1], channels)
        return x.permute(0, 3, 1, 2)
    return x.permute(0, 1, 4, 2, 5, 3).reshape(rows, channels, high * stride[0], wide * stride[1])


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Pair, stride: Pair, groups: int) -> Tensor:
    made: Tensor = torch.mkldnn_convolution(x, weight, bias, padding, stride, (1, 1), groups)
    return made


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        padding: Pair,
        stride: Pair,
        groups: int,
        kernel: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.how = (x.shape, padding, stride, groups)
        return _convolve(x, weight, bias, padding, stride, groups)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (kernel,) = ctx.saved_tensors
        (g,) = gradients
        if not g.is_contiguous(memory_format=torch.channels_last):
            g = g.contiguous()
        return input_gradient(g, kernel, *ctx.how), None, None, None, None, None, None


class Steady(TorchFunctionMode):
    """Inside it, a row of a forward or backward pass does not depend on how many rows there are."""

    def __init__(self) -> None:
        super().__init__()
        self._kernels: dict[tuple[int, Pair], tuple[Tensor, int, Tensor]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.conv2d or func is F.conv2d:
            made = self._conv2d(*args, **kwargs)
        elif func is F.linear:
            made = self._linear(*args, **kwargs)
        else:
            made = None
        return func(*args, **kwargs) if made is None else made

    def _conv2d(self, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,  # noqa: A002
                padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor | None:  # fmt: skip
        plain = pair(dilation) == (1, 1) and not isinstance(padding, str)
        if not plain or input.ndim != 4 or not _ours(input, weight, bias):
            return None
        stride = pair(stride)
        made: Tensor = _Convolution.apply(
            input, weight, bias, pair(padding), stride, groups, self._kernel(weight, stride, groups)
        )
        return made

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:  # noqa: A002
        if input.ndim != 2 or not _ours(input, weight, bias):
            return None
        made = self._conv2d(input[:, :, None, None], weight[:, :, None, None], bias)
        return None if made is None else made[:, :, 0, 0]

    def _kernel(self, weight: Tensor, stride: Pair, groups: int) -> Tensor:
        """The gradient's kernel; of a parameter made once, and again when it has changed."""
        if not isinstance(weight, nn.Parameter):  # computed in the forward: another tensor each time
            return phases(weight.detach(), stride, groups)
        key = (id(weight), stride)
        known = self._kernels.get(key)
        if known is None or known[1] != weight._version or known[0] is not weight:
            known = (weight, weight._version, phases(weight.detach(), stride, groups))
            self._kernels[key] = known
        return known[2]


def _ours(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    frozen = not weight.requires_grad and (bias is None or not bias.requires_grad)
    cpu = x.device.type == "cpu" and x.dtype == weight.dtype and x.dtype in (torch.float32, torch.bfloat16)
    return frozen and cpu and x.numel() > 0 and bool(torch.backends.mkldnn.enabled) and _HERE
