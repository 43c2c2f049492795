"""How much memory a picture takes on its way through a network, measured on a small one."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from .models.network import Network
from .tap import Tap

# What is held at most, against what is kept for the backward pass alone: gradients and copies on the way.
# benchmarks/speed/whole.py measures it.
PEAK = 2.0


def held(network: Network, layers: Sequence[str], arithmetic: str) -> float:
    """Bytes that a picture of the network's own size keeps between its forward and its backward pass up to ``layers``.

    Two pictures against one, so that weights do not count. Measured once and remembered with the network.
    """
    key = (tuple(layers), arithmetic)
    if key not in network.held:
        with network.frozen(), Tap(network, layers, arithmetic) as tap:
            one, two = (_kept(network, tap, rows) for rows in (1, 2))
        network.held[key] = two - one
    return network.held[key]


def _kept(network: Network, tap: Tap, rows: int) -> float:
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if tensor.layout == torch.strided:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    pictures = torch.full((rows, *network.preprocessing.size), 0.5, device=network.device, requires_grad=True)
    with saved_tensors_hooks(note, lambda tensor: tensor):
        alive = tap(pictures)  # storages must live while they are told apart
    del alive
    return float(sum(kept.values()))


def free(device: torch.device) -> float:
    """Bytes that are free now."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(psutil.virtual_memory().available)
