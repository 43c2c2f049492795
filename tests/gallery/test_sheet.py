"""Contact sheets, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from phosphene.gallery.sheet import ALARM, FRAME, GAP, LEAST, LINE, MOST, PAPER, SIZE, Cell, enlarged, fitting, sheet

Pixels = NDArray[np.uint8]


def noise(height: int, width: int, channels: int = 3) -> Pixels:
    return np.random.default_rng(height * 1000 + width).integers(0, 255, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (32, 48), (64, 64), (7, 1000), (1000, 7), (100, 100), (300, 200), (20, 300)])
def test_every_pixel_becomes_a_square(size: tuple[int, int]) -> None:
    pixels = noise(*size)
    shown = np.asarray(enlarged(pixels))
    times = shown.shape[0] // size[0]
    assert np.array_equal(shown, pixels.repeat(times, 0).repeat(times, 1))
    assert times == 1 or max(shown.shape) <= MOST
    assert min(shown.shape[:2]) >= LEAST or max(size) * (times + 1) > MOST  # as large as asked, unless too long
    assert times == 1 or min(size) * (times - 1) < LEAST  # and no larger


def test_grey_and_odd_channels_can_be_shown() -> None:
    assert enlarged(noise(64, 64, 1)).size == (128, 128)
    assert enlarged(noise(64, 64, 2)).mode == "RGB"


def test_tiles_stand_in_rows_with_gaps_and_nothing_is_stretched() -> None:
    pictures = [noise(64, 64 + shift) for shift in (0, 0, 0, 0, 0)]
    paper = np.asarray(sheet([Cell(one, f"unit {index}", "1.0") for index, one in enumerate(pictures)], columns=3))
    tile = 128
    assert paper.shape == (2 * (tile + 2 * LINE + GAP) + GAP, 3 * (tile + GAP) + GAP, 3)
    for index, one in enumerate(pictures):
        y, x = GAP + index // 3 * (tile + 2 * LINE + GAP), GAP + index % 3 * (tile + GAP)
        assert np.array_equal(paper[y : y + tile, x : x + tile], one.repeat(2, 0).repeat(2, 1))
        assert (paper[y : y + tile, x - GAP : x] == PAPER).all()
        caption = paper[y + tile : y + tile + 2 * LINE, x : x + tile]
        assert (caption[:LINE] < 100).any()
        assert (caption[LINE:] < 160).any()
    assert (paper[GAP + tile + 2 * LINE + GAP :, 2 * (tile + GAP) + GAP :] == PAPER).all()  # the empty sixth place


def test_a_sheet_is_about_as_wide_as_high() -> None:
    for count in (2, 6, 64, 192):
        width, height = sheet([Cell(noise(64, 64), "a", "b")] * count).size
        assert 0.4 < width / height < 2.5


def test_pictures_of_different_sizes_share_a_sheet() -> None:
    small, large = noise(64, 64), noise(64, 192)
    paper = np.asarray(sheet([Cell(small, "a"), Cell(large, "b")], columns=2))
    assert np.array_equal(paper[GAP : GAP + 128, GAP : GAP + 128], small.repeat(2, 0).repeat(2, 1))
    x = GAP + 384 + GAP
    assert np.array_equal(paper[GAP : GAP + 128, x : x + 384], large.repeat(2, 0).repeat(2, 1))


def test_what_is_wrong_is_framed_in_red_outside_its_pixels() -> None:
    pixels = noise(64, 64)
    good, bad = (np.asarray(sheet([Cell(pixels, "a", "dead", wrong=wrong)])) for wrong in (False, True))
    inside = (slice(GAP, GAP + 128), slice(GAP, GAP + 128))
    assert np.array_equal(bad[inside], good[inside])
    for at in (GAP - 1, GAP - FRAME, GAP + 128, GAP + 128 + FRAME - 1):
        assert (bad[GAP : GAP + 128, at] == ALARM).all()
        assert (bad[at, GAP : GAP + 128] == ALARM).all()
        assert not (good[GAP : GAP + 128, at] == ALARM).all()
    caption = bad[GAP + 128 + FRAME :].reshape(-1, 3)
    assert (caption == ALARM).all(1).any()
    assert not (good[GAP + 128 + FRAME :].reshape(-1, 3) == ALARM).all(1).any()


def test_long_captions_are_cut_in_the_middle_and_stay_in_their_tile() -> None:
    draw, font = ImageDraw.Draw(Image.new("RGB", (1, 1))), ImageFont.load_default(size=SIZE)
    long = "mixed4b:11 + 0.5*mixed4b:30 - 0.1*tv"
    cut = fitting(draw, long, font, LEAST)
    start, _, end = cut.partition("…")
    assert long.startswith(start)
    assert long.endswith(end)
    assert min(len(start), len(end)) >= 5
    assert draw.textlength(cut, font=font) <= LEAST
    assert fitting(draw, "mixed4b:11", font, LEAST) == "mixed4b:11"
    assert fitting(draw, "two\nlines", font, LEAST) == "two lines"
    paper = np.asarray(sheet([Cell(noise(64, 64), long), Cell(noise(64, 64), "")], columns=2))
    assert (paper[GAP + 128 :, GAP + 128 :] == PAPER).all()


def test_a_title_stands_above() -> None:
    cell = Cell(noise(64, 64), "a")
    plain, titled = np.asarray(sheet([cell])), np.asarray(sheet([cell], title="what it shows"))
    above = len(titled) - len(plain)
    assert above >= LINE
    assert (titled[:above] < 100).any()
    assert np.array_equal(titled[above + GAP :], plain[GAP:])
