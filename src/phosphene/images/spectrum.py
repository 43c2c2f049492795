"""How strong each frequency is in pictures: mean |rfft2| in decorrelated colour, measured and kept in a file.

A file holds the magnitudes times the frequency, which is nearly flat for photographs and so can be read at any size.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..errors import BadSpec, NotReproducible
from ..files import why
from .colour import decorrelate

PHOTOS = "photos"


def frequencies(height: int, width: int) -> Tensor:
    """|f| over the rfft2 grid, the mean's own taken as half a period of the longer side; ``(h, w // 2 + 1)``."""
    fy = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    fx = torch.fft.rfftfreq(width, dtype=torch.float64)[None, :]
    return torch.sqrt(fy**2 + fx**2).clamp(min=0.5 / max(height, width))


def measured(pictures: Iterable[Tensor]) -> tuple[Tensor, int]:
    """Mean |rfft2| times |f| of pictures ``(c, h, w)`` in [0, 1] of one size, and how many there were."""
    total, count = torch.zeros(()), 0
    for picture in pictures:
        x = picture[None].double()
        x = decorrelate(x.float()).double() if x.shape[1] == 3 else x
        x = x - x.mean((2, 3), keepdim=True)
        total = total + torch.fft.rfft2(x)[0].abs()
        count += 1
    if count == 0:
        raise BadSpec("a spectrum needs at least one picture")
    flat: Tensor = total / count * frequencies(x.shape[2], x.shape[3])
    flat[:, 0, 0] = flat[:, [0, 1], [1, 0]].mean(1)  # the mean has been taken out; let it be as its neighbours
    return flat / flat.mean(), count


def packed(flat: Tensor) -> bytes:
    """The file's bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, flat=flat.numpy().astype(np.float16))
    return buffer.getvalue()


@lru_cache(maxsize=8)
def _read(name: str) -> tuple[NDArray[np.float32], str]:
    try:
        if name == PHOTOS:
            data = (resources.files("phosphene.images") / "photos.npz").read_bytes()
        else:
            data = Path(name).read_bytes()
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            flat = file["flat"].astype(np.float32)
        if flat.ndim != 3 or not np.isfinite(flat).all() or flat.min() < 0:
            raise ValueError("it holds no spectrum")
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise BadSpec(f"cannot read the spectrum {name}: {why(error)}\nmake one: phosphene spectrum DIR") from error
    return flat, hashlib.blake2b(data, digest_size=8).hexdigest()


def digest_of(name: str) -> str:
    """A hash of a spectrum's file."""
    return _read(name)[1]


@lru_cache(maxsize=16)
def magnitude(name: str, digest: str | None, channels: int, height: int, width: int) -> Tensor:
    """``(c, h, w // 2 + 1)`` float32, mean 1 over the picture's bins; a network of other channels gets their mean."""
    flat, found = _read(name)
    if digest is not None and digest != found:
        raise NotReproducible(f"the spectrum {name} is not the one that the picture was made with")
    table = torch.from_numpy(flat)
    if len(table) != channels:
        table = table.mean(0, keepdim=True).expand(channels, -1, -1)
    rows = table.shape[1]
    turned = table.roll(rows // 2, 1)  # -.5 ... .5 down, 0 ... .5 across
    fy = torch.fft.fftfreq(height) * 2
    fx = torch.fft.rfftfreq(width) * 2
    where_y = ((fy + 1) / 2 * rows + 0.5) / rows * 2 - 1  # bin centres in the units of grid_sample
    where_x = (fx * (table.shape[2] - 1) + 0.5) / table.shape[2] * 2 - 1
    grid = torch.stack(torch.meshgrid(where_x, where_y, indexing="xy"), dim=-1)[None]
    read = F.grid_sample(turned[None], grid, padding_mode="border", align_corners=False)[0]
    made = read / frequencies(height, width).float()
    result: Tensor = made / made.mean()
    return result
