"""Contact sheets: many pictures at a glance, each with its caption, dead and failed ones visible as such. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from ..result import Pixels, Result, picture

LEAST = 128  # a tile's shorter side is at least this, by whole multiples, so that every pixel stays a pixel
GAP = 8
LINE = 16
PAPER, INK, FAINT, ALARM = (255, 255, 255), (20, 20, 20), (110, 110, 110), (190, 30, 30)


@dataclass(frozen=True)
class Cell:
    """A picture, its caption (dark), a second line (faint), and whether something is wrong with it."""

    pixels: Pixels
    caption: str
    detail: str = ""
    wrong: bool = False


def cell_of(result: Result) -> Cell:
    """A result as a cell: its target; its status, or its score and rank."""
    clean = "-" if result.score.clean is None else f"{result.score.clean:.3g}"
    rank = "" if result.evidence.rank is None else f"  #{result.evidence.rank} of {result.evidence.siblings}"
    detail = f"{clean}{rank}" if result.status == "ok" else result.status
    return Cell(result.pixels, result.target, detail, wrong=result.status != "ok")


def sheet(cells: Sequence[Cell], columns: int | None = None) -> Image.Image:
    """Cells in rows, read like text; about as wide as high unless ``columns`` is given."""
    tiles = [_tile(cell) for cell in cells]
    wide, high = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    columns = columns or max(1, min(len(tiles), round(math.sqrt(len(tiles) * high / wide))))
    rows = math.ceil(len(tiles) / columns)
    paper = Image.new("RGB", (columns * (wide + GAP) + GAP, rows * (high + GAP) + GAP), PAPER)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        paper.paste(tile, (GAP + column * (wide + GAP), GAP + row * (high + GAP)))
    return paper


def _tile(cell: Cell) -> Image.Image:
    shown = picture(cell.pixels).convert("RGB")
    times = max(1, math.ceil(LEAST / min(shown.size)))
    if max(shown.size) * times <= 8 * LEAST:
        shown = shown.resize((shown.width * times, shown.height * times), Image.Resampling.NEAREST)
    lines = [(cell.caption, ALARM if cell.wrong else INK), (cell.detail, ALARM if cell.wrong else FAINT)]
    lines = [(text, colour) for text, colour in lines if text]
    tile = Image.new("RGB", (max(shown.width, LEAST), shown.height + LINE * len(lines)), PAPER)
    tile.paste(shown, (0, 0))
    draw = ImageDraw.Draw(tile)
    if cell.wrong:
        draw.rectangle((0, 0, shown.width - 1, shown.height - 1), outline=ALARM, width=2)
    font = ImageFont.load_default(size=12)
    for number, (text, colour) in enumerate(lines):
        draw.text((0, shown.height + LINE * number + 1), _fitting(draw, text, font, tile.width), fill=colour, font=font)
    return tile


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> str:
    """The text, cut in the middle where it is too long."""
    if draw.textlength(text, font=font) <= width:
        return text
    for keep in range(len(text) - 2, 1, -1):
        short = f"{text[: keep // 2]}…{text[-(keep - keep // 2) :]}"
        if draw.textlength(short, font=font) <= width:
            return short
    return text[:1]
