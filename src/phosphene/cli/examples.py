"""``phosphene examples S UNIT``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadSpec
from .common import whole
from .output import Paths, default_name
from .scanned import open_scan, scan_arguments, write_and_tell

if TYPE_CHECKING:
    from ..models.network import Network
    from ..result import Result


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="S", help="the store of a scan: phosphene scan MODEL --data ... --store S")
    parser.add_argument("unit", metavar="UNIT", help="a channel or a class, such as mixed4b:11 or logit:goldfish")
    parser.add_argument("-o", dest="out", metavar="FILE.png", help="the sheet; its data goes beside it as .json")
    parser.add_argument(
        "--by", default="max", metavar="max|mean", help="which is strong: the maximum (default) or the mean of its map"
    )
    parser.add_argument("--count", type=whole, metavar="N", help="of the strongest and weakest; 9, or what was kept")
    parser.add_argument("--crop", action="store_true", help="cropped to what the unit sees instead of outlined")
    parser.add_argument(
        "--explain",
        metavar="A,B,...",
        help="below each of the strongest, what the unit responds to in it: saliency, deconv, guided, gradient_x_input",
    )
    parser.add_argument("--optimised", action="store_true", help="make a picture of the unit too, and show it beside")
    parser.add_argument("--steps", type=whole, metavar="N", help="for the optimised picture")
    parser.add_argument("--json", action="store_true", help="print the data too")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")
    scan_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.steps is not None and not args.optimised:
        raise BadSpec("--steps is for the optimised picture; add --optimised")
    if args.by not in ("max", "mean"):
        raise BadSpec(f"--by is max or mean, not {args.by}")
    methods = [word.strip() for word in (args.explain or "").split(",") if word.strip()]
    paths = Paths(Path(args.out)) if args.out is not None else None
    network, scan = open_scan(args, args.unit)
    paths = paths or Paths(default_name(scan.model, f"examples {args.unit}", 0))
    from ..unit_sheet import examples_of

    made = _optimised(args, network) if args.optimised else None
    found = examples_of(
        network,
        scan,
        args.unit,
        by=args.by,
        count=args.count,
        methods=methods,
        crop=args.crop,
        data=args.data,
        optimised=made,
    )
    facts = found.found.facts
    line = (
        f"{found.found.unit}  {facts.state}  fires on {100 * facts.density:.3g} % of {facts.pictures} pictures  "
        f"maximum {facts.maximum:.3f}"
    )
    write_and_tell(args, found, line, paths)
    return 0


def _optimised(args: argparse.Namespace, network: Network) -> Result:
    from ..front import render
    from .progress import Bar

    with Bar(args.quiet) as bar:
        return render(network, args.unit, steps=args.steps, store=args.store, progress=bar)
