"""A unit on one sheet: what it is, its histogram, and rows of real pictures with what fires in them. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..result import Pixels, picture
from .sheet import FAINT, GAP, INK, LINE, PAPER, SIZE, write_line

TILE = 144  # the longer side of a picture
BARS, HIGH = 60, 88  # of the histogram
BLUE, ORANGE = (70, 105, 160), (217, 119, 6)
# dark to bright, as light as they are strong, for eyes of every kind (after matplotlib's inferno)
HEAT = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], float)


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture with captions. ``box``: top, left, bottom, right in its pixels; ``heat``: 0 to 1, of any size.

    ``more``: further pictures of it, each below the other.
    """

    pixels: Pixels
    caption: str = ""
    detail: str = ""
    box: tuple[int, int, int, int] | None = None
    heat: NDArray[np.floating] | None = None
    more: tuple[Pixels, ...] = ()


@dataclass(frozen=True, eq=False)
class Strip:
    """A row of tiles under a title."""

    title: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, eq=False)
class Bars:
    """A histogram: shares, their ends, and what stands below it; ``marks``: values that are pointed at."""

    shares: NDArray[np.floating]
    ends: NDArray[np.floating]
    caption: str
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Panel:
    """Everything on the sheet. ``side``: pictures beside the histogram, such as the optimised one."""

    title: str
    facts: tuple[str, ...]
    strips: tuple[Strip, ...]
    bars: Bars | None = None
    side: tuple[Tile, ...] = field(default=())


def panel(what: Panel) -> Image.Image:
    """The sheet."""
    columns = max([6, *(len(strip.tiles) for strip in what.strips)])
    width = columns * (TILE + GAP) + GAP
    parts = [_head(what, width), *(_strip(strip, width) for strip in what.strips if strip.tiles)]
    paper = Image.new("RGB", (width, sum(part.height for part in parts) + GAP // 2), PAPER)
    y = 0
    for part in parts:
        paper.paste(part, (0, y))
        y += part.height
    return paper


def fitted(pixels: Pixels) -> Image.Image:
    """A picture with its longer side TILE: small ones by whole pixels first, nothing stretched."""
    shown = picture(pixels).convert("RGB")
    times = TILE // max(shown.size)
    if times >= 2:
        shown = shown.resize((shown.width * times, shown.height * times), Image.Resampling.NEAREST)
    scale = TILE / max(shown.size)
    size = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
    return shown.resize(size, Image.Resampling.LANCZOS) if size != shown.size else shown


def overlaid(pixels: Pixels, heat: NDArray[np.floating]) -> Image.Image:
    """A picture in grey with a map of 0 to 1 glowing on it."""
    shown = fitted(pixels)
    grey = np.asarray(shown.convert("L"), float)[:, :, None] * np.ones(3)
    spread = Image.fromarray(np.asarray(heat, np.float32)).resize(shown.size, Image.Resampling.BILINEAR)
    strength = np.asarray(spread, float).clip(0, 1)
    at = strength * (len(HEAT) - 1)
    low = np.minimum(at.astype(int), len(HEAT) - 2)
    colour = HEAT[low] + (HEAT[low + 1] - HEAT[low]) * (at - low)[:, :, None]
    share = (0.25 + 0.6 * strength)[:, :, None]
    return Image.fromarray((grey * 0.75 * (1 - share) + colour * share).clip(0, 255).round().astype(np.uint8))


def _outlined(tile: Tile) -> Image.Image:
    """The picture, with a frame around the box that stands out on light and dark."""
    shown = fitted(tile.pixels)
    if tile.box is not None:
        draw = ImageDraw.Draw(shown)
        down, across = shown.height / tile.pixels.shape[0], shown.width / tile.pixels.shape[1]
        top, left, bottom, right = tile.box
        inner = [round(left * across), round(top * down), round(right * across) - 1, round(bottom * down) - 1]
        if inner[2] - inner[0] > 2 and inner[3] - inner[1] > 2:
            draw.rectangle(inner, outline=(0, 0, 0), width=3)
            draw.rectangle([inner[0] + 1, inner[1] + 1, inner[2] - 1, inner[3] - 1], outline=(255, 255, 255))
    return shown


def _strip(strip: Strip, width: int) -> Image.Image:
    rows: list[list[Image.Image | None]] = [[_outlined(tile) for tile in strip.tiles]]
    if any(tile.heat is not None for tile in strip.tiles):
        rows.append([None if t.heat is None else overlaid(t.pixels, t.heat) for t in strip.tiles])
    for index in range(max(len(tile.more) for tile in strip.tiles)):
        rows.append([fitted(t.more[index]) if index < len(t.more) else None for t in strip.tiles])
    heights = [max(one.height for one in row if one is not None) for row in rows]
    lines = 1 + any(tile.detail for tile in strip.tiles)
    paper = Image.new("RGB", (width, LINE + 6 + sum(h + 4 for h in heights) + lines * LINE + GAP), PAPER)
    draw = ImageDraw.Draw(paper)
    write_line(draw, (GAP, 2), strip.title, INK, width - 2 * GAP)
    for column, tile in enumerate(strip.tiles):
        x, y = GAP + column * (TILE + GAP), LINE + 6
        for row, height in zip(rows, heights, strict=True):
            one = row[column]
            if one is not None:
                paper.paste(one, (x, y))
            y += height + 4
        write_line(draw, (x, y), tile.caption, INK, TILE)
        write_line(draw, (x, y + LINE), tile.detail, FAINT, TILE)
    return paper


def _head(what: Panel, width: int) -> Image.Image:
    side = [(fitted(tile.pixels), tile) for tile in what.side]
    below = max(
        [HIGH + 2 * LINE if what.bars is not None else 0, *(one.height + 2 * LINE for one, _ in side)], default=0
    )
    top = LINE * (1 + len(what.facts)) + GAP
    paper = Image.new("RGB", (width, top + below + GAP), PAPER)
    draw = ImageDraw.Draw(paper)
    write_line(draw, (GAP, GAP // 2), what.title, INK, width - 2 * GAP, SIZE + 2)
    for index, fact in enumerate(what.facts):
        write_line(draw, (GAP, GAP // 2 + LINE * (index + 1) + 2), fact, FAINT, width - 2 * GAP)
    x = GAP
    for one, tile in side:
        paper.paste(one, (x, top))
        write_line(draw, (x, top + one.height + 2), tile.caption, INK, TILE)
        write_line(draw, (x, top + one.height + 2 + LINE), tile.detail, FAINT, TILE)
        x += TILE + GAP
    if what.bars is not None:
        _histogram(draw, what.bars, (x, top), min(width - GAP - x, 6 * (TILE + GAP) - GAP))
    return paper


def _histogram(draw: ImageDraw.ImageDraw, bars: Bars, at: tuple[int, int], width: int) -> None:
    """Bars whose height is the root of the share, so that the few strongest pictures show too."""
    x, y = at
    shares = np.sqrt(np.maximum(bars.shares, 0))
    heights = shares / max(float(shares.max()), 1e-9) * HIGH
    low, high = float(bars.ends[0]), float(bars.ends[-1])
    for index, height in enumerate(heights):
        left, right = x + index * width // len(heights), x + (index + 1) * width // len(heights) - 2
        if height > 0:
            draw.rectangle([left, y + HIGH - max(1, round(height)), right, y + HIGH], fill=BLUE)
    draw.line([x, y + HIGH + 1, x + width, y + HIGH + 1], fill=FAINT)
    free = x
    for value, text in bars.marks:
        place = x + round((value - low) / max(high - low, 1e-9) * width)
        draw.polygon([(place, y + HIGH + 1), (place - 4, y + HIGH + 8), (place + 4, y + HIGH + 8)], fill=ORANGE)
        long = round(draw.textlength(text, font=ImageFont.load_default(size=SIZE)))
        begin = min(max(place - long // 2, x), x + width - long)
        if begin >= free:  # a mark whose words would lie on others keeps its arrow alone
            write_line(draw, (begin, y + HIGH + 8), text, FAINT, long + 4)
            free = begin + long + 8
    write_line(draw, (x, y + HIGH + 8 + LINE), bars.caption, FAINT, width)


def cropped(pixels: Pixels, box: tuple[int, int, int, int] | None) -> Pixels:
    """The part of a picture inside a box; all of it without one."""
    if box is None:
        return pixels
    top, left, bottom, right = box
    return np.ascontiguousarray(pixels[top:bottom, left:right])
