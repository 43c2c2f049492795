"""A dataset as batches that are always the same: what cannot be read leaves an empty row, and its reason."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from ..data import Pictures, decoded
from ..errors import BadSpec, Unreadable
from ..files import why
from ..store.plan import Plan


@final
@dataclass(frozen=True, eq=False)
class Chunk:
    """``pixels``: ``(b, h, w, c)`` uint8. ``skipped``: rows that hold nothing -> why."""

    number: int
    pixels: NDArray[np.uint8]
    skipped: dict[int, str]


class _Chunks(Dataset[Chunk]):
    def __init__(self, pictures: Pictures, plan: Plan, numbers: range) -> None:
        self.pictures, self.plan, self.numbers = pictures, plan, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Chunk:
        number = self.numbers[place]
        channels, height, width = self.plan.shape
        rows = self.plan.chunk(number)
        pixels = np.full((len(rows), height, width, channels), 128, np.uint8)
        skipped: dict[int, str] = {}
        for row, picture in enumerate(rows):
            try:
                pixels[row] = decoded(self.pictures.raw(picture), self.plan.shape)
            except Unreadable as error:
                skipped[row] = str(error)
            except OSError as error:  # a file that went away, a disk that fails: the next picture may be well
                skipped[row] = why(error)
        return Chunk(number, pixels, skipped)


def feed(pictures: Pictures, plan: Plan, numbers: range, workers: int) -> Iterator[Chunk]:
    """The batches ``numbers`` in order, decoded in ``workers`` processes; 0: in this one."""
    if not len(numbers):
        return
    yield from DataLoader(
        _Chunks(pictures, plan, numbers),
        batch_size=None,
        num_workers=min(workers, len(numbers)),
        worker_init_fn=_quiet if workers else None,
        prefetch_factor=2 if workers else None,
        collate_fn=_same,
    )


def _same(chunk: Any) -> Any:
    return chunk


def _quiet(_: int) -> None:
    """Ctrl-C goes to all processes of a terminal; the main one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def workers_for(asked: int | None, device: torch.device) -> int:
    """How many processes decode: beside a GPU up to eight, beside a CPU what is left of more than two cores."""
    if asked is not None:
        if isinstance(asked, bool) or not isinstance(asked, int) or asked < 0:
            raise BadSpec(f"workers must be a whole number from 0 up, not {asked!r}")
        return asked
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(8, cores - 2 if device.type == "cpu" else cores - 1))
