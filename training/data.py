"""Tiny ImageNet as uint8 tensors in memory, and the augmentation: shifts, flips and CutMix."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def _decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def load_split(path: Path) -> tuple[Tensor, Tensor]:
    """One parquet split -> pictures ``(n, 3, 64, 64)`` uint8, labels ``(n,)`` int64."""
    table = pq.read_table(path)
    with ThreadPoolExecutor() as pool:
        pictures = np.stack(list(pool.map(_decode, table["image"].to_pylist(), chunksize=512)))
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), torch.tensor(table["label"].to_pylist())


def augment(pictures: Tensor, size: int, shift: int, generator: torch.Generator) -> Tensor:
    """Shift by whole pixels (borders reflected) and flip, so that pixels stay as sharp as the network will see them.

    ``pictures`` is uint8 ``(b, 3, h, w)``; the result is float in [0, 1], ``(b, 3, size, size)``, averaged down where
    ``size`` is smaller. Shifts are uniform in [-shift, shift], each axis on its own.
    """
    rows, _, high, wide = pictures.shape
    offset = torch.randint(-shift, shift + 1, (2, rows, 1), generator=generator)
    y = _reflect(torch.arange(high) + offset[0], high)
    x = _reflect(torch.arange(wide) + offset[1], wide)
    x = torch.where(torch.rand(rows, 1, generator=generator) < 0.5, x, x.flip(1))
    moved = pictures[torch.arange(rows)[:, None, None], :, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)
    moved = moved.float().div_(255)
    if size != high:
        moved = F.interpolate(moved, (size, size), mode="bilinear", antialias=True)
    return moved.contiguous(memory_format=torch.channels_last)


def cutmix(x: Tensor, y: Tensor, classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paste one box of another picture into each, labels mixed by area: CutMix (Yun et al. 2019).

    ``x`` is ``(b, 3, h, w)``, ``y`` int64 ``(b,)``; the labels come back as shares ``(b, classes)``. The box is the
    same for the whole batch: its area is uniform in [0, 1] of the picture, its centre anywhere, cut at the border.
    """
    high, wide = x.shape[-2:]
    side = (1 - torch.rand((), generator=generator)).sqrt()
    place = torch.rand(2, generator=generator)
    top, bottom = (int(v) for v in ((place[0] + side * torch.tensor([-0.5, 0.5])) * high).clamp(0, high).round())
    left, right = (int(v) for v in ((place[1] + side * torch.tensor([-0.5, 0.5])) * wide).clamp(0, wide).round())
    other = torch.randperm(len(x), generator=generator)
    x = x.clone(memory_format=torch.preserve_format)
    x[..., top:bottom, left:right] = x[other][..., top:bottom, left:right]
    share = (bottom - top) * (right - left) / (high * wide)
    one = F.one_hot(y, classes).float()
    return x, (1 - share) * one + share * one[other]


def _reflect(index: Tensor, size: int) -> Tensor:
    index = index.abs()
    return torch.where(index >= size, 2 * (size - 1) - index, index)
