"""What the processor can do: a big matrix product and a 1x1 convolution, in fp32 and bf16; and what a step needs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


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


def work(model: nn.Module, layer: str, size: int) -> float:
    """Floating-point operations of one picture's step: the forward to ``layer``, and as much for the input gradient."""

    class Enough(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Enough

    listener = model.get_submodule(layer).register_forward_hook(stop)
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            model(torch.zeros(1, 3, size, size))
    except Enough:
        pass
    finally:
        listener.remove()
    return 2.0 * counter.get_total_flops()
