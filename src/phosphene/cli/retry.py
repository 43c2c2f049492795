"""``phosphene retry STORE``"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ..address import OUTPUT
from ..errors import UnknownLayer, closest
from ..store.ledger import Ledger
from ..store.place import Place
from ..sweeps.survey import Known
from .stores import opened
from .sweeping import INTERRUPTED, TERMINATED, SweepBar, ended, plans_of, sweep_argument, where_arguments, where_of

if TYPE_CHECKING:
    from ..sweeps.drive import Tally
    from ..sweeps.plan import Plan
    from ..sweeps.where import Where


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="a folder or a URL that phosphene sweep has filled")
    sweep_argument(parser)
    parser.add_argument("--layer", metavar="L", help="only what failed in this layer")
    parser.add_argument("--data", metavar="DATA", help="where the real pictures are, if not where they were scanned")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps")
    where_arguments(parser)


def run(args: argparse.Namespace) -> int:
    where = where_of(args)
    from ..sweeps.run import check

    check((1, 1), args.batch, args.tries)
    opened(args.store)  # else there is nothing to write to
    ledger = Ledger(Place(args.store), write=True)
    plans = plans_of(ledger, args.store, args.sweep)
    layer = OUTPUT if args.layer == "logit" else args.layer
    known = {line.layer for plan in plans for line in plan.lines}
    if layer is not None and layer not in known:
        raise UnknownLayer(f"no sweep in {args.store} has the layer {args.layer}; {closest(args.layer, known)}")
    codes: list[int] = []
    for plan in plans:
        code = _one(args, plan, ledger, where, layer)
        codes += [] if code is None else [code]
        if code in (INTERRUPTED, TERMINATED):
            break
    if not codes and not args.quiet:
        within = f"sweep {plans[0].id[:8]} of {args.store}" if args.sweep else args.store
        print(f"nothing failed in {within}" + ("" if layer is None else f" in the layer {args.layer}"),
              file=sys.stderr if args.log_json else sys.stdout)  # fmt: skip
    return max(codes, default=0)


def _one(args: argparse.Namespace, plan: Plan, ledger: Ledger, where: Where, layer: str | None) -> int | None:
    """What failed of one plan, again; None if nothing did. What is not made again stays put down as failed."""
    failures = [one for one in Known(plan, ledger).failures() if layer is None or one["layer"] == layer]
    if not failures:
        return None
    from ..sweeps.run import SweepStopped, fastest
    from ..sweeps.run import run as sweep
    from ..sweeps.worker import load_network

    network = load_network(plan, args.device or fastest())
    tally: Tally
    with SweepBar(args.quiet, args.log_json) as bar:
        try:
            tally = sweep(plan, network, ledger, where=where, batch=args.batch, tries=args.tries, data=args.data,
                          tell=bar, only=frozenset(one["id"] for one in failures))  # fmt: skip
        except SweepStopped as stopped:
            tally = stopped.tally
    return ended(args, tally, args.store, 1)
