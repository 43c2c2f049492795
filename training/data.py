"""Tiny ImageNet as uint8 tensors in memory, and the augmentation: one affine resampling per picture."""

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


def augment(pictures: Tensor, size: int, smallest: float, generator: torch.Generator) -> Tensor:
    """Random resized crop and flip in one bilinear resampling.

    ``pictures`` is uint8 ``(b, 3, h, w)``; the result is float in [0, 1], ``(b, 3, size, size)``. The crop's area is
    uniform in [smallest, 1], its aspect ratio log-uniform in [3/4, 4/3].
    """
    rows = len(pictures)
    draw = torch.rand(5, rows, generator=generator)
    area = smallest + (1 - smallest) * draw[0]
    aspect = torch.exp((draw[1] * 2 - 1) * np.log(4 / 3))
    wide, high = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    shift_x, shift_y = (draw[2] * 2 - 1) * (1 - wide), (draw[3] * 2 - 1) * (1 - high)
    flip = torch.where(draw[4] < 0.5, -1.0, 1.0)
    theta = torch.zeros(rows, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = wide * flip, shift_x
    theta[:, 1, 1], theta[:, 1, 2] = high, shift_y
    grid = F.affine_grid(theta, [rows, 3, size, size], align_corners=False)
    sampled = F.grid_sample(pictures.float().div_(255), grid, padding_mode="reflection", align_corners=False)
    return sampled.to(memory_format=torch.channels_last)
