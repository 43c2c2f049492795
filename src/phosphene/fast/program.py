"""A network's fast path to some of its layers, made once and held against the plain path before it is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models.network import Network
from ..shapes import Seen
from .fuse import Fuser
from .graph import Refused, cut
from .kernels import LAST, Switch

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
# how far the fast path may be from the plain one on a probe, relative to the activations' norm
CLOSE = {"bf16": 0.1, "fp32": 1e-4}


@dataclass(frozen=True, eq=False)
class Program:
    """``program(prepared)``: what the wanted layers' modules return for prepared pictures, in order."""

    module: nn.Module
    arithmetic: str
    switch: Switch

    def __call__(self, prepared: Seen, *, redirect: bool = False) -> Sequence[Any]:
        self.switch.redirect = redirect
        try:
            found: Sequence[Any] = self.module(prepared.to(DTYPES[self.arithmetic], memory_format=LAST))
        finally:
            self.switch.redirect = False
        return found


def arithmetic(device: torch.device) -> str:
    """``bf16`` where the processor computes in it, else ``fp32``."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"
    return "fp32"


def program(network: Network, layers: Sequence[str], wanted: str) -> Program:
    """The fast path to ``layers``, inside ``network.frozen()``. Raises Refused with the reason why there is none."""
    if network.dtype != torch.float32:
        raise Refused(f"its weights are {network.dtype}")
    switch = Switch()
    graph = cut(network, layers)
    return Program(Fuser(graph, network.module, DTYPES[wanted], network.device, switch).run(), wanted, switch)


def differs(found: Tensor, expected: Tensor) -> float:
    """Distance relative to the expected norm."""
    gap = (found.float() - expected).norm() / expected.norm().clamp(min=1e-12)
    return float(gap)
