"""What real pictures say of a unit, as records: its examples, and its facets."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..examples.kinds import TooFew
from ..examples.shots import Shot
from ..faceted import facets
from ..models.network import Network
from ..produce import Progress
from ..result import Pixels, picture, png
from ..store.ledger import Payload
from ..store.scans import Scan
from ..unit_sheet import examples_of
from .plan import Plan

QUALITY = 90  # of photographs; pictures that were optimised are kept as they are


def examples_record(network: Network, scan: Scan, unit: str) -> tuple[dict[str, Any], dict[str, Payload]]:
    """A unit's strongest and weakest pictures and those in between, as rows; ``heat``: the unit's maps in the same
    order, 255 for the natural maximum."""
    made = examples_of(network, scan, unit)
    rows = {"top": made.found.top, "bottom": made.found.bottom, "spectrum": made.found.spectrum}
    payloads = {name: photos(shots) for name, shots in rows.items() if shots}
    most = max(made.found.facts.maximum, 1e-9)
    heats = [shot.heat for shots in rows.values() for shot in shots]
    if heats and all(heat is not None for heat in heats):
        scaled = [(np.clip(heat / most, 0, 1) * 255).round().astype(np.uint8)[:, :, None]
                  for heat in heats if heat is not None]  # fmt: skip
        payloads["heat"] = Payload(png(row(scaled)))
    if "top" in payloads:
        payloads["picture"] = payloads["top"]
    state = made.found.facts.state
    return {"scan": scan.id, "status": "dead" if state == "dead" else "ok", "real": made.record()}, payloads


def facets_record(
    network: Network, scan: Scan, unit: str, plan: Plan, store: str, tell: Callable[[Progress], None] | None
) -> tuple[dict[str, Any], dict[str, Payload]]:
    """A picture per kind of real pictures, in a row, with the means that they began from and the kinds' pictures, a row
    each. A unit that too few pictures fire has none, and the record says so."""
    count = None if plan.recipe.facets is True else int(plan.recipe.facets)
    said: dict[str, Any] = {"steps": plan.job["steps"], "seed": plan.recipe.seed, "store": store, "progress": tell}
    try:
        made = facets(network, scan, unit, count=count, **said)
    except TooFew as error:
        return {"scan": scan.id, "status": "none", "why": str(error)}, {}
    data = made.record()
    for one in data["facets"]:
        one["optimised"].pop("seconds", None)
    payloads = {
        "picture": Payload(png(row([one.pixels for one in made.pictures]))),
        "started": Payload(png(row([kind.mean for kind in made.kinds.kinds]))),
    }
    payloads |= {f"real{number}": photos(kind.shots) for number, kind in enumerate(made.kinds.kinds, start=1)}
    worst = next((one.status for one in made.pictures if one.status != "ok"), "ok")
    return {"scan": scan.id, "status": worst, "facets": data}, payloads


def row(pixels: Sequence[Pixels]) -> Pixels:
    """Pictures of one size side by side."""
    return np.ascontiguousarray(np.concatenate(list(pixels), axis=1))


def photos(shots: Sequence[Shot]) -> Payload:
    """Photographs side by side."""
    buffer = io.BytesIO()
    picture(row([shot.pixels for shot in shots])).convert("RGB").save(buffer, format="WEBP", quality=QUALITY)
    return Payload(buffer.getvalue(), "webp")
