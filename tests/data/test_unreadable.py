"""Pictures that are none or too large, arrays, and what decoding leaves behind: nothing."""

from __future__ import annotations

import io
import pickle
import struct
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.made import encoded, photo, plain, png
from PIL import Image

from phosphene.data import decode, decoded, shown
from phosphene.errors import BadSpec, Unreadable
from phosphene.pictures import opened

SHAPE = (3, 32, 40)


@pytest.mark.parametrize("size", [(50_000, 50_000), (12_000, 10_000), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "memory"])
def test_bombs_are_refused_by_their_header(
    size: tuple[int, int], kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    width, height = size
    if kind == "png":
        data: Any = png(width, height, 8, 2, b"")
    elif kind == "bmp":
        info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        data = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info
    elif kind == "gif":
        side = struct.pack("<HH", min(width, 65535), min(height, 65535))  # a GIF has no more
        data = b"GIF89a" + side + b"\0\0\0" + b"\x2c\0\0\0\0" + side + b"\0\x02\x01\0\0;"
    else:
        data = Image.new("1", (1, 1))
        monkeypatch.setattr(Image.Image, "size", property(lambda _: size))
        monkeypatch.setattr(Image.Image, "width", property(lambda _: width))
        monkeypatch.setattr(Image.Image, "height", property(lambda _: height))

    def forbidden(*_: Any) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", forbidden)
    with pytest.raises(Unreadable, match="100 million pixels"):
        decoded(data, SHAPE)
    if isinstance(data, bytes):
        (tmp_path / "bomb.png").write_bytes(data)
        with pytest.raises(BadSpec, match=r"cannot read the start picture .*bomb\.png: .*100 million pixels"):
            opened(tmp_path / "bomb.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_half_a_file_is_refused(kind: str) -> None:
    whole = encoded(photo(200, 200), kind)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(Unreadable) as caught:
            decoded(whole[: int(len(whole) * share)], SHAPE)
        assert one_line(caught.value)


def one_line(error: Exception) -> str:
    text = str(error)
    assert text
    assert text.isprintable()
    assert len(text) < 400
    assert " 0x" not in text
    return text


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no picture"),
        (b"hello", "no picture"),
        (b"\0" * 1000, "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "no picture"),
        (Path("no/such.jpg"), "no such file"),
        (Path("."), "directory"),
        (Path("no/such.npy"), "no such file"),
        (3.5, "a float is no picture"),
        (None, "a NoneType is no picture"),
        ([[1]], "a list is no picture"),
        (b"\x93NUMPY", "magic string"),
        (np.zeros((0, 4), np.uint8), "no pixels"),
        (np.zeros((4,), np.uint8), r"shape \(4,\)"),
        (np.zeros((4, 4, 4), np.uint8), "4 channels"),
        (np.zeros((4, 4), np.complex64), "complex64"),
        (np.zeros((4, 4), "U1"), "U1"),
        (np.zeros((4, 4), object), "object"),
        (np.full((4, 4), 256), "from 256 to 256"),
        (np.full((4, 4), -1, np.int8), "from -1 to -1"),
        (np.full((4, 4), 1.5), "from 1.5 to 1.5"),
        (np.full((4, 4), np.nan, np.float16), "from nan to nan"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_picture(raw: Any, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        decoded(raw, SHAPE)
    one_line(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # workers send it home


def stored(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def test_arrays_from_memory_disk_and_bytes(tmp_path: Path) -> None:
    five = np.random.default_rng(0).integers(0, 256, (32, 40, 5), dtype=np.uint8)
    ways: list[Callable[[np.ndarray], Any]] = [lambda x: x, stored, lambda x: saved(tmp_path, x)]
    for way in ways:
        assert np.array_equal(decoded(way(five), (5, 32, 40)), five)
        assert np.array_equal(decoded(way(np.asfortranarray(five)), (5, 32, 40)), five)
        assert np.array_equal(decoded(way((five / 255).astype(np.float32)), (5, 32, 40)), five)
        assert np.array_equal(decoded(way((five / 255).astype(np.float16)), (5, 32, 40)), five)
        assert np.array_equal(decoded(way(five.astype(np.int64)), (5, 32, 40)), five)
        assert np.array_equal(decoded(way(five > 99), (5, 32, 40)), (five > 99) * 255)
        assert np.array_equal(decoded(way(np.asarray(photo())), SHAPE), plain(photo(), SHAPE))
        assert np.array_equal(decoded(way(five[:, :, 0]), (1, 32, 40))[:, :, 0], five[:, :, 0])
        with pytest.raises(Unreadable, match="5 channels; the network takes 4"):
            decoded(way(five), (4, 32, 40))
        with pytest.raises(Unreadable, match=r"32 x 40; with 5 channels only 31 x 40"):
            decoded(way(five), (5, 31, 40))


def saved(folder: Path, values: np.ndarray) -> Path:
    np.save(folder / "a.npy", values)
    return folder / "a.npy"


def test_the_array_that_comes_back_is_ones_own() -> None:
    given = np.zeros((32, 40, 3), np.uint8)
    decoded(given, SHAPE)[:] = 1
    assert not given.any()


def test_pictures_for_a_network_of_other_channels() -> None:
    with pytest.raises(Unreadable, match=r"the network takes 5; give \.npy arrays"):
        decoded(encoded(photo()), (5, 32, 40))


def test_arrays_never_run_code(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("code of a picture ran",))

    data = stored(np.array([Bad()], dtype=object))
    (tmp_path / "bad.npy").write_bytes(data)
    for raw in (data, tmp_path / "bad.npy"):
        with pytest.raises(Unreadable, match="object"):
            decoded(raw, SHAPE)


def test_an_array_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    data = stored(np.zeros((9, 9), np.uint8)).replace(b"(9, 9), }", b"(9999999999, 9999999999), }", 1)
    data = data.replace(b" " * 20, b"", 1)
    (tmp_path / "bad.npy").write_bytes(data)
    for raw in (data, tmp_path / "bad.npy"):
        with pytest.raises(Unreadable):
            decoded(raw, SHAPE)


def test_memory_errors_and_interrupts_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (MemoryError, KeyboardInterrupt):

        def fail(*_: Any, error: type[BaseException] = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(error):
            decoded(b"any", SHAPE)


def test_warnings_are_silent_inside_and_as_before_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(warnings.filters)

    def warns(*_: Any, **__: Any) -> Any:
        warnings.warn("a decoder's worry", UserWarning, stacklevel=1)
        inside.wait()
        return photo()

    monkeypatch.setattr(decode, "loaded", warns)
    inside = threading.Barrier(4)
    failed = []

    def read() -> None:
        try:
            decoded(b"any", SHAPE)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert warnings.filters == before
    with pytest.raises(UserWarning, match="still an error"):
        warnings.warn("still an error", UserWarning, stacklevel=1)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("plain é 猫.png", "plain é 猫.png"),
        ("a\nb\x1b[31m", r"a\nb\x1b[31m"),
        ("\udcff\u202e", r"\udcff\u202e"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_names_that_any_terminal_can_show(name: str, wanted: str) -> None:
    assert shown(name) == wanted
    shown(name).encode("utf-8")
