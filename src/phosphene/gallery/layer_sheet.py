"""A layer of a store on one sheet: every unit a tile, also those that are dead, failed or not made yet. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from ..errors import StoreError, UnknownOption, closest
from ..result import Pixels
from ..store.compare import picture_of
from ..store.index import Line, index
from ..store.kinds import KINDS
from ..store.ledger import Ledger
from ..store.networks import model_of
from ..store.scans import shown_layer
from ..store.thumbs import fitted
from .sheet import ALARM, FAINT, Cell, enlarged, sheet, text_size, worded

Sort = Literal["unit", "score", "rank"]
SORTS: tuple[Sort, ...] = get_args(Sort)
WIDEST = 8  # times its height: of strips that are wider, less is seen
# up to so many tiles: the least side of a tile, the most that a picture's shorter side may have
SIDES = ((300, 128, 256), (1200, 96, 128))
SIDES_OF_MANY = (64, 64)


@dataclass(frozen=True)
class _Tile:
    """A line, or a channel of which there is none; ``state``: ok, or the word for what is wrong."""

    channel: int
    line: Line | None
    state: str
    pixels: Pixels | None


def layer_sheet(
    ledger: Ledger,
    fingerprint: str,
    layer: str,
    *,
    kind: str = "positive",
    sort: str = "unit",
    expected: Iterable[int] = (),
    only: Collection[str] | None = None,
    columns: int | None = None,
) -> Image.Image:
    """All units of a layer, each with its score, its rank among the layer's units on its own picture, and how many
    times the natural maximum it reached. ``sort``: by ``unit``, the greatest ``score`` or the best ``rank`` first.
    ``expected``: channels that shall be there; those that are not made are empty tiles. ``only``: the ids of the
    pictures that are shown; by default those that were made in the way in which most were.

    Raises StoreError when there is nothing of the kind, UnknownOption for a kind or an order that is not known.
    """
    for name, what, known in ((kind, "kind", KINDS), (sort, "order", SORTS)):
        if name not in known:
            raise UnknownOption(f"no {what} {name!r}; {closest(name, known)}\nthere are {', '.join(known)}")
    every = index(ledger, fingerprint, layer)
    lines = [line for line in every if line.kind == kind and (only is None or line.id in only)]
    lines, ways = _of_one_way(lines) if only is None else (lines, 1)
    missing = sorted(set(expected) - {line.channel for line in lines})
    if not lines and not missing:
        there = ", ".join(dict.fromkeys(line.kind for line in every)) or "nothing"
        raise StoreError(f"no {kind} pictures of {shown_layer(layer)} in {ledger.place.url}; there is {there}")
    least, most = next((sides for count, *sides in SIDES if len(lines) + len(missing) <= count), SIDES_OF_MANY)
    tiles = [_tile(ledger, line, most) for line in lines]
    tiles = _sorted([*tiles, *(_Tile(channel, None, "not made", None) for channel in missing)], sort)
    size = _usual_size(tiles, least)
    cells = [_cell(tile, layer, size, least) for tile in tiles]
    others = "" if ways < 2 else f"; in the store are pictures made in {ways} ways, here those made most often"
    return sheet(cells, columns, _title(tiles, model_of(ledger, fingerprint), layer, kind) + others, least)


def _of_one_way(lines: list[Line]) -> tuple[list[Line], int]:
    """Of pictures that were made with several recipes, those of the one that made most, and how many there are."""
    ways = Counter(line.way for line in lines if line.way)
    if len(ways) < 2:
        return lines, len(ways)
    usual = max(sorted(ways), key=ways.__getitem__)
    shown = {line.channel for line in lines if line.way == usual}
    return [line for line in lines if line.way == usual or (not line.way and line.channel not in shown)], len(ways)


def _tile(ledger: Ledger, line: Line, most: int) -> _Tile:
    if line.picture is None:
        return _Tile(line.channel, line, line.status or "no picture", None)
    try:
        picture = picture_of(ledger, line).convert("RGB")
    except StoreError:
        return _Tile(line.channel, line, "damaged", None)
    limit = most * min(WIDEST, max(1, round(max(picture.size) / min(picture.size))))
    shown = fitted(picture, limit) if max(picture.size) > limit else picture
    return _Tile(line.channel, line, line.status or "ok", np.asarray(shown))


def _sorted(tiles: Sequence[_Tile], sort: str) -> list[_Tile]:
    """By unit, or the best first; what has no score or rank comes last, by unit."""

    def key(tile: _Tile) -> tuple[float, float, int, int]:
        line = tile.line
        score = None if line is None else line.clean
        rank = None if line is None else line.rank
        strong = float("inf") if score is None else -score
        first = {"unit": 0.0, "score": strong, "rank": float("inf") if rank is None else float(rank)}[sort]
        return first, strong if sort == "rank" else 0.0, tile.channel, 0 if line is None else line.row

    return sorted(tiles, key=key)


def _usual_size(tiles: Sequence[_Tile], least: int) -> tuple[int, int]:
    """Of pictures as they are shown: the size that most have."""
    sizes = [tile.pixels.shape[:2] for tile in tiles if tile.pixels is not None]
    if not sizes:
        return least, least
    height, width = max(dict.fromkeys(sizes), key=sizes.count)
    return enlarged(np.zeros((height, width, 3), np.uint8), least).size


def _cell(tile: _Tile, layer: str, size: tuple[int, int], least: int) -> Cell:
    line = tile.line
    name = f"{shown_layer(layer)}:{tile.channel}" if line is None else line.unit
    if line is not None and line.kind == "diverse":
        name = f"{name} · {line.row + 1}"
    small = text_size(least) != text_size(128)
    caption = name.rpartition(":")[2] if small else name
    if tile.pixels is None:
        wrong = line is not None
        pixels = worded(tile.state, size, ALARM if wrong else FAINT, least)
        return Cell(pixels, caption, (line.error or "") if line is not None and not small else "", wrong)
    if tile.state != "ok":
        return Cell(tile.pixels, caption, tile.state, wrong=True)
    return Cell(tile.pixels, caption, _detail(line, small) if line is not None else "")


def _detail(line: Line, small: bool) -> str:
    """Score, rank, and times the natural maximum; where space is scarce the first two."""
    said = [] if line.clean is None else [f"{line.clean:#.3g}"]
    if line.rank is not None:
        said.append(f"#{line.rank}" if small else f"rank {line.rank}")
    if line.ratio is not None and not small:
        said.append(f"{line.ratio:.1f}x")
    return (" " if small else " · ").join(said)


def _title(tiles: Sequence[_Tile], model: str, layer: str, kind: str) -> str:
    """``mixed4b of miniception: 192 units, 2 dead, 1 failed, 5 not made``"""
    units = len({tile.channel for tile in tiles})
    said = [f"{units} unit{'s' if units != 1 else ''}"]
    for state in ("dead", "diverged", "failed", "damaged", "not made"):
        count = sum(tile.state == state for tile in tiles)
        said += [f"{count} {state}"] if count else []
    what = "" if kind == "positive" else f", {kind}"
    return f"{shown_layer(layer)} of {model}{what}: {', '.join(said)}"
