"""Random bytes and damaged files: an array or Unreadable, nothing else, ever."""

from __future__ import annotations

import io

import numpy as np
import pytest
from data.made import encoded, photo
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from phosphene.data import decoded
from phosphene.errors import Unreadable

SHAPE = (3, 16, 16)


def stored() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(photo(24, 24)))
    return buffer.getvalue()


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    return encoded(photo(24, 24), "JPEG", exif=exif)


WHOLE = {
    **{kind: encoded(photo(24, 24), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000")},
    "16 bits": encoded(Image.fromarray(np.arange(576, dtype=np.uint16).reshape(24, 24)), "PNG"),
    "alpha": encoded(photo(24, 24).convert("RGBA"), "PNG"),
    "animated": encoded(photo(24, 24), "GIF", save_all=True, append_images=[photo(24, 24, 1)]),
    "cmyk": encoded(photo(24, 24).convert("CMYK"), "JPEG"),
    "float": encoded(Image.fromarray(np.zeros((24, 24), np.float32)), "TIFF"),
    "packed": encoded(photo(24, 24), "TIFF", compression="tiff_lzw"),
    "progressive": encoded(photo(24, 24), "JPEG", progressive=True),
    "rotated": rotated(),
    "stored": stored(),
}


def check(data: bytes) -> None:
    try:
        seen = decoded(data, SHAPE)
    except Unreadable as error:
        reason = str(error)
    else:
        reason = "fine"
        assert seen.shape == (16, 16, 3)
        assert seen.dtype == np.uint8
    assert reason.isprintable()
    assert 0 < len(reason) < 400


@pytest.mark.parametrize("kind", WHOLE)
def test_the_whole_files_are_read(kind: str) -> None:
    assert decoded(WHOLE[kind], SHAPE).shape == (16, 16, 3)


@given(data=st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    check(data)


@settings(max_examples=1200)
@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
def test_damaged_files(kind: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.one_of(st.integers(0, min(200, len(content) - 1)), st.integers(0, len(content) - 1)))
        content[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, content[place] ^ 1, content[place] ^ 0x40]))
    check(bytes(content))


@settings(max_examples=300)
@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
def test_cut_and_spliced_files(kind: str, data: st.DataObject) -> None:
    content = WHOLE[kind]
    first, last = (data.draw(st.integers(0, len(content))) for _ in range(2))
    check(content[:first] + data.draw(st.binary(max_size=30)) + content[last:])
