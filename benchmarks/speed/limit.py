"""What the processor can do: a big matrix product and a 1x1 convolution, in fp32 and bf16; and what a step needs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from phosphene.fast import arithmetic
from phosphene.fast.kernels import Geometry, PackedConvolution, Switch
from phosphene.fast.program import DTYPES
from phosphene.models.steady import pair


def rate(action: Callable[[], Any], work: float, rounds: int = 7) -> float:
    """GFLOP/s, the median of some rounds."""
    action()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return work / statistics.median(times) / 1e9


def limits() -> dict[str, float]:
    """GFLOP/s of ``matmul_fp32``, ``matmul_bf16``, ``conv1x1_fp32`` and ``conv1x1_bf16``."""
    found = {}
    side = 2048
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = torch.randn(side, side).to(dtype), torch.randn(side, side).to(dtype)
        found[f"matmul_{name}"] = rate(lambda a=a, b=b: a @ b, 2.0 * side**3)
        x = torch.randn(16, 256, 32, 32).to(dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(256, 256, 1, 1).to(dtype).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            found[f"conv1x1_{name}"] = rate(lambda x=x, w=weight: F.conv2d(x, w), 2.0 * 16 * 32 * 32 * 256 * 256)
    return found


def convolutions(model: nn.Module, layer: str, size: int, batch: int) -> float:
    """Milliseconds per picture of a step's convolutions alone, each forward and its input gradient, as phosphene runs
    them on this processor: what a step would take if all else were free."""
    seen: list[tuple[nn.Conv2d, torch.Size]] = []

    def note(module: nn.Conv2d, given: tuple[torch.Tensor, ...], _: Any) -> None:
        seen.append((module, given[0].shape))

    listeners = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.Conv2d)]
    try:
        _forward(model, layer, torch.zeros(batch, 3, size, size))
    finally:
        for listener in listeners:
            listener.remove()
    dtype, total = DTYPES[arithmetic(torch.device("cpu"))], 0.0
    for conv, shape in seen:
        how = Geometry(pair(conv.stride), pair(conv.padding), pair(conv.dilation), conv.groups)
        fast = PackedConvolution(conv.weight.detach(), conv.bias, how, dtype, Switch())
        x = torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
        gradient = torch.ones_like(fast(x))
        total += 1 / rate(lambda f=fast, x=x, g=gradient: torch.autograd.grad(f(x), x, g), 1.0)
    return total * 1e-9 * 1e3 / batch


class _Enough(Exception):
    pass


def _forward(model: nn.Module, layer: str, x: torch.Tensor) -> None:
    """The forward as far as ``layer``."""

    def stop(*_: Any) -> None:
        raise _Enough

    listener = model.get_submodule(layer).register_forward_hook(stop)
    try:
        with torch.no_grad(), suppress(_Enough):
            model(x)
    finally:
        listener.remove()


def work(model: nn.Module, layer: str, size: int) -> float:
    """Floating-point operations of one picture's step: the forward to ``layer``, and as much for the input gradient."""

    counter = FlopCounterMode(display=False)
    with counter:
        _forward(model, layer, torch.zeros(1, 3, size, size))
    return 2.0 * counter.get_total_flops()
