"""What the gradient does at a ReLU, by the rule of a method, whichever way the ReLU is called.

Max-pooling needs no rule: autograd keeps where each maximum stood, and the gradient of a pool is Zeiler's unpooling
with those switches. Where windows overlap, contributions to one place add up (``F.max_unpool2d`` keeps one of them).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..models.surgery import clipped

Rule = Callable[[Tensor, Tensor, float], Tensor]
"""Gradient at the output, pre-activation z, upper end of the open range (infinity but for ReLU6) -> gradient at z."""


def deconvolved(g: Tensor, z: Tensor, top: float) -> Tensor:
    """What is positive on its way back, whatever z was: ``relu(g)`` (Zeiler & Fergus 2014)."""
    return g.clamp(min=0)


def guided(g: Tensor, z: Tensor, top: float) -> Tensor:
    """The same, where the unit was in its open range: ``relu(g) * 1[0 < z < top]`` (Springenberg et al. 2015)."""
    return g.clamp(min=0) * ((z > 0) & (z < top))


class _Ruled(torch.autograd.Function):
    """A clipped identity whose gradient is the rule's."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, top: float, rule: Rule) -> Tensor:
        ctx.save_for_backward(z)
        ctx.top, ctx.rule = top, rule
        return z.clamp(0, top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (z,) = ctx.saved_tensors
        return ctx.rule(gradients[0], z, ctx.top), None, None


SMOOTH = {
    F.gelu: "GELU", F.silu: "SiLU", F.mish: "Mish", F.hardswish: "Hardswish", F.leaky_relu: "LeakyReLU",
    F.leaky_relu_: "LeakyReLU", F.elu: "ELU", F.elu_: "ELU", F.selu: "SELU", F.celu: "CELU", F.prelu: "PReLU",
    torch.prelu: "PReLU", F.softplus: "Softplus",
}  # fmt: skip
"""Activations that stand where a ReLU could; the rules say nothing of them."""


class Ruled(TorchFunctionMode):
    """Inside it every ReLU and ReLU6 has the rule's gradient; values stay as they are.

    ``relus``: how many were met. ``others``: names of activations that are none and keep their own gradient.
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule
        self.relus = 0
        self.others: dict[str, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        found = clipped(func, args, kwargs)
        if found is None:
            if func in SMOOTH:
                self.others[SMOOTH[func]] = self.others.get(SMOOTH[func], 0) + 1
            return func(*args, **kwargs)
        z, top, inplace = found
        self.relus += 1
        if not inplace:
            return _apply(z, top, self.rule)
        return z.copy_(_apply(z.clone(), top, self.rule))


_apply: Callable[[Tensor, float, Rule], Tensor] = _Ruled.apply
