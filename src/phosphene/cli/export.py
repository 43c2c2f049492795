"""``phosphene export STORE SITE``"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .stores import Steps, many, opened, size

EXAMPLES = """examples:
  phosphene export gallery/ site/               then open site/index.html, or put site/ on any web host
  phosphene export gallery/ site/ --layers "mixed*,logit"
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("store", metavar="STORE", help="a folder or a URL with pictures of a sweep")
    parser.add_argument("site", metavar="SITE", help="an empty folder, or one of an earlier export; made if need be")
    parser.add_argument("--layers", metavar="A,B,...", help="names and globs (** crosses dots); by default all")
    parser.add_argument("--network", metavar="BEGINNING", help="of its fingerprint: only that one of several")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    from ..web.export import export
    from ..web.live.journal import Journal
    from ..web.pages.shelf import Shelf
    from .scan import words

    layers = None if args.layers is None else words(args.layers, "--layers")
    ledger = opened(args.store)
    target = Path(args.site)
    with Steps(args.quiet) as steps:
        made = export(Shelf(ledger), Journal(ledger.place), target, steps, network=args.network, layers=layers)
    if args.quiet:
        return 0
    parts = [many(made.networks, "network"), many(made.layers, "layer"), many(made.units, "unit")]
    parts += [many(made.jobs, "live picture")] if made.jobs else []
    kept = made.files - made.written
    there = f", {kept} of them were there" if kept else ""
    gone = f"; {many(made.removed, 'file')} of an earlier export removed" if made.removed else ""
    print(f"{', '.join(parts)}: {many(made.files, 'file')}, {size(made.bytes)}{there}{gone}")
    if made.lost:
        print(f"{many(made.lost, 'picture')} could not be read: phosphene verify {args.store}", file=sys.stderr)
    print(f"open {(target / 'index.html').resolve().as_uri()}")
    return 0
