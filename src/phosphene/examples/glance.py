"""One forward over a batch: every layer's greatest and mean value, where the greatest lies, and a value drawn."""

from __future__ import annotations

from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from ..address import OUTPUT
from ..models.network import Network
from ..shapes import Images
from ..store.plan import Plan, mixed
from ..tap import Tap
from .tally import Seen


class Glance:
    """``with Glance(network, plan) as glance: seen = glance(pictures, numbers)``, inside ``network.frozen()``.

    Layers are reduced the moment they are there, so that no more than one is in memory at a time.
    """

    def __init__(self, network: Network, plan: Plan) -> None:
        self.plan = plan
        self._tap = Tap(network, [track.name for track in plan.tracks], keep=self._reduced)
        self._drawn = torch.zeros(0, dtype=torch.int64)

    def __enter__(self) -> Glance:
        self._tap.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tap.__exit__(kind, error, trace)

    def __call__(self, pictures: Images, numbers: Tensor) -> Seen:
        """``pictures`` in [0, 1] and their ``numbers`` ``(b,)`` -> values of all units, on the CPU."""
        # 31 bits: torch has no arithmetic for unsigned 64
        drawn = (mixed(numbers.numpy().astype(np.uint64)) >> np.uint64(33)).astype(np.int64)
        self._drawn = torch.from_numpy(drawn).to(pictures.device)
        with torch.no_grad():
            found = self._tap(pictures)
            rows = torch.cat([found[track.name] for track in self.plan.tracks], 2).cpu()
        return Seen(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])

    def _reduced(self, layer: str, acts: Tensor) -> Tensor:
        """``(b, c, ...)`` -> ``(b, 4, c)``: greatest, mean, drawn, and the greatest's position, exact below 2^24."""
        acts = acts.detach().float()
        if acts.ndim == 2 or layer == OUTPUT:
            return torch.stack([acts, acts, acts, torch.zeros_like(acts)], 1)
        flat = acts.flatten(2)
        greatest, where = flat.max(2)
        point = flat[torch.arange(len(flat), device=flat.device), :, self._drawn % flat.shape[2]]
        return torch.stack([greatest, flat.mean(2), point, where.float()], 1)
