"""The table has a row per unit with what is known of it, sorts it, and is the same again from a file."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store.scanned import DEAD, FLAT, LAYERS, LEFT, ON, RIGHT, Scanned, scanned

from phosphene.errors import BadSpec, PhospheneError, UnknownLayer, UnknownOption
from phosphene.store.table import COLUMNS, FORMATS, Row, counted, encoded, sorted_by, units_of

TEXTS = ("unit", "state", "duplicate")
WHOLE = ("like", "shares", "twin")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    return scanned(tmp_path_factory.mktemp("store"))


def _drawn_rows() -> st.SearchStrategy[list[Row]]:
    number = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 0.5])
    maybe = {name: st.none() | st.integers(0, 9) for name in WHOLE}
    maybe |= {name: st.none() | number for name in ("correlation", "overlap")}
    sure = dict.fromkeys(("density", "active", "mean"), number)
    missing = {name: number | st.just(float("nan")) for name in ("max", "median", "q99")}  # of a unit that is broken
    row = st.builds(
        Row, unit=st.integers(0, 99).map(lambda channel: f"conv,1:{channel}"),
        state=st.sampled_from(["ok", "dead", "always on"]), duplicate=st.sampled_from(["", "examples", "weights"]),
        cosine=st.none() | number | st.just(float("nan")), **sure, **maybe, **missing,
    )  # fmt: skip
    return st.lists(row, max_size=12)


def _same(one: Any, other: Any) -> bool:
    return one == other or (one != one and other != other)


def _known(row: Row, column: str) -> bool:
    value = getattr(row, column)
    return value is not None and value != "" and value == value


def test_rows_say_what_the_facts_say(known: Scanned) -> None:
    for layer in LAYERS:
        rows = units_of(known.scan, layer)
        shown = "logit" if layer == "@output" else layer
        assert [row.unit for row in rows] == [f"{shown}:{unit}" for unit in range(known.acts[layer].shape[1])]
        for unit, row in enumerate(rows):
            facts = known.scan.unit(layer, unit)
            maxima, means = known.values(layer, unit, "max"), known.values(layer, unit, "mean")
            assert row.state == facts.state
            assert row.max == maxima.max()
            assert row.density == pytest.approx(np.mean(maxima > 0), abs=1e-6)
            assert row.active == pytest.approx(np.mean(known.values(layer, unit, "point") > 0), abs=1e-6)
            assert row.mean == pytest.approx(means.mean(), abs=2e-6)
            assert (row.median, row.q99) == tuple(facts.sketch("max").quantile(q) for q in (0.5, 0.99))
            assert (row.like, row.correlation) == (facts.siblings or [(None, None)])[0]
            assert (row.shares, row.overlap) == (facts.sharing or (None, None))
            assert (row.twin, row.cosine) == (facts.twin or (None, None))


def test_near_duplicates_are_told_with_the_reason(known: Scanned) -> None:
    rows = units_of(known.scan, "relu1")
    assert rows[LEFT].duplicate == rows[RIGHT].duplicate == "examples and weights"
    assert rows[DEAD].duplicate == rows[FLAT].duplicate == ""
    for row in [row for layer in LAYERS for row in units_of(known.scan, layer)]:
        why = [name for name, value, least in (("examples", row.correlation, 0.9), ("weights", row.cosine, 0.95))
               if row.state != "dead" and value is not None and value >= least]  # fmt: skip
        assert row.duplicate == " and ".join(why)


def test_the_table_in_a_line(known: Scanned) -> None:
    rows = units_of(known.scan, "relu1")
    assert {unit: rows[unit].state for unit in (DEAD, FLAT, ON)} == {DEAD: "dead", FLAT: "dead", ON: "always on"}
    examples = sum("examples" in row.duplicate for row in rows)
    weights = sum("weights" in row.duplicate for row in rows)
    assert counted(rows) == (
        f"6 units: 2 dead, 1 always on; near-duplicates: {examples} by examples, {weights} by weights"
    )
    assert counted([]) == "0 units: 0 dead, 0 always on; near-duplicates: 0 by examples, 0 by weights"


@pytest.mark.parametrize("column", COLUMNS)
@given(rows=_drawn_rows(), ascending=st.booleans())
def test_rows_are_sorted_by_a_column_and_the_unknown_come_last(column: str, rows: list[Row], ascending: bool) -> None:
    found = sorted_by(rows, column, ascending=ascending)
    places = {id(row): place for place, row in enumerate(rows)}
    assert sorted(map(id, found)) == sorted(places)
    if column == "unit":
        assert found == rows
        return
    count = sum(_known(row, column) for row in rows)
    assert all(_known(row, column) for row in found[:count])
    last = [places[id(row)] for row in found[count:]]
    assert last == sorted(last)
    for before, after in pairwise(found[:count]):
        one, other = getattr(before, column), getattr(after, column)
        assert one <= other if ascending or column in TEXTS else one >= other
        if one == other:  # as they were
            assert places[id(before)] < places[id(after)]


def test_thousands_of_rows_are_sorted_at_once(known: Scanned) -> None:
    """What is not known is found without comparing every row with every other."""
    row = units_of(known.scan, "relu1")[0]
    rows = [replace(row, unit=f"a:{unit}", like=unit if unit % 2 else None) for unit in range(20_000)]
    found = sorted_by(rows, "like")
    assert [one.like for one in found[:3]] == [19_999, 19_997, 19_995]
    assert [one.unit for one in found[-2:]] == ["a:19996", "a:19998"]


@pytest.mark.parametrize(("column", "meant"), [("densty", "density"), ("mx", "max"), ("Cosine", "cosine"), ("", "")])
def test_an_unknown_column_is_answered_with_the_closest(column: str, meant: str, known: Scanned) -> None:
    with pytest.raises(UnknownOption) as caught:
        sorted_by(units_of(known.scan, "first"), column)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"no column {column!r} in the table; closest: {meant}")
    assert lines[1:] == [f"there are {', '.join(COLUMNS)}"]


def test_a_layer_that_was_not_scanned_has_no_table(known: Scanned) -> None:
    with pytest.raises(UnknownLayer, match="closest: relu1"):
        units_of(known.scan, "rleu1")


@given(rows=_drawn_rows())
def test_json_reads_back(rows: list[Row]) -> None:
    text = encoded(rows, Path("some/units.json")).decode()
    assert "NaN" not in text  # which is no JSON
    back = json.loads(text)
    assert len(back) == len(rows)
    for row, data in zip(rows, back, strict=True):
        assert tuple(data) == COLUMNS
        assert data == {name: value if value == value else None for name, value in asdict(row).items()}


@given(rows=_drawn_rows())
def test_csv_reads_back(rows: list[Row]) -> None:
    text = encoded(rows, Path("units.csv")).decode()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert "\r" not in text
    back = list(csv.DictReader(io.StringIO(text)))
    assert len(back) == len(rows)
    for row, data in zip(rows, back, strict=True):
        for name in COLUMNS:
            value, read = getattr(row, name), data[name]
            assert (name in TEXTS or name in WHOLE or value is None) or _same(float(read), value)
            if name in TEXTS or name in WHOLE or value is None:
                assert read == ("" if value is None else str(value))


@given(rows=_drawn_rows())
def test_parquet_reads_back(rows: list[Row]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(encoded(rows, Path("units.parquet"))))
    assert tuple(table.column_names) == COLUMNS
    back = table.to_pylist()
    assert len(back) == len(rows)
    for row, data in zip(rows, back, strict=True):
        assert all(_same(data[name], getattr(row, name)) for name in COLUMNS)
    kinds = {name: str(table.schema.field(name).type) for name in COLUMNS}
    assert {name for name, kind in kinds.items() if kind == "string"} == set(TEXTS)
    assert {name for name, kind in kinds.items() if kind == "int64"} == set(WHOLE)


def test_a_real_table_reads_back_from_every_format(known: Scanned) -> None:
    pytest.importorskip("pyarrow")
    rows = units_of(known.scan, "relu2")
    assert [Row(**data) for data in json.loads(encoded(rows, Path("a.json")))] == rows
    import pyarrow.parquet as parquet

    table = parquet.read_table(io.BytesIO(encoded(rows, Path("a.parquet"))))
    assert [Row(**data) for data in table.to_pylist()] == rows
    read = csv.DictReader(io.StringIO(encoded(rows, Path("a.csv")).decode()))
    kinds = {name: str if name in TEXTS else int if name in WHOLE else float for name in COLUMNS}
    back = [{k: None if v == "" and k not in TEXTS else kinds[k](v) for k, v in row.items()} for row in read]
    assert [Row(**data) for data in back] == rows


@pytest.mark.parametrize("name", ["units.txt", "units", "units.csv.gz", "units.CSV", ".csv", "", "a/b.tsv", "x.parque"])
def test_another_ending_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(PhospheneError) as caught:
        encoded([], Path(name))
    assert type(caught.value) is BadSpec
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert ", ".join(FORMATS) in text
    assert text.endswith(".csv")


def test_columns_are_those_of_a_row() -> None:
    assert tuple(field.name for field in fields(Row)) == COLUMNS
    assert set(TEXTS) | set(WHOLE) < set(COLUMNS)
