"""How much memory a picture takes on its way through a network and back, measured on a small one."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .models.network import Network
from .tap import Tap

SLACK = 1.25  # for what a single operation needs inside itself, and for gaps between blocks


class Peak(TorchDispatchMode):
    """Inside it, the bytes of all tensors that operations make are followed; ``most``: the most that lived at once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now, self.most = 0, 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, Tensor) and tensor.layout == torch.strided:
                self._follow(tensor.untyped_storage())
        return output

    def _follow(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place not in self._known:
            self._known.add(place)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._gone, place, size)

    def _gone(self, place: int, size: int) -> None:
        self._known.discard(place)
        self.now -= size


def taken(
    network: Network, layers: Sequence[str], arithmetic: str, channels: Mapping[str, frozenset[int]] | None = None
) -> float:
    """Bytes that a picture of the network's own size takes at most on the way to ``layers`` and back.

    ``channels``: as for a Tap. Two pictures against one, so that weights do not count. Measured once and remembered
    with the network.
    """
    with network.frozen(), Tap(network, layers, arithmetic, channels) as tap:
        key = (tuple(layers), arithmetic, tap.kept)
        if key not in network.taken:
            _there_and_back(network, tap, 1)  # weights are laid out now
            one, two = (_there_and_back(network, tap, rows) for rows in (1, 2))
            network.taken[key] = float(two - one)
    return network.taken[key]


def _there_and_back(network: Network, tap: Tap, rows: int) -> int:
    pictures = torch.full((rows, *network.preprocessing.size), 0.5, device=network.device, requires_grad=True)
    with Peak() as peak:
        total = sum(maps.sum() for maps in tap(pictures).values())
        if isinstance(total, Tensor) and total.requires_grad:
            torch.autograd.grad(total, pictures, allow_unused=True)
    most: int = peak.most
    return most


def free(device: torch.device) -> float:
    """Bytes that are free now."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(psutil.virtual_memory().available)
