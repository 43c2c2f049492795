"""Max-pooling a few pictures at a time, and with small indices.

PyTorch's kernels write and read 8 bytes of index per output. A batch's indices leave the cache, and both directions
then wait for memory. Here they are made for a part of the batch that stays in the cache, and kept in 2 bytes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..models.steady import pair
from .kernels import KEPT, LAST, Switch, blocked

CACHE = 2**20  # bytes of indices that are made at once


class MaxPool(nn.Module):
    """``top``: the input was clipped at 0 and there, and the gradient is stopped here, where the map is smaller."""

    def __init__(self, pool: nn.MaxPool2d, switch: Switch) -> None:
        super().__init__()
        stride = pool.kernel_size if pool.stride is None else pool.stride
        self.how = (pair(pool.kernel_size), pair(stride), pair(pool.padding), pair(pool.dilation), pool.ceil_mode)
        self.switch = switch
        self.top: float | None = None
        self._sizes: dict[torch.Size, torch.Size] = {}

    def size(self, x: Tensor) -> torch.Size:
        """Channels, height and width of the output."""
        if x.shape[1:] not in self._sizes:
            if len(self._sizes) >= KEPT:
                self._sizes.clear()
            made, _ = torch.ops.aten.max_pool2d_with_indices(x[:1].to("meta"), *self.how)
            self._sizes[x.shape[1:]] = made.shape[1:]
        return self._sizes[x.shape[1:]]

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = _MaxPool.apply(x, self)
        return made


def parts(rows: int, each: int) -> list[slice]:
    """Slices of a batch whose rows have ``each`` indices."""
    step = max(1, CACHE // (8 * each))
    return [slice(start, start + step) for start in range(0, rows, step)]


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: MaxPool) -> Tensor:
        pool = torch.ops.aten.max_pool2d_with_indices.out
        x = x.contiguous(memory_format=LAST)
        y = torch.empty((len(x), *layer.size(x)), dtype=x.dtype, device=x.device, memory_format=LAST)
        few = torch.int16 if x.shape[2] * x.shape[3] < 2**15 else torch.int32
        where = torch.empty_like(y, dtype=few)
        for some in parts(len(x), y[0].numel()):
            _, index = pool(x[some], *layer.how, out=y[some], indices=torch.empty_like(y[some], dtype=torch.int64))
            where[some] = index
        ctx.layer, ctx.shape, ctx.redirect = layer, x.shape, layer.switch.redirect
        ctx.masked = layer.top is not None and not ctx.redirect
        ctx.save_for_backward(where, *([y] if ctx.masked else []))
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        layer, g = ctx.layer, gradients[0].contiguous(memory_format=LAST)
        where = ctx.saved_tensors[0]
        if ctx.masked:
            g = blocked(g, ctx.saved_tensors[1], layer.top)
        found = torch.empty(ctx.shape, dtype=g.dtype, device=g.device, memory_format=LAST)
        for some in parts(len(g), where[0].numel()):
            into = found[some]
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                g[some], into, *layer.how, where[some].long(), grad_input=into
            )
        return found, None
