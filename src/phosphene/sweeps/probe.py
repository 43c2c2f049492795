"""What a sweep would take, before it is begun: counted, and timed on a few pictures of a few layers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import final

import numpy as np
import torch

from ..front import make
from ..models.network import Network
from ..result import png
from .plan import Plan
from .survey import State

LAYERS, ROWS, SHORT, LONG = 6, 8, 2, 8  # layers that are timed, pictures of each, steps of two ascents to compare
RECORD = 2000  # bytes of a picture's record; these numbers are of miniception's sweep, docs/sweeps.md
SHARE = 0.84  # of a picture's raw bytes that its PNG takes
REAL = 90_000  # bytes of a unit's examples or facets at 64 pixels; grows with the area


@final
@dataclass(frozen=True)
class Estimate:
    """What is left of a plan: ``tasks``, ``pictures`` and ``stored`` bytes; ``seconds`` on this machine, of ``timed``
    layers; None where nothing is optimised. ``each``: seconds of one picture, by layer."""

    tasks: int
    pictures: int
    stored: int
    seconds: float | None
    timed: int
    each: tuple[tuple[str, float], ...]


def estimate(
    plan: Plan, network: Network, states: Sequence[State], rows: int, workers: int = 1, threads: int | None = None
) -> Estimate:
    """From a probe: ascents of a few steps in a few layers; in between, seconds are interpolated by place.

    ``workers`` and ``threads`` of each: what the sweep will have.
    """
    places = [place for place, state in enumerate(states) if state.left]
    optimised = [kind for kind in plan.recipe.kinds if kind != "examples"]
    each = {"positive": 1, "negative": 1, "diverse": plan.recipe.diverse, "facets": 2, "examples": 0}
    per_unit = sum(each[kind] for kind in plan.recipe.kinds)
    share = [states[place].left / max(1, states[place].tasks) for place in places]  # of the units of a layer
    pictures = round(sum(part * len(states[p].line) * per_unit for part, p in zip(share, places, strict=True)))
    stored = _stored(plan, pictures, round(sum(p * len(states[i].line) for p, i in zip(share, places, strict=True))))
    tasks = sum(state.left for state in states)
    if not places or not optimised:
        return Estimate(tasks, pictures, stored, None, 0, ())
    some = sorted({places[round(at)] for at in np.linspace(0, len(places) - 1, min(LAYERS, len(places)))})
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        found = [_one(plan, network, place, rows) for place in some]
    finally:
        torch.set_num_threads(before)
    seconds = np.interp(places, some, found)
    whole = sum(s * part * len(states[p].line) * per_unit for s, part, p in zip(seconds, share, places, strict=True))
    named = tuple((plan.lines[place].layer, float(s)) for place, s in zip(some, found, strict=True))
    return Estimate(tasks, pictures, stored, float(whole) / workers, len(some), named)


def _one(plan: Plan, network: Network, place: int, rows: int) -> float:
    """Seconds that a picture of a layer takes, among others."""
    channels = list(islice(plan.lines[place].every, min(rows, ROWS)))
    jobs = [plan.jobs(plan.task(place, "positive", channel))[0] for channel in channels]
    taken = []
    for steps in (1, SHORT, LONG):  # the first lays out the weights
        begun = time.monotonic()
        made = make([replace(job, steps=steps) for job in jobs], network)
        png(made[0].pixels)
        taken.append(time.monotonic() - begun)
    step = max(0.0, (taken[2] - taken[1]) / (LONG - SHORT))
    around = max(0.0, taken[1] - SHORT * step)
    return float((around + int(plan.job["steps"]) * step) / len(jobs))


def _stored(plan: Plan, pictures: int, units: int) -> int:
    height, width = plan.job["image"]["size"]
    raw = height * width * int(plan.job["image"].get("channels") or 3)
    kept = 1 + len(plan.recipe.frames)
    real = sum(kind in ("facets", "examples") for kind in plan.recipe.kinds) * REAL * height * width / 64**2
    return int(pictures * (SHARE * raw * kept + RECORD) + units * real)
