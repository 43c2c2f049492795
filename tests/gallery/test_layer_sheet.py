"""A layer on one sheet: every unit has its tile, and what is wrong is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from store.shelf import LAYER, NETWORK, failure, put, record, shelf

from phosphene.errors import StoreError, UnknownOption
from phosphene.gallery import layer_sheet as module
from phosphene.gallery.changes import changes_sheet
from phosphene.gallery.layer_sheet import layer_sheet
from phosphene.gallery.sheet import ALARM, EMPTY, FRAME, GAP, LEAST, LINE, Cell, sheet, text_size
from phosphene.store.compare import diff
from phosphene.store.index import index
from phosphene.store.ledger import Ledger
from phosphene.store.place import Place


class Drawn:
    """What was last put on a sheet."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.title = ""

    def __call__(self, cells: list[Cell], columns: int | None, title: str, least: int) -> Image.Image:
        self.cells, self.title = cells, title
        return sheet(cells, columns, title, least)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    watch = Drawn()
    monkeypatch.setattr(module, "sheet", watch)
    return watch


TOP = LINE + GAP // 2 + GAP  # of the first row of tiles


def store(path: Path) -> Ledger:
    return Ledger(Place(str(path)), write=True)


def tile(paper: Image.Image, number: int, columns: int, side: int = LEAST) -> NDArray[np.uint8]:
    row, column = divmod(number, columns)
    line = text_size(side)[1]
    x, y = GAP + column * (side + GAP), TOP + row * (side + 2 * line + GAP)
    return np.asarray(paper)[y : y + side, x : x + side]


def framed(paper: Image.Image, number: int, columns: int) -> bool:
    row, column = divmod(number, columns)
    x, y = GAP + column * (LEAST + GAP), TOP + row * (LEAST + 2 * LINE + GAP)
    return bool((np.asarray(paper)[y : y + LEAST, x - FRAME : x] == ALARM).all())


def test_every_unit_in_its_place_and_what_is_wrong_in_red(tmp_path: Path, drawn: Drawn) -> None:
    ledger = store(tmp_path)
    for channel in (0, 1, 2, 4):
        put(ledger, record(LAYER, channel, status={1: "dead", 2: "diverged"}.get(channel, "ok")), seed=channel)
    ledger.fail(failure(LAYER, 3))
    paper = layer_sheet(ledger, NETWORK, LAYER, expected=range(6), columns=3)
    assert drawn.title == f"{LAYER} of fake: 6 units, 1 dead, 1 diverged, 1 failed, 1 not made"
    assert [cell.caption for cell in drawn.cells] == [f"{LAYER}:{channel}" for channel in range(6)]
    assert [cell.detail for cell in drawn.cells] == [
        "6.00 · rank 1",
        "dead",
        "diverged",
        "out of memory",
        "2.22 · rank 5",
        "",
    ]
    assert [framed(paper, number, 3) for number in range(6)] == [False, True, True, True, False, False]
    for number in (0, 1, 2, 4):
        picture = np.asarray(Image.open(next_object(ledger, number)).resize((LEAST, LEAST), Image.Resampling.NEAREST))
        assert np.array_equal(tile(paper, number, 3), picture)
    for number in (3, 5):
        assert (tile(paper, number, 3)[:20] == EMPTY).all()
        assert not (tile(paper, number, 3) == EMPTY).all()  # the word


def next_object(ledger: Ledger, channel: int) -> Path:
    line = next(line for line in index(ledger, NETWORK, LAYER) if line.channel == channel)
    assert ledger.place.local is not None
    return next(ledger.place.local.glob(f"objects/*/{line.picture}.png"))


@pytest.mark.parametrize("sort", ["unit", "score", "rank"])
def test_the_order(sort: str, tmp_path: Path, drawn: Drawn) -> None:
    ledger = store(tmp_path)
    for channel in range(12):
        put(ledger, record(LAYER, channel))
    layer_sheet(ledger, NETWORK, LAYER, sort=sort, expected=[3, 20])
    lines = {line.unit: line for line in index(ledger, NETWORK, LAYER)}
    names = [cell.caption for cell in drawn.cells]
    assert len(names) == 13
    assert sort == "unit" or names[-1] == f"{LAYER}:20"
    shown = [lines[name] for name in names if name in lines]
    if sort == "unit":
        assert names == [f"{LAYER}:{channel}" for channel in (*range(12), 20)]
    elif sort == "score":
        assert [line.clean for line in shown] == sorted((line.clean or 0 for line in shown), reverse=True)
    else:
        keys = [(line.rank, -(line.clean or 0)) for line in shown]
        assert keys == sorted(keys)


def test_diverse_pictures_strips_and_the_output_have_their_titles(tmp_path: Path, drawn: Drawn) -> None:
    ledger = shelf(tmp_path)
    layer_sheet(ledger, NETWORK, LAYER, kind="diverse")
    assert drawn.title == f"{LAYER} of fake, diverse: 2 units"
    assert [cell.caption for cell in drawn.cells] == [f"{LAYER}:{c} · {row}" for c in (0, 1) for row in (1, 2)]
    layer_sheet(ledger, NETWORK, "@output", kind="examples")
    assert drawn.title == "logit of fake, examples: 2 units"
    assert [cell.caption for cell in drawn.cells] == ["logit:0", "logit:1"]


def test_large_pictures_are_reduced_and_many_take_small_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = store(tmp_path)
    put(ledger, record(LAYER, 0), height=600, width=600)
    put(ledger, record(LAYER, 1), height=600, width=300)
    assert layer_sheet(ledger, NETWORK, LAYER, columns=2).width == 2 * 256 + 3 * GAP
    monkeypatch.setattr(module, "SIDES", ())
    paper = layer_sheet(ledger, NETWORK, LAYER, columns=2)
    assert paper.width == 2 * 64 + 3 * GAP
    assert paper.height < 64 * 2 + 100


def test_a_damaged_picture_is_a_tile_that_says_so(tmp_path: Path) -> None:
    ledger = store(tmp_path)
    for channel in range(2):
        put(ledger, record(LAYER, channel))
    next_object(ledger, 1).write_bytes(b"x")
    paper = layer_sheet(ledger, NETWORK, LAYER, columns=2)
    assert [framed(paper, number, 2) for number in range(2)] == [False, True]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    ledger = shelf(tmp_path)
    with pytest.raises(UnknownOption, match="closest: positive"):
        layer_sheet(ledger, NETWORK, LAYER, kind="positiv")
    with pytest.raises(UnknownOption, match="no order 'size'"):
        layer_sheet(ledger, NETWORK, LAYER, sort="size")
    other = store(tmp_path / "b")
    put(other, record(LAYER, 1))
    with pytest.raises(StoreError, match=f"no negative pictures of {LAYER}.*there is positive"):
        layer_sheet(other, NETWORK, LAYER, kind="negative")


def test_changes_stand_in_pairs(tmp_path: Path) -> None:
    first, second = store(tmp_path / "a"), store(tmp_path / "b")
    for channel in range(2):
        put(first, record(LAYER, channel), seed=channel)
    put(second, record(LAYER, 0), seed=9)
    changes = diff(first, second)
    paper = changes_sheet(first, second, changes, "title")
    assert [change.state for change in changes] == ["changed", "only first"]
    before, after = tile(paper, 0, 4), tile(paper, 1, 4)
    assert np.array_equal(before[::8, ::8], np.asarray(Image.open(next_object(first, 0))))
    assert np.array_equal(after[::8, ::8], np.asarray(Image.open(next_object(second, 0))))
    assert (tile(paper, 3, 4)[:20] == EMPTY).all()
