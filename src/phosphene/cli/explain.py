"""``phosphene explain MODEL TARGET PHOTO [PHOTO ...]``"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec
from ..files import check_writable
from .common import load, model_arguments, sides, whole
from .output import Paths, default_name, uninterrupted

if TYPE_CHECKING:
    from ..explanation import Explanation


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("target", metavar="TARGET", help="a unit, a position, a class, a direction or a sum of them")
    parser.add_argument(
        "photo", metavar="PHOTO", nargs="+", help="cropped around their middles to what the network takes"
    )
    parser.add_argument("-o", dest="out", metavar="FILE.png", help="the sheet; its record goes beside it as .json")
    parser.add_argument("--json", action="store_true", help="print the record too")
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary")
    parser.add_argument(
        "--method",
        metavar="A,B,...",
        default="saliency,deconv,guided,gradient_x_input",
        help="of saliency, deconv, guided, gradient_x_input; by default all",
    )
    parser.add_argument("--peak", action="store_true", help="a channel's position that fires most, for each photo")
    parser.add_argument("--size", metavar="N|HxW", help="pixels, for a network that takes any; by default its own size")
    parser.add_argument(
        "--sanity", action="store_true", help="shuffle the weights layer by layer: which maps notice? FILE.sanity.png"
    )
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of the shuffling; 0")
    parser.add_argument("--arrays", metavar="FILE.npz", help="also the maps as numbers")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    name = default_name(args.model, f"explained {args.target}", 0)
    out, size = Path(args.out) if args.out is not None else name, sides(args.size)
    written = _outputs(args, out)
    from ..explanation import explain, refuse

    methods = [one.strip() for one in args.method.split(",") if one.strip()]
    refuse(methods, args.photo)
    found = explain(
        load(args), args.target, args.photo, methods=methods, peak=args.peak, size=size, sanity=args.sanity,
        seed=args.seed,
    )  # fmt: skip
    with uninterrupted():
        found.save(out, arrays=args.arrays)
    if args.json:
        print(json.dumps(found.record(), indent=2))
    if not args.quiet:
        _tell(found, sys.stderr if args.json else sys.stdout)
        print("  ".join(f"{what} {path}" for what, path in written), file=sys.stderr if args.json else sys.stdout)
    return 0


def _outputs(args: argparse.Namespace, out: Path) -> list[tuple[str, Path]]:
    """The files that will be written, checked; none of them is one of the photos."""
    picture = Paths(out).picture
    files = [("sheet", picture), ("record", picture.with_suffix(".json"))]
    if args.sanity:
        files.append(("sanity", picture.with_suffix(".sanity.png")))
    if args.arrays is not None:
        arrays = Path(args.arrays)
        if arrays.suffix.lower() != ".npz":
            raise BadSpec(f"arrays are written as NPZ; call it {arrays.with_suffix('.npz').name or 'maps.npz'}")
        files.append(("arrays", arrays))
    photos = {Path(photo).resolve() for photo in args.photo}
    for _, path in files:
        check_writable(path)
        if path.resolve() in photos:
            raise BadSpec(f"{path} is one of the photos and would be written over; choose another name with -o")
    return files


def _tell(found: Explanation, out: Any) -> None:
    """A line per photo, what must be known of the maps, and the table of the sanity check."""
    for photo, target, score in zip(found.photos, found.targets, found.scores, strict=True):
        print(f"{photo}  {target}  score {score:.3f}", file=out)
    for method, note in found.notes.items():
        print(f"note on {method}: {note}", file=out)
    if not found.sanity:
        return
    methods, layers = list(found.attributions), list(dict.fromkeys(row.layer for row in found.sanity))
    cells = {(row.layer, row.method): f"{_two(row.spearman)} {_two(row.pearson)}" for row in found.sanity}
    wide = max(map(len, ["shuffled down to", *layers]))
    print("likeness to the maps as trained: rank correlation of magnitudes, correlation of signed values", file=out)
    print(f"{'shuffled down to':{wide}}" + "".join(f"{name:>18}" for name in methods), file=out)
    for layer in layers:
        print(f"{layer:{wide}}" + "".join(f"{cells[layer, name]:>18}" for name in methods), file=out)


def _two(value: float | None) -> str:
    return f"{'-':>5}" if value is None else f"{value:5.2f}"
