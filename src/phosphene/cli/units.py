"""``phosphene units S``"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec, UnknownLayer, closest
from ..files import check_writable, write_atomic
from .common import whole

if TYPE_CHECKING:
    from ..store.table import Row

COLUMNS = """columns: unit, state (ok, dead, always on), density (share of pictures on which it fires), active (of
positions), max, mean, median and q99 (of the pictures' maxima), like and correlation (the sibling that fires most
alike), shares and overlap (that with most of the strongest pictures in common), twin and cosine (that with the most
similar weights), duplicate (why)

examples:
  phosphene units gallery/ --layer mixed4b --sort density
  phosphene units gallery/ -o units.parquet
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = COLUMNS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("store", metavar="S", help="the store of a scan: phosphene scan MODEL --data ... --store S")
    parser.add_argument(
        "--layer", metavar="GLOB", default="*", help="which layers; logit for the classes; by default all"
    )
    parser.add_argument("--sort", metavar="COLUMN", default="unit", help="the greatest first; by number by default")
    parser.add_argument("--ascending", action="store_true", help="the smallest first")
    parser.add_argument("--limit", type=whole, metavar="N", help="only the first N rows")
    parser.add_argument("-o", dest="out", metavar="FILE", help="write the table: .csv, .json or .parquet")
    parser.add_argument("--scan", metavar="ID", help="which, if the store has several networks; the beginning will do")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    from ..store.place import Place
    from ..store.scans import shown_layer, the_scan
    from ..store.table import FORMATS, counted, encoded, sorted_by, units_of

    if args.limit is not None and args.limit < 1:
        raise BadSpec(f"--limit is 1 row or more, not {args.limit}")
    out = None if args.out is None else Path(args.out)
    if out is not None:
        check_writable(out)
        if out.suffix not in FORMATS:
            encoded([], out)  # says which there are
    scan = the_scan(Place(args.store), name=args.scan, matching=lambda name: fnmatchcase(shown_layer(name), args.layer))
    names = [shown_layer(track.name) for track in scan.plan.tracks]
    chosen = [track.name for track in scan.plan.tracks if fnmatchcase(shown_layer(track.name), args.layer)]
    if not chosen:
        raise UnknownLayer(f"no scanned layer matches {args.layer!r}; {closest(args.layer.strip('*'), names)}")
    rows = [row for layer in chosen for row in units_of(scan, layer)]
    shown = sorted_by(rows, args.sort, ascending=args.ascending)[: args.limit]
    if out is not None:
        write_atomic(out, encoded(shown, out))
    if args.json:
        print(json.dumps([asdict(row) for row in shown], indent=1))
    elif out is None and not args.quiet:
        _print(shown)
    if not args.quiet:
        where = "" if out is None else f"; table {out}"
        print(counted(rows) + where, file=sys.stderr if args.json else sys.stdout)
    return 0


def _print(rows: list[Row]) -> None:
    heads = (
        "unit",
        "state",
        "density",
        "active",
        "max",
        "mean",
        "median",
        "q99",
        "fires like",
        "shares top with",
        "weights like",
        "duplicate",
    )
    cells = [heads] + [
        (
            row.unit,
            row.state,
            *(_number(value) for value in (row.density, row.active, row.max, row.mean, row.median, row.q99)),
            _pair(row.like, row.correlation),
            _pair(row.shares, row.overlap),
            _pair(row.twin, row.cosine),
            row.duplicate,
        )
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _number(value: float) -> str:
    return f"{value:.3g}"


def _pair(unit: int | None, value: Any) -> str:
    return "-" if unit is None else f"{unit} ({value:.2f})"
