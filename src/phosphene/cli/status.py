"""``phosphene status STORE``"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ..sweeps.survey import Known
from .stores import opened
from .sweeping import dead_of, plans_of, sweep_argument, table

if TYPE_CHECKING:
    from ..store.ledger import Ledger
    from ..sweeps.plan import Plan
    from ..sweeps.survey import State

SHOWN = 5  # failures that are told


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="a folder or a URL that phosphene sweep has filled")
    sweep_argument(parser)
    parser.add_argument("--json", action="store_true", help="everything as JSON, all failures too")


def run(args: argparse.Namespace) -> int:
    ledger = opened(args.store)
    found = [(plan, Known(plan, ledger)) for plan in plans_of(ledger, args.store, args.sweep)]
    if args.json:
        print(json.dumps([_data(plan, known.states(), known.failures()) for plan, known in found], indent=2))
        return 0
    for number, (plan, known) in enumerate(found):
        if number:
            print()
        _tell(plan, known, ledger)
    return 0


def _tell(plan: Plan, known: Known, ledger: Ledger) -> None:
    from ..data import shown

    states, failures = known.states(), known.failures()
    network = f"{plan.model['address']} {plan.fingerprint[:8]}"
    print(f"sweep {plan.id[:8]}: {network}, recipe {plan.recipe.name} ({', '.join(plan.recipe.kinds)}; "
          f"{plan.job['steps']} steps), {sum(state.made for state in states)} of {len(plan)} made")  # fmt: skip
    dead, damaged = dead_of(plan, ledger)
    print(table(plan, states, dead))
    if damaged:
        print(f"{damaged} records are damaged; put them aside: phosphene verify {ledger.place.url}")
    for one in failures[:SHOWN]:
        print(f"failed {one['unit']} ({one['kind']}): {shown(one['error'])}")
    if len(failures) > SHOWN:
        print(f"failed {len(failures) - SHOWN} more; all: --json")


def _data(plan: Plan, states: list[State], failures: list[dict[str, Any]]) -> dict[str, Any]:
    layers = [{"layer": state.line.layer, "units": len(state.line), "tasks": state.tasks, "made": state.made,
               "failed": state.failed, "left": state.left} for state in states]  # fmt: skip
    sums = {name: sum(getattr(state, name) for state in states) for name in ("tasks", "made", "failed", "left")}
    return {"id": plan.id, "model": plan.model, "fingerprint": plan.fingerprint, "recipe": plan.recipe.to_dict(),
            "scan": plan.scan, **sums, "layers": layers, "failures": failures}  # fmt: skip
