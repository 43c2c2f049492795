"""``phosphene sheet STORE --layer L``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadSpec, UnknownLayer, closest
from ..files import check_writable, png_of, write_atomic
from .common import whole
from .stores import opened
from .sweeping import ids_of, plans_of, sweep_argument

if TYPE_CHECKING:
    from ..sweeps.plan import Plan

EXAMPLES = """examples:
  phosphene sheet gallery/ --layer mixed4b -o mixed4b.png
  phosphene sheet gallery/ --layer logit --kind diverse --columns 4
  phosphene sheet gallery/ --layer mixed4b --sort rank
  phosphene sheet gallery/ --layer mixed4b --sweep 7a5f383e     of one sweep, as phosphene status says it
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
    sweep_argument(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    from ..gallery.layer_sheet import layer_sheet
    from ..store.networks import planned, the_layer, the_network
    from ..store.scans import shown_layer

    if args.columns is not None and args.columns < 1:
        raise BadSpec(f"--columns is 1 or more, not {args.columns}")
    ledger = opened(args.store)
    kind = args.kind
    plan = None if args.sweep is None else plans_of(ledger, args.store, args.sweep)[0]
    if plan is None:
        network = the_network(ledger, args.network, args.layer)
        layer = the_layer(ledger, network, args.layer)
        expected, only = planned(ledger, network, layer, kind), None
    else:
        if not plan.fingerprint.startswith(args.network or ""):
            raise BadSpec(f"the sweep {plan.id[:8]} is of the network {plan.fingerprint[:8]}; leave out --network")
        network = plan.fingerprint
        layer, expected, only = _of_sweep(plan, args.layer, kind)
    plain = shown_layer(layer).replace("/", "-")
    out = Path(args.out if args.out is not None else f"{plain}{'' if kind == 'positive' else f'_{kind}'}.png")
    check_writable(out)
    if out.suffix.lower() != ".png":
        raise BadSpec(f"a sheet is written as PNG; call it {out.stem or 'sheet'}.png")
    drawn = layer_sheet(ledger, network, layer, kind=kind, sort=args.sort, expected=expected, only=only,
                        columns=args.columns)  # fmt: skip
    write_atomic(out, png_of(drawn))
    if not args.quiet:
        print(out)
    return 0


def _of_sweep(plan: Plan, name: str, kind: str) -> tuple[str, set[int], set[str]]:
    """A layer of a sweep, the channels it was asked for, and the ids of its pictures of a kind."""
    from ..store.scans import shown_layer

    places = {shown_layer(line.layer): place for place, line in enumerate(plan.lines)}
    if name not in places:
        raise UnknownLayer(f"the sweep {plan.id[:8]} has no layer {name}; {closest(name, places)}")
    place = places[name]
    line = plan.lines[place]
    ids = {channel: ids_of(plan, place, kind, channel) for channel in line.every}
    return (
        line.layer,
        {channel for channel, some in ids.items() if some},
        {one for some in ids.values() for one in some},
    )
