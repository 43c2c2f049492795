"""``phosphene diff A B``"""

from __future__ import annotations

import argparse
import csv
import io
import json
import statistics
import sys
from collections import Counter as Counts
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
NAMED = 5  # layers in a line
OF_LINE = ("status", "clean", "robust", "rank", "ratio", "way")
EXAMPLES = """likeness: the correlation of the two pictures' colours, 1 for the same, about 0 for nothing in common
made otherwise: by another recipe, other steps or at another size; that such pictures differ says nothing of the network

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
    from ..store.networks import the_network

    if args.limit is not None and args.limit < 1:
        raise BadSpec(f"--limit is 1 or more, not {args.limit}")
    out = None if args.out is None else Path(args.out)
    if out is not None:
        check_writable(out)
        if out.suffix not in FORMATS:
            raise BadSpec(f"differences are written as {', '.join(FORMATS)}; call it {out.stem or 'changed'}.csv")
    first, second = opened(args.first), opened(args.second)
    begun = _networks(args.network)
    networks = the_network(first, begun[0], args.layer), the_network(second, begun[1], args.layer)
    layer = None if args.layer is None else _layer(first, second, networks, args.layer)
    changes = diff(first, second, network=networks, layer=layer)
    if out is not None:
        write_atomic(out, _file(args, first, second, changes, out.suffix))
    rows = [_row(change) for change in changes[: args.limit]]
    told = sys.stderr if args.json else sys.stdout
    if not args.quiet:
        print(_compared(first, second, networks), file=told)
    apart = None if layer is not None else _apart(first, second, networks)
    if args.json:
        print(json.dumps(rows, indent=1))
    elif out is None and not args.quiet and apart is None:
        _print([change for change in changes if change.state != "same"], args.limit or SHOWN)
    if not args.quiet:
        print("\n".join([*([] if apart is None else [apart]), _counted(changes, out)]), file=told)
    return 0


def _compared(first: Ledger, second: Ledger, networks: tuple[str, str]) -> str:
    """``first: net.py:make 33c1b247; second: net.py:make 40514a24``"""
    from ..store.networks import model_of

    one, two = (f"{model_of(ledger, name)} {name[:8]}" for ledger, name in zip((first, second), networks, strict=True))
    return f"both: {one}, same weights" if networks[0] == networks[1] else f"first: {one}; second: {two}"


def _apart(first: Ledger, second: Ledger, networks: tuple[str, str]) -> str | None:
    """A line where the two have no layer in common."""
    from ..store.scans import shown_layer

    layers = [ledger.layers(name) for ledger, name in zip((first, second), networks, strict=True)]
    if set(layers[0]) & set(layers[1]):
        return None
    one, two = (", ".join(map(shown_layer, some[:NAMED])) + (" ..." if len(some) > NAMED else "") for some in layers)
    return f"they have no layer in common: the first has {one}, the second {two}"


def _networks(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 2):
        raise BadSpec(f"--network is the beginning of one fingerprint, or of two: A,B; not {text!r}")
    return parts[0] or None, parts[-1] or None


def _layer(first: Ledger, second: Ledger, networks: tuple[str, str], name: str) -> str:
    """A layer that at least one of the two has."""
    from ..address import OUTPUT
    from ..store.scans import shown_layer

    layers = {*first.layers(networks[0]), *second.layers(networks[1])}
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
    sides = [f"{what}_{side}" for what in (*OF_LINE, "steps") for side in ("first", "second")]
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
    return said | {"steps_first": change.steps[0], "steps_second": change.steps[1]}


def _print(changes: Sequence[Change], most: int) -> None:
    if not changes:
        return
    ways = _ways(changes)
    cells = [("unit", "kind", "likeness", "first", "second", "made" if len(ways) > 1 else "")]
    for change in changes[:most]:
        kind = f"{change.kind} {change.row + 1}" if change.kind == "diverse" else change.kind
        alike = "-" if change.likeness is None else f"{change.likeness:.2f}"
        made = _made(change, ways) if len(ways) > 1 else ""
        cells.append((change.unit, kind, alike, _said(change.first), _said(change.second), made))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if len(changes) > most:
        print(f"and {len(changes) - most} more: --limit, or -o changed.csv")


def _ways(changes: Sequence[Change]) -> dict[str, str]:
    """What is said of each way in which pictures were made, in words that tell them apart."""
    found: dict[str, str] = {}
    for change in changes:
        for line, steps in zip((change.first, change.second), change.steps, strict=True):
            if line is not None and line.way and line.way not in found:
                size = [] if line.size is None else [f"{line.size[0]} x {line.size[1]}"]
                found[line.way] = ", ".join([*([] if steps is None else [many(steps, "step")]), *size])
    alike = Counts(found.values())
    return {way: text if alike[text] == 1 else f"{text} (way {way})".strip() for way, text in found.items()}


def _made(change: Change, ways: dict[str, str]) -> str:
    """How: ``64 steps, 96 x 96``, or ``otherwise: 64 steps, 96 x 96; 256 steps, 96 x 96``"""
    own = dict.fromkeys(ways[line.way] for line in (change.first, change.second) if line is not None and line.way)
    return f"{'otherwise: ' if change.state == 'made otherwise' else ''}{'; '.join(own)}"


def _said(line: Line | None) -> str:
    if line is None:
        return "not there"
    if line.status not in (None, "ok"):
        return str(line.status)
    rank = "" if line.rank is None else f", rank {line.rank}"
    return "there" if line.clean is None else f"{line.clean:#.3g}{rank}"


def _counted(changes: Sequence[Change], out: Path | None) -> str:
    """``192 pictures: 180 the same, 10 changed (likeness 0.54 in the middle), 2 only in the first``"""
    counts: Counts[str] = Counts(change.state for change in changes)
    alike = [change.likeness for change in changes if change.state == "changed" and change.likeness is not None]
    middle = f" (likeness {statistics.median(alike):.2f} in the middle)" if alike else ""
    said = [f"{counts['same']} the same", f"{counts['changed']} changed{middle}"]
    if counts["made otherwise"]:
        said.append(f"{counts['made otherwise']} made otherwise (recipe, steps or size)")
    said += [f"{counts[f'only {side}']} only in the {side}" for side in ("first", "second") if counts[f"only {side}"]]
    return f"{many(len(changes), 'picture')}: {', '.join(said)}{'' if out is None else f'; {out}'}"
