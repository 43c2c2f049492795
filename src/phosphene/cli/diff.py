"""``phosphene diff A B``"""

from __future__ import annotations

import argparse
import csv
import io
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec, UnknownLayer, closest
from ..files import check_writable, png_of, write_atomic
from .common import whole
from .stores import many, opened

if TYPE_CHECKING:
    from ..store.compare import Change
    from ..store.index import Line
    from ..store.ledger import Ledger

FORMATS = (".csv", ".json", ".png")
SHOWN, DRAWN = 20, 24  # of a table, of a sheet, where no --limit is given
OF_LINE = ("status", "clean", "robust", "rank", "ratio")
EXAMPLES = """likeness: the correlation of the two pictures' colours, 1 for the same, about 0 for nothing in common

examples:
  phosphene diff before/ after/
  phosphene diff before/ after/ --layer mixed4b -o changed.png
  phosphene diff before/ after/ -o changed.csv
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("first", metavar="A", help="a store with pictures of a sweep")
    parser.add_argument("second", metavar="B", help="another")
    parser.add_argument("--layer", metavar="L", help="only this layer; logit for the classes")
    parser.add_argument(
        "--network", metavar="A,B", help="how the fingerprints begin, where a store has several networks"
    )
    parser.add_argument("-o", dest="out", metavar="FILE", help="a table (.csv, .json), or the pictures in pairs (.png)")
    parser.add_argument("--limit", type=whole, metavar="N", help="only the N that changed most")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    from ..store.compare import diff

    if args.limit is not None and args.limit < 1:
        raise BadSpec(f"--limit is 1 or more, not {args.limit}")
    out = None if args.out is None else Path(args.out)
    if out is not None:
        check_writable(out)
        if out.suffix not in FORMATS:
            raise BadSpec(f"differences are written as {', '.join(FORMATS)}; call it {out.stem or 'changed'}.csv")
    first, second = opened(args.first), opened(args.second)
    networks = _networks(args.network)
    layer = None if args.layer is None else _layer(first, second, networks, args.layer)
    changes = diff(first, second, network=networks, layer=layer)
    if out is not None:
        write_atomic(out, _file(args, first, second, changes, out.suffix))
    rows = [_row(change) for change in changes[: args.limit]]
    if args.json:
        print(json.dumps(rows, indent=1))
    elif out is None and not args.quiet:
        _print([change for change in changes if change.state != "same"], args.limit or SHOWN)
    if not args.quiet:
        print(_counted(changes, out), file=sys.stderr if args.json else sys.stdout)
    return 0


def _networks(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 2):
        raise BadSpec(f"--network is the beginning of one fingerprint, or of two: A,B; not {text!r}")
    return parts[0] or None, parts[-1] or None


def _layer(first: Ledger, second: Ledger, networks: tuple[str | None, str | None], name: str) -> str:
    """A layer that at least one of the two has."""
    from ..address import OUTPUT
    from ..store.networks import the_network
    from ..store.scans import shown_layer

    layers = {*first.layers(the_network(first, networks[0])), *second.layers(the_network(second, networks[1]))}
    found = OUTPUT if name == "logit" and OUTPUT in layers else name
    if found not in layers:
        raise UnknownLayer(f"neither store has pictures of {name}; {closest(name, sorted(map(shown_layer, layers)))}")
    return found


def _file(args: argparse.Namespace, first: Ledger, second: Ledger, changes: Sequence[Change], suffix: str) -> bytes:
    if suffix == ".png":
        from ..gallery.changes import changes_sheet

        most = [change for change in changes if change.state != "same"][: args.limit or DRAWN]
        if not most:
            raise BadSpec("nothing has changed, so there is nothing to draw; leave out -o")
        return png_of(changes_sheet(first, second, most, f"{args.first} and {args.second}: {_counted(changes, None)}"))
    rows = [_row(change) for change in changes[: args.limit]]
    if suffix == ".json":
        return (json.dumps(rows, indent=1) + "\n").encode()
    text = io.StringIO()
    sides = [f"{what}_{side}" for what in OF_LINE for side in ("first", "second")]
    writer = csv.DictWriter(text, ["layer", "unit", "kind", "row", "state", "likeness", *sides], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _row(change: Change) -> dict[str, Any]:
    from ..store.scans import shown_layer

    said: dict[str, Any] = {"layer": shown_layer(change.layer)}
    said |= {name: getattr(change, name) for name in ("unit", "kind", "row", "state", "likeness")}
    for name in OF_LINE:
        for side, line in (("first", change.first), ("second", change.second)):
            said[f"{name}_{side}"] = None if line is None else getattr(line, name)
    return said


def _print(changes: Sequence[Change], most: int) -> None:
    if not changes:
        return
    cells = [("unit", "kind", "likeness", "first", "second")]
    for change in changes[:most]:
        kind = f"{change.kind} {change.row + 1}" if change.kind == "diverse" else change.kind
        alike = "-" if change.likeness is None else f"{change.likeness:.2f}"
        cells.append((change.unit, kind, alike, _said(change.first), _said(change.second)))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if len(changes) > most:
        print(f"and {len(changes) - most} more: --limit, or -o changed.csv")


def _said(line: Line | None) -> str:
    if line is None:
        return "not there"
    if line.status not in (None, "ok"):
        return str(line.status)
    rank = "" if line.rank is None else f", rank {line.rank}"
    return "there" if line.clean is None else f"{line.clean:#.3g}{rank}"


def _counted(changes: Sequence[Change], out: Path | None) -> str:
    """``192 pictures: 180 the same, 10 changed (likeness 0.54 in the middle), 2 only in the first``"""
    same, first, second = (
        sum(change.state == state for change in changes) for state in ("same", "only first", "only second")
    )
    alike = [change.likeness for change in changes if change.state == "changed" and change.likeness is not None]
    changed = len(changes) - same - first - second
    middle = f" (likeness {statistics.median(alike):.2f} in the middle)" if alike else ""
    said = [f"{same} the same", f"{changed} changed{middle}"]
    said += [f"{count} only in the {side}" for count, side in ((first, "first"), (second, "second")) if count]
    return f"{many(len(changes), 'picture')}: {', '.join(said)}{'' if out is None else f'; {out}'}"
