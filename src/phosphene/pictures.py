"""Pictures that users bring: photographs, masks, arrays -> tensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import BadSpec, Unreadable
from .images import Image


def picture_tensor(start: Any, shape: tuple[int, int, int], device: torch.device, what: str = "start") -> Tensor:
    """A picture that comes with a job (path, PIL image, array in 0-255 or [0, 1]) as ``(1, c, h, w)``.

    Photographs are turned upright, cropped around their centre to the shape and resized; arrays must fit.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    from .data.decode import flat, unreadable, upright

    channels, height, width = shape
    if isinstance(start, str | Path):
        start = opened(Path(start), what)
    if isinstance(start, Pillow.Image):
        try:
            with unreadable():
                start = ImageOps.fit(flat(upright(start), channels), (width, height), Pillow.Resampling.LANCZOS)
        except Unreadable as error:
            raise BadSpec(f"cannot use the {what} picture: {error}") from error
    values = np.asarray(start)
    values = values.astype(np.float32) / (255.0 if np.issubdtype(values.dtype, np.integer) else 1.0)
    if values.ndim == 2:
        values = values[:, :, None]
    if values.shape != (height, width, channels):
        raise BadSpec(f"the {what} picture has shape {values.shape}; this image is {(height, width, channels)}")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise BadSpec(f"the {what} picture's values must lie in [0, 1], or be whole numbers from 0 to 255")
    return torch.from_numpy(values).permute(2, 0, 1)[None].to(device)


def mask_tensor(mask: Any, image: Image, device: torch.device) -> Tensor:
    """Where a picture may differ from its start, ``(1, 1, h, w)``: white where it may; of the picture's size."""
    from PIL import Image as Pillow

    from .data.decode import flat

    _, height, width = image.shape
    if isinstance(mask, str | Path):
        mask = opened(Path(mask), "mask")
    if isinstance(mask, Pillow.Image):
        mask = np.asarray(flat(mask, 1))
    if np.asarray(mask).shape[:2] != (height, width):
        size = " x ".join(map(str, np.asarray(mask).shape[:2]))
        raise BadSpec(f"the mask has {size} pixels, the picture {height} x {width}; make them alike")
    return picture_tensor(mask, (1, height, width), device, "mask")


def photographs(folder: Path, size: int, skipped: list[str]) -> Iterator[Tensor]:
    """The middles of all pictures under a folder, ``(c, size, size)`` in [0, 1]; what cannot be read goes to
    ``skipped``."""
    if not folder.is_dir():
        raise BadSpec(f"there is no folder {folder}")
    kinds = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    if not paths:
        raise BadSpec(f"no pictures in {folder}; looked for {' '.join(kinds)}")
    for path in paths:
        try:
            yield picture_tensor(path, (3, size, size), torch.device("cpu"), "photo")[0]
        except BadSpec as error:
            skipped.append(str(error))


def opened(path: Path, what: str = "start") -> Any:
    """A photograph, decoded; BadSpec for what is missing, damaged, too large or no picture."""
    from .data.decode import loaded, shown

    try:
        return loaded(path)
    except Unreadable as error:
        raise BadSpec(f"cannot read the {what} picture {shown(str(path))}: {error}") from error
