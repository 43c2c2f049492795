"""Pictures and datasets as the tests need them, made on the spot."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps


def photo(height: int = 48, width: int = 64, seed: int = 0) -> Image.Image:
    """Smooth colours with some noise: what any codec keeps well, and no two places alike."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([255 * x / width, 255 * y / height, 255 * (x + y) / (height + width)], axis=-1)
    noisy = smooth + np.random.default_rng(seed).normal(0, 8, smooth.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG by hand, for headers that no library would write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def tar(path: Path, members: Mapping[str, bytes], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


def table(path: Path, columns: Mapping[str, Any], rows_per_group: int = 1000, metadata: Any = None) -> Path:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    made = pyarrow.table(dict(columns)).replace_schema_metadata(metadata)
    pyarrow.parquet.write_table(made, path, row_group_size=rows_per_group)
    return path


def near(seen: np.ndarray, wanted: Any, most: float = 2) -> None:
    """Alike but for a codec's rounding."""
    assert np.abs(seen.astype(int) - np.asarray(wanted).astype(int).reshape(seen.shape)).mean() <= most


def plain(image: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """Cropped around the middle and resized as ImageOps.fit does: what an ordinary picture must come out as."""
    return np.asarray(ImageOps.fit(image, (shape[2], shape[1]), Image.Resampling.LANCZOS))
