"""``phosphene compact STORE``"""

from __future__ import annotations

import argparse

from .stores import Steps, many, opened, size

ABOUT = """Each layer's records become one Parquet file, its pictures thumbnails on WebP sheets; the pictures themselves
stay. A sweep goes on as before, and what it adds is packed the next time.

example:
  phosphene compact gallery/
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("store", metavar="STORE", help="a folder or a URL")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    from ..store.compact import compact
    from ..store.networks import the_network

    ledger = opened(args.store)
    if not ledger.networks():
        the_network(ledger)  # says that there is none
    with Steps(args.quiet) as steps:
        made = compact(ledger, progress=steps)
    if args.quiet:
        return 0
    if not made.layers:
        print("everything is packed already")
        return 0
    print(
        f"{many(made.layers, 'layer')}: {many(made.records, 'record')} packed ({made.loose} were files of their own), "
        f"{many(made.thumbnails, 'thumbnail')}, {size(made.bytes)}"
    )
    return 0
