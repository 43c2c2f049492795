"""``phosphene sheet STORE --layer L``"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import BadSpec
from ..files import check_writable, png_of, write_atomic
from .common import whole
from .stores import opened

EXAMPLES = """examples:
  phosphene sheet gallery/ --layer mixed4b -o mixed4b.png
  phosphene sheet gallery/ --layer logit --kind diverse --columns 4
  phosphene sheet gallery/ --layer mixed4b --sort rank
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("store", metavar="STORE", help="a folder or a URL with pictures of a sweep")
    parser.add_argument("--layer", required=True, metavar="L", help="the layer; logit for the classes")
    parser.add_argument("-o", dest="out", metavar="FILE", help="the sheet, a PNG; by default LAYER.png")
    parser.add_argument(
        "--kind", default="positive", metavar="K", help="positive (default), negative, diverse, facets, examples"
    )
    parser.add_argument("--sort", default="unit", metavar="S", help="unit (default), score or rank, the best first")
    parser.add_argument("--columns", type=whole, metavar="N", help="tiles in a row; by default as wide as high")
    parser.add_argument("--network", metavar="BEGINNING", help="of its fingerprint, where the store has several")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    from ..gallery.layer_sheet import layer_sheet
    from ..store.networks import planned, the_layer, the_network
    from ..store.scans import shown_layer

    if args.columns is not None and args.columns < 1:
        raise BadSpec(f"--columns is 1 or more, not {args.columns}")
    ledger = opened(args.store)
    network = the_network(ledger, args.network)
    layer = the_layer(ledger, network, args.layer)
    kind = args.kind
    plain = shown_layer(layer).replace("/", "-")
    out = Path(args.out if args.out is not None else f"{plain}{'' if kind == 'positive' else f'_{kind}'}.png")
    check_writable(out)
    if out.suffix.lower() != ".png":
        raise BadSpec(f"a sheet is written as PNG; call it {out.stem or 'sheet'}.png")
    expected = planned(ledger, network, layer, kind)
    drawn = layer_sheet(ledger, network, layer, kind=kind, sort=args.sort, expected=expected, columns=args.columns)
    write_atomic(out, png_of(drawn))
    if not args.quiet:
        print(out)
    return 0
