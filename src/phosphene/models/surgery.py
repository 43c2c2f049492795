"""Changes to a network that are owned and undone: nothing of the user's model is ever replaced.

The rules work on the functions that a forward calls, not on its modules, so ``nn.ReLU``, ``F.relu``, ``x.relu()`` and
their in-place forms are met alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class _Redirected(torch.autograd.Function):
    """A clipped identity whose gradient also passes where it would bring an inactive unit back into the open range."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, top: float) -> Tensor:
        ctx.save_for_backward(z)
        ctx.top = top
        return z.clamp(0, top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (z,) = ctx.saved_tensors
        return redirected_gradient(gradients[0], z, ctx.top), None


def redirected_gradient(g: Tensor, z: Tensor, top: float) -> Tensor:
    """The gradient of a score with respect to ``z`` from that with respect to ``z`` clipped; either gives the same."""
    return g * (((z > 0) & (z < top)) | ((z <= 0) & (g > 0)) | ((z >= top) & (g < 0)))


_RELU = {torch.relu, F.relu, Tensor.relu}
_RELU_INPLACE = {torch.relu_, Tensor.relu_, F.relu_}
_CLAMP = {torch.clamp, Tensor.clamp, torch.clip, Tensor.clip, torch.clamp_min, Tensor.clamp_min}
_CLAMP_INPLACE = {torch.clamp_, Tensor.clamp_, torch.clip_, Tensor.clip_, torch.clamp_min_, Tensor.clamp_min_}
_HARDTANH = {F.hardtanh, F.hardtanh_}
_THRESHOLD = {F.threshold, torch.threshold_}


class RedirectRelu(TorchFunctionMode):
    """Inside it, the gradient of a score passes inactive ReLUs in the direction that would make them active.

    The gradient must be that of a score (up is good). ReLU6 is redirected above 6 too. Source: lucid's
    ``redirected_relu_grad`` and ``redirected_relu6_grad``.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        found = clipped(func, args, kwargs)
        if found is None:
            return func(*args, **kwargs)
        z, top, inplace = found
        if not inplace:
            return apply(z, top)
        return z.copy_(apply(z.clone(), top))


apply: Callable[[Tensor, float], Tensor] = _Redirected.apply


def clipped(func: Any, args: Any, kwargs: Any) -> tuple[Any, float, bool] | None:
    """The input, upper end and in-place flag of a call that is a ReLU or ReLU6; None for any other call."""

    def argument(place: int, name: str, default: Any) -> Any:
        return args[place] if len(args) > place else kwargs.get(name, default)

    z = argument(0, "input", None)
    if func in _RELU:
        return z, float("inf"), bool(argument(1, "inplace", False))
    if func in _RELU_INPLACE:
        return z, float("inf"), True
    if func is F.relu6:
        return z, 6.0, bool(argument(1, "inplace", False))
    if func in _HARDTANH and argument(1, "min_val", -1.0) == 0:
        return z, float(argument(2, "max_val", 1.0)), func is F.hardtanh_ or bool(argument(3, "inplace", False))
    if func in _THRESHOLD and argument(1, "threshold", None) == 0 and argument(2, "value", None) == 0:
        return z, float("inf"), func is torch.threshold_ or bool(argument(3, "inplace", False))
    if func in _CLAMP or func in _CLAMP_INPLACE:
        low, high = argument(1, "min", None), argument(2, "max", None)
        if _zero(low) and (high is None or (isinstance(high, int | float) and high > 0)):
            return z, float("inf") if high is None else float(high), func in _CLAMP_INPLACE
    return None


def _zero(value: Any) -> bool:
    return isinstance(value, int | float) and value == 0
