"""What has changed between two stores, each picture beside what it was. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..result import Pixels
from ..store.compare import Change, picture_of
from ..store.index import Line
from ..store.ledger import Ledger
from ..store.thumbs import fitted
from .sheet import ALARM, Cell, enlarged, sheet, worded

SIDE = 256  # larger pictures are reduced to this
ABREAST = 3  # pairs in a row


def changes_sheet(first: Ledger, second: Ledger, changes: Sequence[Change], title: str = "") -> Image.Image:
    """Pairs of pictures, three in a row; a place stays empty where one store has none."""
    cells: list[Cell] = []
    for change in changes:
        pixels = [_pixels(first, change.first), _pixels(second, change.second)]
        there = next((one for one in pixels if one is not None), np.full((64, 64, 3), 255, np.uint8))
        for line, one, what in zip((change.first, change.second), pixels, _details(change), strict=True):
            name = _name(change)
            if one is None:
                size = enlarged(there).size
                tile = worded("not there", size) if line is None else worded(line.status or "", size, ALARM)
                cells.append(Cell(tile, name, what, line is not None))
            else:
                cells.append(Cell(one, name, what, line is not None and line.status in ("dead", "diverged")))
    return sheet(cells, 2 * min(ABREAST, max(1, len(changes))), title)


def _pixels(ledger: Ledger, line: Line | None) -> Pixels | None:
    if line is None or line.picture is None:
        return None
    picture = picture_of(ledger, line).convert("RGB")
    return np.asarray(fitted(picture, SIDE) if max(picture.size) > SIDE else picture)


def _name(change: Change) -> str:
    what = "" if change.kind == "positive" else f" {change.kind}"
    return f"{change.unit}{what}{f' {change.row + 1}' if change.kind == 'diverse' else ''}"


def _details(change: Change) -> tuple[str, str]:
    """Below the first: its score; below the second: its score and how alike the two are; below both of a pair that was
    made in two ways: its steps."""
    alike = "" if change.likeness is None else f" · alike {change.likeness:.2f}"
    otherwise = change.state == "made otherwise"
    first, second = (f" · {steps} steps" if otherwise and steps is not None else "" for steps in change.steps)
    return f"{_said(change.first)}{first}", f"{_said(change.second)}{second}{alike}"


def _said(line: Line | None) -> str:
    if line is None:
        return ""
    if line.status not in (None, "ok"):
        return str(line.error or line.status)
    return "" if line.clean is None else f"{line.clean:#.3g}"
