"""What a scan says of every unit of a layer, as a table: to sort, to print, as CSV, JSON or Parquet. No torch."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import compress
from pathlib import Path
from typing import final

from ..errors import BadSpec, MissingDependency, UnknownOption, closest
from .facts import Facts
from .scans import Scan, shown_layer

ENOUGH = 64  # pictures below which alike says nothing
BY_EXAMPLES, BY_WEIGHTS = (
    0.9,
    0.95,
)  # correlation of means, cosine of weights, above which two units are near-duplicates
FORMATS = (".csv", ".json", ".parquet")


@final
@dataclass(frozen=True)
class Row:
    """A unit. ``state``: ok, dead or always on. ``density``: the share of pictures on which it fires; ``active``: of
    positions, one drawn from each picture. ``max``: the greatest activation; ``mean``: of the map, over all pictures;
    ``median`` and ``q99``: of the pictures' maxima.

    ``like``: the sibling that fires most alike, with the ``correlation`` of means over the sample; ``shares``: the one
    with most of the 64 strongest pictures in common, with the share ``overlap``; ``twin``: the one with the most
    similar incoming weights, with their ``cosine``. ``duplicate``: why it is a near-duplicate: examples, weights, both.
    """

    unit: str
    state: str
    density: float
    active: float
    max: float
    mean: float
    median: float
    q99: float
    like: int | None
    correlation: float | None
    shares: int | None
    overlap: float | None
    twin: int | None
    cosine: float | None
    duplicate: str


COLUMNS = tuple(field.name for field in fields(Row))


def units_of(scan: Scan, layer: str) -> list[Row]:
    """A row per unit of a layer, by number."""
    track = scan.track(layer)
    return [
        _row(f"{shown_layer(track.name)}:{channel}", scan.unit(track.name, channel))
        for channel in range(track.channels)
    ]


def _row(unit: str, facts: Facts) -> Row:
    like, correlation = facts.siblings[0] if facts.siblings else (None, None)
    shares, overlap = facts.sharing or (None, None)
    twin, cosine = facts.twin or (None, None)
    alive = facts.state not in ("dead", "too few") and facts.pictures >= ENOUGH
    why = [
        name
        for name, value, least in (("examples", correlation, BY_EXAMPLES), ("weights", cosine, BY_WEIGHTS))
        if alive and value is not None and value >= least
    ]
    most = facts.sketch("max")
    return Row(
        unit,
        facts.state,
        round(facts.density, 6),
        round(facts.active, 6),
        facts.maximum,
        round(facts.average, 6),
        most.quantile(0.5),
        most.quantile(0.99),
        like,
        correlation,
        shares,
        overlap,
        twin,
        cosine,
        " and ".join(why),
    )


def sorted_by(rows: Sequence[Row], column: str, *, ascending: bool = False) -> list[Row]:
    """By a column, the greatest number first, or the smallest; texts from a to z; what has no value comes last."""
    if column not in COLUMNS:
        raise UnknownOption(
            f"no column {column!r} in the table; {closest(column, COLUMNS)}\nthere are {', '.join(COLUMNS)}"
        )
    if column == "unit":
        return list(rows)
    values = [getattr(row, column) for row in rows]
    known = [value not in (None, "") and value == value for value in values]
    text = any(isinstance(value, str) for value in values)
    ordered = sorted(compress(rows, known), key=lambda row: getattr(row, column), reverse=not (ascending or text))
    return ordered + [row for row, is_known in zip(rows, known, strict=True) if not is_known]


def encoded(rows: Sequence[Row], path: Path) -> bytes:
    """The table in the format that the name's ending says: .csv, .json or .parquet."""
    data = [asdict(row) for row in rows]
    if path.suffix == ".json":
        return (
            json.dumps([{k: None if v != v else v for k, v in row.items()} for row in data], indent=1) + "\n"
        ).encode()
    if path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(data)
        return text.getvalue().encode()
    if path.suffix == ".parquet":
        return _parquet(data)
    raise BadSpec(f"a table is written as {', '.join(FORMATS)}, not as {path.name}; call it {path.stem or 'units'}.csv")


def _parquet(data: list[dict[str, object]]) -> bytes:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingDependency("Parquet needs pyarrow: pip install 'phosphene[data]'; or write a .csv") from error
    kinds = {"unit": arrow.string(), "state": arrow.string(), "duplicate": arrow.string()}
    whole = {"like", "shares", "twin"}
    schema = arrow.schema(
        [(name, kinds.get(name, arrow.int64() if name in whole else arrow.float64())) for name in COLUMNS]
    )
    buffer = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(data, schema=schema), buffer)
    return buffer.getvalue()


def counted(rows: Sequence[Row]) -> str:
    """The table in a line: how many are dead, always on, near-duplicates."""
    dead, on = (sum(row.state == state for row in rows) for state in ("dead", "always on"))
    alike, weights = (sum(why in row.duplicate for row in rows) for why in ("examples", "weights"))
    return f"{len(rows)} units: {dead} dead, {on} always on; near-duplicates: {alike} by examples, {weights} by weights"
