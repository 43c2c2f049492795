"""``phosphene sweep MODEL --store S``"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .common import load, model_arguments, whole
from .counting import Counter, clock
from .scan import shard_of, words
from .stores import many, size
from .sweeping import SweepBar, dead_of, ended, table, where_arguments, where_of

if TYPE_CHECKING:
    from ..models.network import Network
    from ..store.ledger import Ledger
    from ..store.plan import Track
    from ..sweeps.plan import Plan, Range
    from ..sweeps.where import Where

EXAMPLES = """examples:
  phosphene sweep miniception --store gallery/ --layers "mixed*"
  phosphene sweep miniception --store gallery/ --layers "mixed*" --dry-run        what it would take
  phosphene sweep miniception --store gallery/ --recipe full --data photos/       real pictures, facets, negatives ...
  phosphene sweep resnet50 --store gallery/ --layers "**" --types conv --units 0:64
  phosphene sweep googlenet --store s3://bucket/run --executor ray --address auto --num-gpus-per-worker 0.5
  phosphene sweep miniception --store gallery/ --shard 1/4                        2/4 ... on other machines

It can be stopped at any moment; the same command goes on. Exit code 0: all is there; 3: some could not be made.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("--store", required=True, metavar="S", help="where everything is kept: a folder or a URL")
    parser.add_argument("--recipe", default="default", metavar="R", help="what is made of each unit: a name or a .toml "
                        "file; see phosphene recipes")  # fmt: skip
    parser.add_argument("--data", metavar="DATA", help="real pictures, as for phosphene scan; they are scanned first")
    parser.add_argument(
        "--layers",
        metavar="A,B,...",
        help="names and globs (** crosses dots); logit for the classes; by default what one would look into",
    )
    parser.add_argument("--types", metavar="A,B,...", help="of these only conv, linear ... (how a module's class "
                        "begins), or map, tokens, vector")  # fmt: skip
    parser.add_argument("--units", metavar="A:B,C", help="channels of each layer: 0:24,31 (24 is not among them)")
    parser.add_argument("--limit", type=whole, metavar="N", help="only the first N units")
    parser.add_argument("--steps", type=whole, metavar="N", help="instead of the recipe's")
    parser.add_argument("--shard", metavar="I/N", help="only part I of N, of units in turn")
    parser.add_argument("--dry-run", action="store_true", help="say what it would take, and make nothing")
    where_arguments(parser)
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    shard = shard_of(args.shard)
    from ..store.ledger import Ledger
    from ..store.place import Place
    from ..sweeps.planning import chosen, ranges_of
    from ..sweeps.recipe import recipe
    from ..sweeps.run import SweepStopped, check, fastest, prepare
    from ..sweeps.run import run as sweep

    where, one = where_of(args), recipe(args.recipe)
    check(shard, args.batch, args.tries)
    units = None if args.units is None else ranges_of(args.units)
    layers, types = (None if text is None else words(text, name)
                     for text, name in ((args.layers, "--layers"), (args.types, "--types")))  # fmt: skip
    if one.facets and args.data is None:
        one.without_data()  # says so before a network is loaded
    ledger = Ledger(Place(args.store), write=not args.dry_run)
    args.device = args.device or fastest()
    network = load(args)
    plan = prepare(network, ledger, layers=layers, types=types, units=units, recipe=one, steps=args.steps,
                   data=args.data, limit=args.limit)  # fmt: skip
    if units is not None and not args.quiet:
        _tell_beyond(chosen(network, layers, types), units)
    if args.dry_run:
        return _tell_plan(args, plan, network, ledger, shard, where)
    with (
        Counter(args.quiet or args.log_json) as counter,
        SweepBar(args.quiet, args.log_json, len(plan.recipe.kinds)) as bar,
    ):
        try:
            tally = sweep(plan, network, ledger, shard=shard, where=where, batch=args.batch, tries=args.tries,
                          data=args.data, tell=bar, scanning=counter)  # fmt: skip
        except SweepStopped as stopped:
            tally = stopped.tally
    if not args.quiet and tally.ended == "done":
        _tell_layers(args, plan, ledger, shard)
    return ended(args, tally, args.store, len(plan.recipe.kinds))


def _tell_beyond(tracks: Sequence[Track], units: Sequence[Range]) -> None:
    """Of the channels that were asked for, those that the first layer which lacks some does not have."""
    from ..sweeps.planning import asked, beyond

    short = [track for track in tracks if beyond(units, track.channels)]
    if not short:
        return
    track, others = short[0], len(short) - 1
    missing = beyond(units, track.channels)
    said = ", ".join(str(first) if last == first + 1 else f"{first} to {last - 1}" for first, last in missing)
    are = "is" if said.isdigit() else "are"
    more = f"; {many(others, 'other layer')} {'lacks' if others == 1 else 'lack'} some, too" if others else ""
    print(f"{asked(track)} has {many(track.channels, 'unit')}; {said} {are} not there{more}", file=sys.stderr)


def _tell_layers(args: argparse.Namespace, plan: Plan, ledger: Ledger, shard: tuple[int, int]) -> None:
    """The table at the end."""
    from ..sweeps.survey import Known

    dead, _ = dead_of(plan, ledger)
    print(table(plan, Known(plan, ledger).states(shard), dead), file=sys.stderr if args.log_json else sys.stdout)


def _tell_plan(
    args: argparse.Namespace, plan: Plan, network: Network, ledger: Ledger, shard: tuple[int, int], where: Where
) -> int:
    """What is planned, what of it is there, what the rest would take."""
    from ..sweeps.probe import estimate
    from ..sweeps.run import rows_of
    from ..sweeps.survey import Known
    from ..sweeps.where import layout

    states = Known(plan, ledger).states(shard)
    print(table(plan, states))
    left = sum(state.left for state in states)
    rows = rows_of(network, args.batch, left, where)
    workers, threads = layout(where, network, left)
    found = estimate(plan, network, states, rows, workers, threads)
    kinds = ", ".join(f"{kind} {plan.recipe.diverse}" if kind == "diverse" else kind for kind in plan.recipe.kinds)
    height, width = plan.job["image"]["size"]
    print(f"recipe {plan.recipe.name}: {kinds}; {height} x {width} pixels, {plan.job['steps']} steps")
    print(f"left: {found.tasks} tasks, {found.pictures} pictures, about {size(found.stored)}")
    if found.seconds is not None:
        each = ", ".join(f"{layer} {seconds:.2g}" for layer, seconds in found.each)
        print(f"time: about {clock(found.seconds)} on this machine, {workers} at a time; seconds of a picture: {each}")
    if plan.scan is not None:
        print("besides, the scan of the real pictures, if it is not there yet; facets take about two pictures each")
    return 0
