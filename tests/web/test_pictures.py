"""Pictures that strangers send, and tiles that are sent back."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from phosphene.errors import BadSpec
from phosphene.web.look.decoded import MOST_PIXELS, decoded
from phosphene.web.look.mosaic import mosaic
from phosphene.web.schema.limits import PICTURE_BYTES

PHOTO = (np.random.default_rng(0).integers(0, 40, (40, 60, 3)) + np.arange(60)[None, :, None] * 3).astype(np.uint8)


def file_of(kind: str, picture: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    (picture or Image.fromarray(PHOTO)).save(buffer, format=kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, data: bytes = b"", *, depth: int = 8, colour: int = 0, more: bytes = b"") -> bytes:
    """A PNG file made by hand, so that its header can say anything."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


HOSTILE = {
    "nothing": b"",
    "text": b"hello " * 100,
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "gif": file_of("GIF"),
    "bmp": file_of("BMP"),
    "tiff": file_of("TIFF"),
    "npy": b"\x93NUMPY\x01\x00" + bytes(100),
    "png of 2 500 million pixels": png(50_000, 50_000),
    "png a little too large": png(5001, 5000, bytes(5002 * 5000)),
    "png of no width": png(0, 10),
    "png with less than it says": png(200, 200, bytes(100)),
    "png with a damaged sum": file_of("PNG").replace(b"IDAT", b"IDAT"[::-1], 1),
    "png whose text unpacks to a lot": png(
        2, 2, bytes(6), more=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000), 9))
    ),
    "png that begins and stops": file_of("PNG")[:60],
    "jpeg that begins and stops": file_of("JPEG")[:400],
    "webp that begins and stops": file_of("WEBP")[:100],
    "webp of 268 million pixels": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0",
    "too many bytes": file_of("PNG") + bytes(PICTURE_BYTES),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(BadSpec) as caught:
        decoded(HOSTILE[name])
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 300


def test_the_largest_that_is_allowed_is_read() -> None:
    assert decoded(png(5000, 5000, bytes(5001 * 5000))).size == (5000, 5000)
    assert MOST_PIXELS == 5000 * 5000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@given(data=st.data())
def test_damage_is_refused_or_read(kind: str, data: st.DataObject) -> None:
    """Cut anywhere, with bytes changed anywhere: a picture of the size, or one line; no warning, no other error."""
    whole = bytearray(file_of(kind))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[place] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        said = decoded(bytes(whole[:cut])).mode
    except BadSpec as error:
        said = str(error)
    assert said == "RGB" or (said.isprintable() and said.startswith("cannot read the picture"))


def test_kinds_that_are_read() -> None:
    exact = np.asarray(decoded(file_of("PNG")))
    assert np.array_equal(exact, PHOTO)
    assert np.array_equal(np.asarray(decoded(file_of("WEBP", lossless=True))), PHOTO)
    assert np.abs(np.asarray(decoded(file_of("JPEG", quality=95))).astype(int) - PHOTO).mean() < 12
    grey = Image.fromarray(PHOTO[:, :, 0])
    assert np.array_equal(np.asarray(decoded(file_of("PNG", grey))), PHOTO[:, :, :1].repeat(3, 2))
    deep = Image.fromarray(PHOTO[:, :, 0].astype(np.uint16) * 257)
    assert np.array_equal(np.asarray(decoded(file_of("PNG", deep))), PHOTO[:, :, :1].repeat(3, 2))
    assert decoded(file_of("JPEG", Image.fromarray(PHOTO).convert("CMYK"))).mode == "RGB"


def test_what_is_clear_lies_on_white() -> None:
    clear = np.dstack([PHOTO, np.where(np.arange(60) < 30, 0, 255).astype(np.uint8)[None].repeat(40, 0)])
    found = np.asarray(decoded(file_of("PNG", Image.fromarray(clear))))
    assert (found[:, :30] == 255).all()
    assert np.array_equal(found[:, 30:], PHOTO[:, 30:])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_several_frames_the_first_is_read(kind: str) -> None:
    frames = [Image.fromarray(PHOTO), Image.fromarray(255 - PHOTO)]
    options = {"lossless": True} if kind == "WEBP" else {}
    made = file_of(kind, frames[0], save_all=True, append_images=frames[1:], duration=50, **options)
    assert np.array_equal(np.asarray(decoded(made)), PHOTO)


def test_a_photo_is_turned_upright() -> None:
    for turns, twin in ((3, np.rot90(PHOTO, 2)), (6, np.rot90(PHOTO, -1)), (8, np.rot90(PHOTO)), (2, PHOTO[:, ::-1])):
        exif = Image.Exif()
        exif[0x0112] = turns
        assert np.array_equal(np.asarray(decoded(file_of("PNG", exif=exif))), twin)
    assert np.array_equal(np.asarray(decoded(file_of("PNG", exif=b"Exif\0\0damaged"))), PHOTO)


def test_a_large_jpeg_is_read_smaller_whichever_way_it_lies() -> None:
    large = Image.fromarray(PHOTO).resize((2400, 1600))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decoded(file_of("JPEG", large)).size == (2400, 1600)
    small = decoded(file_of("JPEG", large, exif=exif), (64, 100))
    assert small.size == (200, 300)
    assert decoded(file_of("PNG", large), (64, 64)).size == (2400, 1600)


@given(
    maps=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 30), st.integers(1, 60), st.integers(1, 60)),
        elements=st.floats(-4, 100, width=32),
        fill=st.floats(-4, 100, width=32),
    )
)
def test_tiles_equal_loops(maps) -> None:
    """Each pixel of each tile is the greatest value of its cell over the greatest of all."""
    made = mosaic(maps)
    channels, high, wide = maps.shape
    cell = -(-max(high, wide) // 48)
    rows, columns = -(-high // cell), -(-wide // cell)
    assert made.height % rows == made.width % columns == 0
    assert max(made.height, made.width) <= 48
    assert made.pixels.shape == (-(-channels // made.columns) * made.height, made.columns * made.width, 1)
    assert np.array_equal(made.values, maps.max((1, 2)))
    assert made.scale == max(float(maps.max()), 0.0)
    twin = np.zeros(made.pixels.shape[:2])
    for channel in range(channels):
        top, left = channel // made.columns * made.height, channel % made.columns * made.width
        tall, broad = made.height // rows, made.width // columns
        for y in range(rows):
            for x in range(columns):
                value = maps[channel, y * cell : (y + 1) * cell, x * cell : (x + 1) * cell].max()
                share = max(float(value), 0) / made.scale if made.scale else 0
                twin[top + y * tall : top + (y + 1) * tall, left + x * broad : left + (x + 1) * broad] = 255 * share
    assert np.abs(made.pixels[:, :, 0] - twin).max() <= 0.5001


def test_thousands_of_channels_have_smaller_tiles() -> None:
    made = mosaic(np.ones((4096, 1, 1), np.float32))
    assert made.pixels.size <= 2_000_000
    assert made.columns == 64
    large = mosaic(np.random.default_rng(0).random((64, 224, 224), np.float32))
    assert (large.width, large.height) == (45, 45)
    assert large.pixels.max() == 255
