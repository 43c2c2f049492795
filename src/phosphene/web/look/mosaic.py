"""All maps of a layer side by side in one grey picture, as the Deep Visualization Toolbox shows them. No torch."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ...result import Pixels, picture

LEAST, SIDE, LARGEST = 24, 32, 48  # pixels of a tile's longer side: at least, about, at most
BAR = 8  # pixels that a single row is high
MOST = 2_000_000  # pixels of the whole picture; thousands of channels have smaller tiles


@final
@dataclass(frozen=True, eq=False)
class Mosaic:
    """``pixels`` ``(h, w, 1)``: tiles in rows of ``columns``, each ``height`` x ``width``. White is ``scale``, which is
    the greatest of all values; black 0 or less. ``values`` ``(c,)``: the greatest of each tile."""

    pixels: Pixels
    columns: int
    width: int
    height: int
    scale: float
    values: NDArray[np.float32]


def mosaic(maps: NDArray[np.float32]) -> Mosaic:
    """Maps ``(c, h, w)`` as tiles: each value a square of whole pixels, or a part of a bar where there is but one row;
    of large maps the greatest value of each cell, so that nothing that fires is lost."""
    channels = len(maps)
    maps = _shrunk(maps)
    values = maps.max((1, 2))
    scale = max(float(values.max()), 0.0)
    light = np.zeros(maps.shape, np.uint8)
    if scale > 0:
        light = np.rint((maps / np.float32(scale)).clip(0, 1) * 255).astype(np.uint8)
    _, high, wide = maps.shape
    larger = max(1, round(SIDE / max(high, wide)))
    larger += larger * max(high, wide) < LEAST
    larger = max(1, min(larger, math.isqrt(MOST // maps.size)))
    taller = max(larger, BAR) if high == 1 < wide else larger
    columns = min(channels, max(1, math.ceil(math.sqrt(channels * high * taller / (wide * larger)))))
    rows = -(-channels // columns)
    full = np.zeros((rows * columns, high, wide), np.uint8)
    full[:channels] = light
    tiled = full.reshape(rows, columns, high, wide).transpose(0, 2, 1, 3).reshape(rows * high, columns * wide)
    pixels = tiled.repeat(taller, 0).repeat(larger, 1)[:, :, None]
    return Mosaic(pixels, columns, wide * larger, high * taller, scale, values)


def _shrunk(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps of at most ``LARGEST`` to a side: the greatest value of each cell of ``n`` x ``n``."""
    channels, high, wide = maps.shape
    n = -(-max(high, wide) // LARGEST)
    if n == 1:
        return maps
    rows, columns = -(-high // n), -(-wide // n)
    padded = np.full((channels, rows * n, columns * n), -np.inf, np.float32)
    padded[:, :high, :wide] = maps
    cells: NDArray[np.float32] = padded.reshape(channels, rows, n, columns, n).max((2, 4))
    return cells


def uri(pixels: Pixels) -> str:
    """Pixels ``(h, w, c)`` as the address of a picture that holds it: a PNG, quickly packed."""
    buffer = io.BytesIO()
    picture(pixels).save(buffer, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
