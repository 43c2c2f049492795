"""``phosphene status STORE``"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from .sweeping import table

if TYPE_CHECKING:
    from ..store.ledger import Ledger
    from ..sweeps.plan import Plan
    from ..sweeps.survey import State

SHOWN = 5  # failures that are told


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="a folder or a URL that phosphene sweep has filled")
    parser.add_argument("--json", action="store_true", help="everything as JSON, all failures too")


def run(args: argparse.Namespace) -> int:
    from ..store.ledger import Ledger
    from ..store.place import Place
    from ..sweeps.plan import Plan
    from ..sweeps.survey import Known

    ledger = Ledger(Place(args.store))
    plans = [Plan.from_dict(data) for data in ledger.plans()]
    if not plans:
        raise StoreError(f"no sweep in {args.store}; begin one: phosphene sweep miniception --store {args.store}")
    found = [(plan, Known(plan, ledger).states(), _failures(plan, ledger)) for plan in plans]
    if args.json:
        print(json.dumps([_data(*one) for one in found], indent=2))
        return 0
    for number, (plan, states, failures) in enumerate(found):
        _tell(plan, states, failures, ledger, first=not number)
    return 0


def _failures(plan: Plan, ledger: Ledger) -> list[dict[str, Any]]:
    """What of a plan was given up."""
    known = {task.id for task in plan.tasks()} if _any_failed(plan, ledger) else set()
    return [one for line in plan.lines for one in ledger.failures(plan.fingerprint, line.layer) if one["id"] in known]


def _any_failed(plan: Plan, ledger: Ledger) -> bool:
    return any(ledger.failed(plan.fingerprint, line.layer) for line in plan.lines)


def _tell(plan: Plan, states: list[State], failures: list[dict[str, Any]], ledger: Ledger, *, first: bool) -> None:
    from ..data import shown

    done = sum(state.made for state in states)
    if not first:
        print()
    print(f"sweep {plan.id[:8]}: {plan.model['address']}, recipe {plan.recipe.name} "
          f"({', '.join(plan.recipe.kinds)}), {done} of {len(plan)} made")  # fmt: skip
    print(table(plan, states, lambda state: str(_dead(plan, state, ledger))))
    for one in failures[:SHOWN]:
        print(f"failed {one['unit']} ({one['kind']}): {shown(one['error'])}")
    if len(failures) > SHOWN:
        print(f"failed {len(failures) - SHOWN} more; all: --json")


def _dead(plan: Plan, state: State, ledger: Ledger) -> int:
    """Pictures of a layer that show nothing, whatever sweep made them."""
    from ..store.index import index

    return sum(line.status in ("dead", "diverged") for line in index(ledger, plan.fingerprint, state.line.layer))


def _data(plan: Plan, states: list[State], failures: list[dict[str, Any]]) -> dict[str, Any]:
    layers = [{"layer": state.line.layer, "units": len(state.line), "tasks": state.tasks, "made": state.made,
               "failed": state.failed, "left": state.left} for state in states]  # fmt: skip
    sums = {name: sum(getattr(state, name) for state in states) for name in ("tasks", "made", "failed", "left")}
    return {"id": plan.id, "model": plan.model, "fingerprint": plan.fingerprint, "recipe": plan.recipe.to_dict(),
            "scan": plan.scan, **sums, "layers": layers, "failures": failures}  # fmt: skip
