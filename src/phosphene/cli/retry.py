"""``phosphene retry STORE``"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import StoreError
from .sweeping import SweepBar, ended, where_arguments, where_of

if TYPE_CHECKING:
    from ..store.ledger import Ledger
    from ..sweeps.drive import Tally
    from ..sweeps.plan import Plan
    from ..sweeps.where import Where


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="a folder or a URL that phosphene sweep has filled")
    parser.add_argument("--layer", metavar="L", help="only what failed in this layer")
    parser.add_argument("--data", metavar="DATA", help="where the real pictures are, if not where they were scanned")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps")
    where_arguments(parser)


def run(args: argparse.Namespace) -> int:
    where = where_of(args)
    from ..store.ledger import Ledger
    from ..store.place import Place
    from ..sweeps.plan import Plan
    from ..sweeps.run import check

    check((1, 1), args.batch, args.tries)
    ledger = Ledger(Place(args.store), write=True)
    plans = [Plan.from_dict(data) for data in ledger.plans()]
    if not plans:
        raise StoreError(f"no sweep in {args.store}; begin one: phosphene sweep miniception --store {args.store}")
    codes = [_one(args, plan, ledger, where) for plan in plans]
    if all(code is None for code in codes):
        print(f"nothing failed in {args.store}" + ("" if args.layer is None else f" in the layer {args.layer}"))
    return max((code for code in codes if code is not None), default=0)


def _one(args: argparse.Namespace, plan: Plan, ledger: Ledger, where: Where) -> int | None:
    """What failed of one plan, again; None if nothing did."""
    from ..address import OUTPUT
    from ..sweeps.run import SweepStopped, fastest
    from ..sweeps.run import run as sweep
    from ..sweeps.worker import load_network

    layer = OUTPUT if args.layer == "logit" else args.layer
    lines = [line for line in plan.lines if layer is None or line.layer == layer]
    failures = [one for line in lines for one in ledger.failures(plan.fingerprint, line.layer)]
    mine = {task.id for task in plan.tasks()} if failures else set()
    failures = [one for one in failures if one["id"] in mine]
    if not failures:
        return None
    network = load_network(plan, args.device or fastest())
    for one in failures:
        ledger.forget(one)
    tally: Tally
    with SweepBar(args.quiet, args.log_json) as bar:
        try:
            tally = sweep(
                plan,
                network,
                ledger,
                where=where,
                batch=args.batch,
                tries=args.tries,
                data=args.data,
                tell=bar,
                only=frozenset(one["id"] for one in failures),
            )
        except SweepStopped as stopped:
            tally = stopped.tally
    return ended(args, tally, args.store)
