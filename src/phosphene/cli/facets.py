"""``phosphene facets S UNIT``"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .common import number, whole
from .output import Paths, default_name
from .progress import Bar
from .scanned import open_scan, scan_arguments, write_and_tell


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="S", help="the store of a scan: phosphene scan MODEL --data ... --store S")
    parser.add_argument("unit", metavar="UNIT", help="a channel or a class, such as mixed4b:11 or logit:goldfish")
    parser.add_argument("-o", dest="out", metavar="FILE.png", help="the sheet; its data goes beside it as .json")
    parser.add_argument("--count", type=whole, metavar="N", help="so many facets; by default as many as there are")
    parser.add_argument(
        "--features",
        metavar="LAYER",
        help="by what pictures are told apart; by default the unit's own layer where it fires most",
    )
    parser.add_argument(
        "--spread",
        type=number,
        default=0.3,
        metavar="S",
        help="how far from the middle a picture may change, in sides; .3",
    )
    parser.add_argument("--steps", type=whole, metavar="N", help="of each ascent, instead of the standard ones")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same facets; 0")
    parser.add_argument("--json", action="store_true", help="print the data too")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")
    scan_arguments(parser)


def run(args: argparse.Namespace) -> int:
    paths = Paths(Path(args.out)) if args.out is not None else None
    network, scan = open_scan(args, args.unit)
    paths = paths or Paths(default_name(scan.model, f"facets {args.unit}", args.seed))
    from ..faceted import facets

    try:
        with Bar(args.quiet) as bar:
            found = facets(
                network,
                scan,
                args.unit,
                count=args.count,
                features=args.features,
                spread=args.spread,
                steps=args.steps,
                seed=args.seed,
                data=args.data,
                store=args.store,
                progress=bar,
            )
    except KeyboardInterrupt:
        if not args.quiet:
            print("phosphene: stopped early; nothing was written", file=sys.stderr)
        return 130
    count, sizes = found.kinds.found.count, ", ".join(str(kind.members) for kind in found.kinds.kinds)
    plural = "1 facet" if count == 1 else f"{count} facets"
    write_and_tell(args, found, f"{found.unit}  {plural} among {found.kinds.pictures} pictures: {sizes}", paths)
    return 0
