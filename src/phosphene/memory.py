"""How much memory a picture takes on its way through a network and back, measured on a small one; and keeping it."""

from __future__ import annotations

import ctypes
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


@contextmanager
def held() -> Iterator[None]:
    """Inside it, memory that is freed stays with the process, on Linux with glibc; elsewhere nothing happens.

    glibc hands large blocks back to the system at once and asks for them again at the next step, each page at the price
    of a fault. Afterwards all of it is given back, and the thresholds are those that glibc itself would come to.
    """
    global _holding
    with _lock:
        _holding += 1
        if _holding == 1:
            _set(mmap=2**30, trim=2**31 - 1, pad=2**26)
    try:
        yield
    finally:
        with _lock:
            _holding -= 1
            if _holding == 0:
                _set(mmap=2**25, trim=2**26, pad=2**17)
                if _C is not None:
                    _C.malloc_trim(0)


_holding, _lock = 0, threading.Lock()


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt") else None


_C = _glibc()


def _set(*, mmap: int, trim: int, pad: int) -> None:
    """glibc's thresholds in bytes: from where blocks are mapped, how much of the heap's end is kept, how it grows."""
    if _C is not None:
        for number, value in ((-3, mmap), (-1, trim), (-2, pad)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD
            _C.mallopt(number, value)


def taken(
    network: Network, layers: Sequence[str], arithmetic: str, channels: Mapping[str, frozenset[int]] | None = None
) -> float:
    """Bytes that a picture of the network's own size takes at most on the way to ``layers`` and back.

    ``channels``: as for a Tap. Two pictures against one, so that weights do not count. Measured once and remembered
    with the network.
    """
    if arithmetic == "exact" and (known := network.taken.get((tuple(layers), "exact", None))) is not None:
        return known  # without a look at the network, which takes longer than many of its forwards
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


_sharers = 1


def share(processes: int) -> None:
    """From now on, so many processes use the device's memory beside each other, this one among them."""
    global _sharers
    _sharers = max(1, processes)


def free(device: torch.device) -> float:
    """Bytes that are free now, for this process."""
    there = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    return float(there) / _sharers
