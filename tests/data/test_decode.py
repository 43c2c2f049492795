"""One picture, whatever it is: pixels, or one line why not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data.made import encoded, near, photo, plain, png
from PIL import Image, ImageCms, ImageOps

from phosphene.data import decode, decoded
from phosphene.errors import Unreadable
from phosphene.pictures import picture_tensor

SHAPE = (3, 32, 40)


@pytest.mark.parametrize("shape", [(3, 32, 40), (3, 40, 32), (3, 96, 96), (3, 1, 1), (3, 48, 64), (1, 32, 40)])
@pytest.mark.parametrize("size", [(48, 64), (64, 48), (7, 5), (300, 20)])
def test_a_photo_becomes_what_the_start_picture_becomes(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    image = photo(*size)
    wanted = picture_tensor(image, shape, torch.device("cpu"))[0].permute(1, 2, 0).numpy() * 255
    seen = decoded(encoded(image), shape)
    assert seen.dtype == np.uint8
    assert seen.shape == (shape[1], shape[2], shape[0])
    assert np.array_equal(seen, np.round(wanted))


def test_start_pictures_are_what_they_were() -> None:
    image = photo()
    for channels, mode in ((3, "RGB"), (1, "L")):
        was = np.asarray(ImageOps.fit(image.convert(mode), (40, 32), Image.Resampling.LANCZOS), np.float32) / 255
        now = picture_tensor(image, (channels, 32, 40), torch.device("cpu"))[0].permute(1, 2, 0).numpy()
        assert np.array_equal(now, was.reshape(now.shape))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000"])
def test_common_files_are_read_from_bytes_and_from_disk(tmp_path: Path, kind: str) -> None:
    data = encoded(photo(), kind)
    (tmp_path / "any.jpg").write_bytes(data)  # what it is called does not matter
    seen = decoded(data, SHAPE)
    near(seen, plain(photo(), SHAPE), 12 if kind == "GIF" else 4)
    assert np.array_equal(decoded(tmp_path / "any.jpg", SHAPE), seen)
    assert np.array_equal(decoded(str(tmp_path / "any.jpg"), SHAPE), seen)


def grey16() -> np.ndarray:
    return np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    seen = decoded(encoded(Image.fromarray(grey16()), kind), (3, 48, 64))
    wanted = np.round(grey16() / 257)
    assert np.abs(seen - wanted[:, :, None]).max() == 0


def test_sixteen_bits_of_the_other_end() -> None:
    swapped = Image.frombytes("I;16B", (64, 48), grey16().astype(">u2").tobytes())
    assert np.array_equal(decoded(swapped, (1, 48, 64))[:, :, 0], np.round(grey16() / 257))


def test_sixteen_bits_in_colour() -> None:
    values = np.repeat(grey16()[:, :, None], 3, axis=2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    near(decoded(png(64, 48, 16, 2, rows), (3, 48, 64)), np.round(values / 257), 1)


def test_start_pictures_of_sixteen_bits_are_scaled_too() -> None:
    seen = picture_tensor(Image.fromarray(grey16()), (1, 48, 64), torch.device("cpu"))[0, 0].numpy()
    assert np.allclose(seen, np.round(grey16() / 257) / 255)


@pytest.mark.parametrize(("low", "high"), [(-5, 100), (0, 70000)])
def test_whole_numbers_of_no_known_range_are_refused(low: int, high: int) -> None:
    values = np.array([[low, high]], dtype=np.int32)
    with pytest.raises(Unreadable, match=f"from {low} to {high}"):
        decoded(Image.fromarray(values), SHAPE)


def test_float_pictures_lie_in_0_to_1() -> None:
    values = (grey16() / 65535).astype(np.float32)
    seen = decoded(encoded(Image.fromarray(values), "TIFF"), (1, 48, 64))
    assert np.array_equal(seen[:, :, 0], np.rint(values * 255))
    for wrong in (values * 3, values - 0.5, values * np.nan):
        with pytest.raises(Unreadable, match="reach from"):
            decoded(encoded(Image.fromarray(wrong.astype(np.float32)), "TIFF"), SHAPE)


def half_clear(mode: str) -> Image.Image:
    image = Image.new("RGBA", (64, 48), (200, 0, 0, 255))
    image.paste((0, 0, 200, 0), (32, 0, 64, 48))
    return image.convert(mode)


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("RGBA", "WEBP"), ("LA", "PNG"), ("RGBA", "TIFF")])
def test_the_transparent_stands_on_white(mode: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    seen = decoded(encoded(half_clear(mode), kind, **options), (3, 48, 64))
    assert (seen[:, 36:] == 255).all()
    assert (seen[:, :28] == ([200, 0, 0] if mode == "RGBA" else seen[0, 0])).all()
    assert seen[0, 0, 1] < 100


def test_palettes_with_a_clear_colour_stand_on_white() -> None:
    image = Image.new("P", (64, 48), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.paste(1, (32, 0, 64, 48))
    for kind in ("PNG", "GIF"):
        seen = decoded(encoded(image, kind, transparency=1), (3, 48, 64))
        assert (seen[:, 36:] == 255).all()
        assert (seen[:, :28] == [200, 0, 0]).all()
    seen = decoded(encoded(image, "PNG", transparency=bytes([255, 0])), (3, 48, 64))
    assert (seen[:, 36:] == 255).all()


def test_opaque_alpha_changes_nothing() -> None:
    clear = photo().convert("RGBA")
    assert np.array_equal(decoded(encoded(clear), SHAPE), plain(photo(), SHAPE))
    assert np.array_equal(decoded(clear.convert("RGBa"), SHAPE), plain(photo(), SHAPE))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "RGBX", "LAB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode(mode: str, channels: int) -> None:
    source = photo()
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.applyTransform(source, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
        assert image is not None
    else:
        image = source.convert(mode)
    seen = decoded(image, (channels, 48, 64))
    wanted = source.convert("L") if mode == "L" or channels == 1 else source
    wanted = np.asarray(image.convert("RGB").convert("L" if channels == 1 else "RGB")) if mode in ("1", "P") else wanted
    near(seen, np.asarray(wanted)[:, :, None].repeat(3, 2) if mode == "L" and channels == 3 else wanted, 5)


def test_cmyk_photos() -> None:
    near(decoded(encoded(photo().convert("CMYK"), "JPEG", quality=95), (3, 48, 64)), photo(), 4)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_animations(kind: str) -> None:
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (decoded(data, SHAPE) == [255, 0, 0]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turns_pictures_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(96, 128), kind, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    assert np.array_equal(decoded(data, SHAPE), plain(upright.convert("RGB"), SHAPE))
    large = encoded(photo(960, 400), kind, exif=exif)  # so large that a JPEG is read in a smaller scale
    with Image.open(io.BytesIO(large)) as image:
        near(decoded(large, SHAPE), plain(ImageOps.exif_transpose(image).convert("RGB"), SHAPE), 2)


def test_damaged_exif_leaves_a_picture() -> None:
    good = encoded(photo(), "JPEG")
    for wrong in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40):
        near(decoded(encoded(photo(), "JPEG", exif=wrong), SHAPE), decoded(good, SHAPE), 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (3, 20000)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    seen = decoded(encoded(Image.new("RGB", size, (10, 20, 30))), SHAPE)
    assert (seen == [10, 20, 30]).all()


def test_large_jpegs_are_read_in_a_smaller_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(photo(1600, 1200), "JPEG", quality=95)
    whole = plain(decode.loaded(data), SHAPE)
    sizes = []
    monkeypatch.setattr(decode, "flat", lambda image, channels: sizes.append(image.size) or image)
    seen = decoded(data, SHAPE)
    assert sizes == [(150, 200)]  # an eighth, still more than twice 40 x 32
    near(seen, whole, 1)
    decoded(encoded(photo(79, 63), "JPEG"), SHAPE)
    assert sizes[1:] == [(63, 79)]


def test_the_smaller_scale_knows_which_side_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sizes = []
    monkeypatch.setattr(decode, "flat", lambda image, channels: sizes.append(image.size) or image)
    decoded(encoded(photo(1600, 400), "JPEG", exif=exif), (3, 20, 100))
    assert sizes == [(200, 50)]


def test_exif_that_fails_leaves_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> Any:
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert np.array_equal(decoded(encoded(photo()), SHAPE), plain(photo(), SHAPE))
