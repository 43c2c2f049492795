"""A world of drawn shapes, to scan where no photographs are at hand: ``python docs/pictures/shapes.py DIR [COUNT]``.

64 x 64 pixels, a folder per shape; number n is the same in every world. The pages use it because photographs of others
are not ours to print; what a network was made for is seen better in photographs like those that it learned from.
"""

from __future__ import annotations

import colorsys
import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE, FINE = 64, 4  # pixels, and how much finer they are drawn
KINDS = ("disc", "ring", "box", "peak", "star", "cross", "stripes", "checks", "dots", "waves", "leaf", "letter")
Colour = tuple[int, int, int]


def colour(rng: np.random.Generator) -> Colour:
    hue, strength, light = rng.random(), rng.beta(2, 1.5), rng.uniform(0.05, 1)
    red, green, blue = colorsys.hsv_to_rgb(hue, strength, light)
    return round(255 * red), round(255 * green), round(255 * blue)


def ground(rng: np.random.Generator) -> Image.Image:
    """A slope from one colour to another, with soft clouds and a little grain."""
    side = SIDE * FINE
    angle, (low, high) = rng.uniform(0, 2 * math.pi), (np.array(colour(rng)), np.array(colour(rng)))
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    slope = np.clip(x * math.cos(angle) + y * math.sin(angle) + 0.5, 0, 1)[:, :, None]
    clouds = Image.fromarray((rng.random((6, 6)) * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    values = low + (high - low) * slope + (np.asarray(clouds, float)[:, :, None] - 128) * rng.uniform(0, 0.35)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def polygon(points: list[tuple[float, float]], middle: tuple[float, float], turn: float) -> list[tuple[float, float]]:
    cos, sin = math.cos(turn), math.sin(turn)
    return [(middle[0] + x * cos - y * sin, middle[1] + x * sin + y * cos) for x, y in points]


def draw(kind: str, rng: np.random.Generator) -> Image.Image:
    """One picture of a kind."""
    picture = ground(rng)
    layer, mask = Image.new("RGB", picture.size, colour(rng)), Image.new("L", picture.size)
    pen, side = ImageDraw.Draw(mask), SIDE * FINE
    r, turn = side * rng.uniform(0.15, 0.38), rng.uniform(-0.5, 0.5)
    x, y = side * rng.uniform(0.3, 0.7), side * rng.uniform(0.3, 0.7)
    around = [x - r, y - r, x + r, y + r]
    step = side * rng.uniform(0.06, 0.16)
    if kind == "disc":
        pen.ellipse(around, fill=255)
    elif kind == "ring":
        pen.ellipse(around, outline=255, width=round(r * rng.uniform(0.2, 0.5)))
    elif kind == "box":
        pen.polygon(polygon([(-r, -r * 0.7), (r, -r * 0.7), (r, r * 0.7), (-r, r * 0.7)], (x, y), turn), fill=255)
    elif kind == "peak":
        pen.polygon(polygon([(0, -r * 1.2), (r * 0.8, r), (-r * 0.8, r)], (x, y), turn), fill=255)
    elif kind == "star":
        tips = [(r * (1 if k % 2 else 0.42) * math.sin(k * math.pi / 5), -r * (1 if k % 2 else 0.42) * math.cos(k * math.pi / 5))
                for k in range(10)]  # fmt: skip
        pen.polygon(polygon(tips, (x, y), turn), fill=255)
    elif kind == "cross":
        w = r * 0.3
        for a, b in ((r, w), (w, r)):
            pen.polygon(polygon([(-a, -b), (a, -b), (a, b), (-a, b)], (x, y), turn), fill=255)
    elif kind in ("stripes", "waves", "checks", "dots"):
        down, across = np.mgrid[0:side, 0:side]
        a = rng.uniform(0, math.pi)
        u, v = across * math.cos(a) + down * math.sin(a), down * math.cos(a) - across * math.sin(a)
        if kind == "waves":
            u = u + step * np.sin(v / step * 1.3)
        row, column = np.sin(u * math.pi / step), np.sin(v * math.pi / step)
        on = {"checks": row * column > 0, "dots": row * column > 0.45}.get(kind, row > 0)
        mask = Image.fromarray((on * 255).astype(np.uint8))
    elif kind == "leaf":
        pen.pieslice([x - r, y - r * 1.6, x + r * 1.4, y + r * 0.8], 30 + 60 * turn, 150 + 60 * turn, fill=255)
        pen.line([x, y - r, x + r * turn, y + r], fill=255, width=round(r * 0.12))
    else:
        letter = "ABEHKMRSWXZ358"[int(rng.integers(14))]
        pen.text((x, y), letter, fill=255, font_size=r * 2.2, anchor="mm")
    shade = Image.fromarray((np.linspace(1, rng.uniform(0.4, 1), side)[:, None] * np.asarray(mask)).astype(np.uint8))
    picture.paste(layer, (0, 0), shade if rng.random() < 0.5 else mask)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(FINE * rng.uniform(0.3, 1.2)))
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), float)
    grainy = small + rng.standard_normal((SIDE, SIDE, 1)) * rng.uniform(0, 4)
    return Image.fromarray(grainy.clip(0, 255).astype(np.uint8))


def main(folder: Path, count: int = 4000) -> None:
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        path = folder / kind / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(kind, np.random.default_rng(number)).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
