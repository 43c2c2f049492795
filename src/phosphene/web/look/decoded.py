"""Bytes that a stranger sent -> a picture. No torch."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from ...data.decode import flat, unreadable, upright
from ...errors import BadSpec, Unreadable
from ..schema.limits import PICTURE_BYTES

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 25_000_000


def decoded(data: bytes, enough: tuple[int, int] | None = None) -> Image.Image:
    """A PNG, JPEG or WebP file's first frame as ``RGB``: upright by EXIF, on white where transparent.

    What it is, its content says. ``enough``: height and width that it will be shown at; a large JPEG comes smaller,
    still twice that. Raises BadSpec, whatever is wrong with it, and MemoryError.
    """
    if len(data) > PICTURE_BYTES:
        raise BadSpec(f"the picture has {len(data) / 1e6:.1f} MB; {PICTURE_BYTES // 10**6} MB is the most")
    try:
        with unreadable():
            return _opened(data, enough)
    except Unreadable as error:
        raise BadSpec(f"cannot read the picture: {error}") from error


def _opened(data: bytes, enough: tuple[int, int] | None) -> Image.Image:
    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise Unreadable(f"it is no PNG, JPEG or WebP ({len(data)} bytes)") from error
    with opened as image:
        if image.width * image.height > MOST_PIXELS:  # the header's word; nothing is decoded yet
            raise Unreadable(f"{image.width} x {image.height}: more than {MOST_PIXELS // 1_000_000} million pixels")
        if enough is not None:
            image.draft(None, (2 * max(enough),) * 2)  # of JPEGs alone; whichever way it will be turned
        image.load()
        return flat(upright(image), 3)
