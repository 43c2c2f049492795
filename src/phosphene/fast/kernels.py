"""Layers as the fast path runs them: weights frozen, folded and laid out once, only the input's gradient.

A convolution and the ReLU behind it are one kernel, and their gradient needs nothing but the output. On a CPU with
oneDNN the input gradient is itself a forward convolution, with flipped weights (stride 1) or one small kernel per
output phase and a pixel shuffle (larger strides); what has no such form is left to PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.steady import Pair, by_phases, phases
from ..models.surgery import redirected_gradient

LAST = torch.channels_last
KEPT = 4  # layouts that a convolution remembers: a few batch sizes


@dataclass
class Switch:
    """Shared by the fused layers of a program, which RedirectRelu cannot see into. ``redirect``: as it does."""

    redirect: bool = False


class Relu(nn.Module):
    """max(x, 0), or clipped at ``top`` too; never in place."""

    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top

    def forward(self, x: Tensor) -> Tensor:
        return relu(x, self.top)


def relu(x: Tensor, top: float) -> Tensor:
    """One function call, so that ``RedirectRelu`` sees it."""
    return F.relu(x) if top == float("inf") else F.hardtanh(x, 0.0, top)


class Geometry(NamedTuple):
    """How a convolution's kernel moves."""

    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int


class Convolution(nn.Module):
    """A convolution with everything folded into it. ``top``: a ReLU follows, clipped there; None: none does."""

    def __init__(self, weight: Tensor, bias: Tensor | None, how: Geometry, dtype: torch.dtype, switch: Switch) -> None:
        super().__init__()
        self.weight = weight.detach().to(dtype).contiguous(memory_format=LAST)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.stride, self.padding, self.dilation, self.groups = how
        self.switch = switch
        self.top: float | None = None
        self.blocks = True  # its ReLU blocks gradients here; not where a max-pool behind it does so on its smaller map

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv2d(x.to(self.weight.dtype), self.weight, self.bias, self.stride, self.padding, self.dilation,
                     self.groups)  # fmt: skip
        return y if self.top is None else relu(y, self.top)


class PackedConvolution(Convolution):
    """The same by oneDNN on a CPU."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._forth = _Packed(self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups)
        self._back = self._gradient_kernel()

    def _gradient_kernel(self) -> _Packed | None:
        """The convolution that turns the output's gradient into the input's; None where PyTorch's own is used."""
        (high, wide), (up, left) = self.weight.shape[2:], self.padding
        outputs, inputs = self.weight.shape[:2]
        if self.stride == (1, 1):
            edges = self.dilation[0] * (high - 1) - up, self.dilation[1] * (wide - 1) - left
            if min(edges) < 0:
                return None
            split = self.weight.view(self.groups, outputs // self.groups, inputs, high, wide)
            flipped = split.transpose(1, 2).flip(3, 4).reshape(-1, outputs // self.groups, high, wide)
            return _Packed(flipped, None, edges, (1, 1), self.dilation, self.groups)
        if self.dilation != (1, 1):
            return None
        if (high, wide) == (1, 1):
            split = self.weight.view(self.groups, outputs // self.groups, inputs, 1, 1)
            turned = split.transpose(1, 2).reshape(-1, outputs // self.groups, 1, 1)
            return _Packed(turned, None, (0, 0), (1, 1), (1, 1), self.groups)
        return _Packed(phases(self.weight, self.stride, self.groups), None, (0, 0), (1, 1), (1, 1), self.groups)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """``other``: added before the ReLU, as the shortcut of a residual block is."""
        x = x.to(self.weight.dtype)
        if other is None or other.shape == self.size(x):
            made: Tensor = _Convolution.apply(x, other, self, self.top)
            return made
        made = _Convolution.apply(x, None, self, None) + other  # one number for many positions, say
        return made if self.top is None else relu(made, self.top)

    def size(self, x: Tensor) -> torch.Size:
        """The shape of the output."""
        sides = [
            (x.shape[2 + i] + 2 * self.padding[i] - self.dilation[i] * (self.weight.shape[2 + i] - 1) - 1)
            // self.stride[i] + 1 for i in (0, 1)
        ]  # fmt: skip
        return torch.Size((len(x), len(self.weight), *sides))

    def forget(self) -> None:
        """Drop the layouts that were made so far."""
        for kernel in (self._forth, self._back):
            if kernel is not None:
                kernel.laid.clear()

    def forth(self, x: Tensor, other: Tensor | None, top: float | None) -> Tensor:
        return self._forth(x, top, other=other)

    def back(self, g: Tensor, shape: torch.Size) -> Tensor:
        """d(loss)/d(input) from that of the output before the ReLU."""
        if self._back is None:
            x = g.new_empty(()).expand(shape)
            found: Tensor = torch.ops.aten.convolution_backward(
                g, x, self.weight, None, self.stride, self.padding, self.dilation, False, (0, 0), self.groups,
                (True, False, False))[0]  # fmt: skip
            return found
        if self.stride == (1, 1):
            return self._back(g, None)
        if self.weight.shape[2:] == (1, 1):
            return self._spread(self._back(g, None), shape)
        back = self._back
        kernel = (back.weight.shape[2], back.weight.shape[3])
        return by_phases(g, lambda x, around: back(x, None, around), kernel, shape, self.padding, self.stride)

    def _spread(self, g: Tensor, shape: torch.Size) -> Tensor:
        """A 1x1 convolution reads every stride-th position; the others have no gradient."""
        (down, right), (up, left) = self.stride, self.padding
        full = g.new_zeros((shape[0], shape[1], shape[2] + 2 * up, shape[3] + 2 * left)).contiguous(memory_format=LAST)
        full[:, :, ::down, ::right] = g
        return full[:, :, up : up + shape[2], left : left + shape[3]]


class _Packed:
    """One oneDNN convolution, its weights in the layout that suits each input shape."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, padding: Pair, stride: Pair, dilation: Pair, groups: int
    ) -> None:
        self.weight = weight.contiguous(memory_format=LAST)
        self.bias = bias
        self.padding = padding
        self.how = (list(stride), list(dilation), groups)
        self.laid: dict[tuple[torch.Size, Pair], Tensor] = {}

    def __call__(
        self, x: Tensor, top: float | None, padding: Pair | None = None, other: Tensor | None = None
    ) -> Tensor:
        """``padding``: another than its own. ``other``: of the output's shape, added before it is clipped."""
        padding = padding or self.padding
        key = (x.shape, padding)
        laid = self.laid.get(key)
        if laid is None:
            if len(self.laid) >= KEPT:
                self.laid.pop(next(iter(self.laid)))
            laid = torch.ops.mkldnn._reorder_convolution_weight(self.weight, padding, *self.how, x.shape)
            self.laid[key] = laid
        after = _AFTER.get(top, ("hardtanh", [0.0, top]))
        run = torch.ops.mkldnn._convolution_pointwise
        if other is None:
            made: Tensor = run(x, laid, self.bias, padding, *self.how, *after, "")
        else:
            other = other.to(x.dtype, memory_format=LAST)
            made = run.binary(x, other, laid, self.bias, padding, *self.how, "add", 1.0, *_unary(after))
        return made


_AFTER: dict[float | None, tuple[str, list[Any]]] = {None: ("none", []), float("inf"): ("relu", [])}


def _unary(after: tuple[str, list[Any]]) -> tuple[str | None, list[Any], str | None]:
    """The same as the operation with two inputs wants it."""
    return (None, [], None) if after[0] == "none" else (after[0], after[1], "")


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, other: Tensor | None, layer: PackedConvolution, top: float | None) -> Tensor:
        y = layer.forth(x, other, top)
        ctx.layer, ctx.shape, ctx.redirect, ctx.top = layer, x.shape, layer.switch.redirect, top
        ctx.masked = top is not None and (layer.blocks or ctx.redirect)
        if ctx.masked:
            ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        g = gradients[0]
        if g.stride(1) != 1:  # a score's gradient; that of a neighbour may be a slice, whose channels come last already
            g = g.contiguous(memory_format=LAST)
        if ctx.masked:
            (y,) = ctx.saved_tensors
            g = redirected_gradient(g, y, ctx.top) if ctx.redirect else blocked(g, y, ctx.top)
        g = g.contiguous(memory_format=LAST)
        back = ctx.layer.back(g, ctx.shape) if ctx.needs_input_grad[0] else None
        return back, g if ctx.needs_input_grad[1] else None, None, None


def blocked(g: Tensor, y: Tensor, top: float) -> Tensor:
    """The gradient before a ReLU clipped at ``top`` from that behind it, where it gave ``y``."""
    if top == float("inf"):
        found: Tensor = torch.ops.aten.threshold_backward(g, y, 0)
    else:
        found = torch.ops.aten.hardtanh_backward(g, y, 0.0, top)
    return found


class Linear(nn.Module):
    """A linear layer; on vectors it is a 1x1 convolution, which rounds the same for any number of rows."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, switch: Switch) -> None:
        super().__init__()
        self.weight = weight.detach().to(dtype)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.convolution = PackedConvolution(weight[:, :, None, None], bias, Geometry((1, 1), (0, 0), (1, 1), 1), dtype,
                                             switch)  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.weight.dtype)
        if x.ndim == 2:
            made: Tensor = self.convolution(x[:, :, None, None])
            return made[:, :, 0, 0]
        return F.linear(x, self.weight, self.bias)
