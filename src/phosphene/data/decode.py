"""Pictures as they come -> pixels as networks take them; what cannot be read has a reason."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

from ..errors import PhospheneError, Unreadable
from ..files import why

MOST_PIXELS = 100_000_000  # of one picture, by its header: decoded it takes four bytes a pixel, some copies of that
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF", "MPO")  # EPS would run gs
SUFFIXES = (".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".npy", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
            ".tiff", ".webp")  # fmt: skip
TURNS = {  # EXIF's orientations
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
STORED = b"\x93NUMPY"
MANY = f"more than {MOST_PIXELS // 1_000_000} million pixels"


def decoded(raw: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """A picture (path, bytes, PIL image, array) as ``(h, w, c)`` whole numbers 0-255 for ``shape`` ``(c, h, w)``.

    Upright by EXIF, the first frame, on white where transparent, cropped around the centre and resized. Arrays are
    0-255 or floats in [0, 1]; of other than 1 or 3 channels they must have the size. Raises Unreadable, whatever is
    wrong, and MemoryError.
    """
    with unreadable():
        channels, height, width = shape
        if isinstance(raw, str | Path) and Path(raw).suffix.lower() == ".npy":
            raw = _stored(Path(raw))
        elif isinstance(raw, bytes) and raw.startswith(STORED):
            raw = _stored(raw)
        if isinstance(raw, np.ndarray):
            raw = _array(raw, shape)
            if isinstance(raw, np.ndarray):
                return raw
        if channels not in (1, 3):
            raise Unreadable(f"a picture has 1 or 3 channels, the network takes {channels}; give .npy arrays")
        if isinstance(raw, str | Path | bytes):
            raw = loaded(raw if isinstance(raw, bytes) else Path(raw), (height, width))
        if not isinstance(raw, Image.Image):
            raise Unreadable(f"a {type(raw).__name__} is no picture; give a path, bytes, a PIL image or an array")
        pixels = ImageOps.fit(flat(upright(raw), channels), (width, height), Image.Resampling.LANCZOS)
        return np.array(pixels).reshape(height, width, channels)


def loaded(source: Path | bytes, enough: tuple[int, int] | None = None) -> Image.Image:
    """A picture file's first frame as Pillow gives it; large JPEGs come smaller, still twice ``enough`` (h, w)."""
    with (
        unreadable(),
        Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_there()) as image,
    ):
        _capped(image.width, image.height)
        if enough is not None and image.format in ("JPEG", "MPO"):
            high, wide = enough if _turns(image) < 5 else enough[::-1]
            image.draft(None, (2 * wide, 2 * high))
        image.load()
        return image


def upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says; EXIF data that cannot be read say nothing."""
    _capped(image.width, image.height)
    image.load()
    turns = _turns(image)
    if turns == 1:
        return image
    turned = image.transpose(TURNS[turns])
    for key in ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"):  # so that it is not turned twice
        turned.info.pop(key, None)
    return turned


def flat(image: Image.Image, channels: int) -> Image.Image:
    """Any mode as 8 bits, ``L`` for one channel, else ``RGB``: on white, and scaled from 16 bits and from floats."""
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(*profiles, "LAB", "RGB")
        image = ImageCms.applyTransform(image, transform) or image
    elif image.has_transparency_data:
        clear = image.convert("RGBa").convert("RGBA") if image.mode == "RGBa" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(clear, mask=clear.getchannel("A"))
    elif image.mode in ("HSV", "RGBX", "YCbCr", "CMYK"):
        image = image.convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")


def shown(name: str) -> str:
    r"""A name as any terminal can print it.

    >>> shown("a\n\udcffé.png")
    'a\\n\\udcffé.png'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in name)


@contextlib.contextmanager
def unreadable() -> Iterator[None]:
    """Whatever a decoder raises inside comes out as Unreadable with a reason of one line; nothing warns."""
    with _quiet():
        try:
            yield
        except (MemoryError, PhospheneError):
            raise
        except Exception as error:  # damaged files make decoders raise anything: zlib, struct, Key, Attribute errors
            raise Unreadable(_reason(error)) from error


class _Quiet:
    """Warnings off while anyone is inside; unlike ``warnings.catch_warnings`` also right with many threads."""

    def __init__(self) -> None:
        self.lock, self.inside, self.kept = threading.Lock(), 0, warnings.catch_warnings()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self.lock:
            if not self.inside:
                self.kept = warnings.catch_warnings()
                self.kept.__enter__()
                warnings.simplefilter("ignore")
            self.inside += 1
        try:
            yield
        finally:
            with self.lock:
                self.inside -= 1
                if not self.inside:
                    self.kept.__exit__(None, None, None)


_quiet = _Quiet()


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it is no picture that can be read ({', '.join(FORMATS[:6])} and others)"
    if isinstance(error, Image.DecompressionBombError):
        return MANY
    lines = [line for line in why(error).splitlines() if line.strip()]
    text = re.sub(r" (object )?at 0x[0-9a-fA-F]+", "", lines[0] if lines else type(error).__name__)
    return shown(text[:200])


def _capped(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Unreadable(f"{width} x {height}: {MANY}")
    if width * height == 0:
        raise Unreadable(f"{width} x {height}: it has no pixels")


def _there() -> list[str]:
    """The formats that this Pillow was built with."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _turns(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where the EXIF data are damaged: the picture is still one."""
    try:
        turns = image.getexif().get(Base.Orientation, 1)
    except (AttributeError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        return 1
    return turns if turns in TURNS else 1


def _eight_bits(values: np.ndarray) -> np.ndarray:
    if np.issubdtype(values.dtype, np.floating):
        return _whole(values)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise Unreadable(f"its values reach from {low} to {high}; 16 bits end at 65535")
    return ((values.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)  # value / 257, rounded


def _stored(source: Path | bytes) -> np.ndarray:
    """A .npy file's array, never a pickle; its size is known before memory is taken."""
    if isinstance(source, Path):
        values: np.ndarray = np.load(source, mmap_mode="r", allow_pickle=False)
        return values
    file = io.BytesIO(source)
    major, _ = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    dimensions, column_major, kind = read(file)
    if kind.hasobject:
        raise Unreadable("it holds Python objects, not numbers")
    count = int(np.prod([int(size) for size in dimensions], dtype=object))
    values = np.frombuffer(source, dtype=kind, count=count, offset=file.tell())
    return values.reshape(dimensions, order="F" if column_major else "C")


def _array(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray | Image.Image:
    """An array ``(h, w)`` or ``(h, w, c)``: as it is where it has the shape ``(c, h, w)``, else as a picture."""
    channels, height, width = shape
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3:
        raise Unreadable(f"an array of shape {values.shape} is no picture; pictures are (h, w) or (h, w, c)")
    high, wide, deep = values.shape
    if deep != channels and {deep, channels} != {1, 3}:
        raise Unreadable(f"it has {deep} channels; the network takes {channels}")
    if (high, wide) != (height, width) and channels not in (1, 3):
        raise Unreadable(
            f"it is {high} x {wide}; with {channels} channels only {height} x {width} goes, as those are not resized"
        )
    _capped(wide, high)
    whole = _whole(values)
    if whole.shape == (height, width, channels):
        return whole
    return Image.fromarray(whole[:, :, 0] if deep == 1 else whole)


def _whole(values: np.ndarray) -> np.ndarray:
    """Numbers in 0-255 or [0, 1] as whole numbers 0-255, in memory of their own."""
    if values.dtype == np.uint8:
        return np.array(values, order="C")
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(255), np.uint8(0))
    whole = np.issubdtype(values.dtype, np.integer)
    if not whole and not np.issubdtype(values.dtype, np.floating):
        raise Unreadable(f"an array of {values.dtype} is no picture; pictures are uint8, or float in [0, 1]")
    low, high, most = values.min(), values.max(), 255 if whole else 1
    if not (low >= 0 and high <= most):  # so that what is no number fails too
        raise Unreadable(f"its values reach from {low:g} to {high:g}; {values.dtype} lies in 0 to {most}")
    return np.ascontiguousarray(
        values.astype(np.uint8) if whole else np.rint(values.astype(np.float32) * 255), np.uint8
    )
