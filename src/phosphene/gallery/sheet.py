"""Contact sheets: many pictures at a glance, each with its caption, dead and failed ones visible as such. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..result import Pixels, Result, picture

LEAST = 128  # a tile's shorter side is at least this, by whole multiples, so that every pixel stays a pixel
MOST = 8 * LEAST  # but no longer side is made larger than this
GAP = 12
FRAME = 3  # around a picture with which something is wrong, outside its pixels
SIZE, LINE = 13, 17
SMALL = 96  # below tiles of this side, texts are smaller
PAPER, INK, FAINT, ALARM = (255, 255, 255), (20, 20, 20), (110, 110, 110), (190, 30, 30)
EMPTY = (244, 244, 244)  # of a tile without a picture


@dataclass(frozen=True)
class Cell:
    """A picture, its caption (dark), a second line (faint), and whether something is wrong with it."""

    pixels: Pixels
    caption: str
    detail: str = ""
    wrong: bool = False


def cell_of(result: Result) -> Cell:
    """A result as a cell: its target; its status, or its score and rank."""
    clean = "score -" if result.score.clean is None else f"{result.score.clean:#.3g}"
    rank = "" if result.evidence.rank is None else f" · rank {result.evidence.rank}/{result.evidence.siblings}"
    detail = f"{clean}{rank}" if result.status == "ok" else result.status
    return Cell(result.pixels, result.target, detail, wrong=result.status != "ok")


def blank(like: Pixels) -> Cell:
    """A place where nothing stands, as large as another."""
    return Cell(np.full_like(like, 255), "")


def worded(word: str, size: tuple[int, int], colour: tuple[int, int, int] = FAINT, least: int = LEAST) -> Pixels:
    """A tile (width, height) with nothing but a word in it."""
    tile = Image.new("RGB", size, EMPTY)
    draw = ImageDraw.Draw(tile)
    font = ImageFont.load_default(size=text_size(least)[0])
    shown = fitting(draw, word, font, size[0] - 4)
    draw.text((size[0] / 2, size[1] / 2), shown, fill=colour, font=font, anchor="mm")
    return np.asarray(tile)


def sheet(cells: Sequence[Cell], columns: int | None = None, title: str = "", least: int = LEAST) -> Image.Image:
    """Cells in rows, read like text, under a title; about as wide as high unless ``columns`` is given.

    ``least``: what a tile's shorter side is at least.
    """
    shown = [enlarged(cell.pixels, least) for cell in cells]
    size, line = text_size(least)
    wide = max(least, *(one.width for one in shown))
    high = max(one.height for one in shown)
    tall = high + line * (2 if any(cell.detail for cell in cells) else 1)
    columns = min(columns or max(1, round(math.sqrt(len(cells) * tall / wide))), len(cells))
    rows = math.ceil(len(cells) / columns)
    above = LINE + GAP // 2 if title else 0
    paper = Image.new("RGB", (columns * (wide + GAP) + GAP, above + rows * (tall + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(paper)
    write_line(draw, (GAP, GAP // 2), title, INK, paper.width - 2 * GAP)
    for index, (cell, one) in enumerate(zip(cells, shown, strict=True)):
        row, column = divmod(index, columns)
        x, y = GAP + column * (wide + GAP), above + GAP + row * (tall + GAP)
        if cell.wrong:
            around = (x - FRAME, y - FRAME, x + one.width + FRAME - 1, y + one.height + FRAME - 1)
            draw.rectangle(around, outline=ALARM, width=FRAME)
        paper.paste(one, (x, y))
        below = y + one.height + 2
        write_line(draw, (x, below), cell.caption, ALARM if cell.wrong else INK, wide, size)
        write_line(draw, (x, below + line), cell.detail, ALARM if cell.wrong else FAINT, wide, size)
    return paper


def text_size(least: int) -> tuple[int, int]:
    """Of captions: the size of the letters, the height of a line."""
    return (SIZE, LINE) if least >= SMALL else (10, 13)


def enlarged(pixels: Pixels, least: int = LEAST) -> Image.Image:
    """A picture at a whole multiple of its size: every pixel a square, nothing in between."""
    shown = picture(pixels).convert("RGB")
    times = max(1, min(math.ceil(least / min(shown.size)), MOST // max(shown.size)))
    return shown.resize((shown.width * times, shown.height * times), Image.Resampling.NEAREST)


def write_line(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    width: int,
    size: int = SIZE,
) -> None:
    """Text on one line of ``width`` pixels."""
    font = ImageFont.load_default(size=size)
    draw.text(at, fitting(draw, text, font, width), fill=colour, font=font)


def fitting(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> str:
    """The text on one line, cut in the middle where it is too long."""
    text = text.replace("\n", " ")
    if draw.textlength(text, font=font) <= width:
        return text
    for keep in range(len(text) - 2, 1, -1):
        short = f"{text[: keep - keep // 2]}…{text[-(keep // 2) :]}"
        if draw.textlength(short, font=font) <= width:
            return short
    return text[:1]
