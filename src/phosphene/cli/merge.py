"""``phosphene merge STORE [STORE ...]``"""

from __future__ import annotations

import argparse

from .scan import tell_skipped


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stores", nargs="+", metavar="S", help="stores with shards of a scan, in any order")
    parser.add_argument("--into", metavar="S", help="where the whole scan goes; by default into the first store")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    from ..examples import merge

    for scan in merge(args.stores, into=args.into):
        if not args.quiet:
            tell_skipped(scan.skipped)
            print(f"scan {scan.id[:8]}: {scan.pictures} pictures, {scan.plan.units} units of {scan.model}")
    return 0
