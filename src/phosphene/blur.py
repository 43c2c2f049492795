"""Gaussian blur and the bilateral filter, on whole batches."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """``(b, c, h, w)`` blurred by a Gaussian of ``sigma`` pixels, cut at 3 sigma; borders are repeated."""
    radius = max(1, math.ceil(3 * sigma))
    reach = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    line = torch.exp(-(reach**2) / (2 * sigma**2))
    line = line / line.sum()
    rows, channels, height, width = x.shape
    flat = x.reshape(rows * channels, 1, height, width)
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), line.view(1, 1, -1, 1))
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), line.view(1, 1, 1, -1))
    return flat.view(rows, channels, height, width)


def bilateral(x: Tensor, sigma: float, tolerance: float) -> Tensor:
    """Blurred where neighbours are alike, sharp where they differ (Tomasi & Manduchi 1998).

    ``sigma``: of the distance, in pixels. ``tolerance``: of the difference in colour, in units of the range [0, 1].
    """
    radius = max(1, math.ceil(2 * sigma))
    height, width = x.shape[2:]
    padded = F.pad(x, (radius,) * 4, mode="replicate")
    total, weight = torch.zeros_like(x), torch.zeros_like(x[:, :1])
    for dy in range(2 * radius + 1):
        for dx in range(2 * radius + 1):
            other = padded[:, :, dy : dy + height, dx : dx + width]
            far = ((dy - radius) ** 2 + (dx - radius) ** 2) / (2 * sigma**2)
            unlike = (other - x).square().sum(1, keepdim=True) / (2 * tolerance**2)
            share = torch.exp(-far - unlike)
            total, weight = total + share * other, weight + share
    return total / weight
