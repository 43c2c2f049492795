"""Pictures made for each other's sake: different ones of one unit, frames between two units, pairs of units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from .address import OUTPUT
from .declare import targets_of
from .errors import BadSpec
from .front import load, make, options_of, prepare, render_batch, steps_of, url
from .images import Aligned
from .models.network import Network
from .objectives import Alignment, Channel, Diversity, Group, Objective, groups
from .produce import Stopped, Watch
from .result import Result
from .scoring import alike, scores
from .spec import Job

ALIGNED = 0.1  # how strongly pictures from one unit to another are aligned


def diverse(
    network: Network | str,
    target: str | Objective,
    count: int,
    *,
    strength: float = 1.0,
    layer: str | None = None,
    seed: int = 0,
    frames: Sequence[int] = (),
    store: str | Path | None = None,
    progress: Any = None,
    **options: Any,
) -> list[Result]:
    """``count`` pictures of one unit that differ in their textures at ``layer``, by default the unit's own (Olah 2017).

    ``strength``: how much of its score a picture gives for a cosine of 1 with another, over their number. Each result's
    ``group`` holds the similarity matrix, ``found`` what diversity cost: the same pictures made apart, their scores and
    similarities. Other options are those of ``render``.
    """
    if count < 2:
        raise BadSpec(f"pictures can differ when there are 2 or more, not {count}")
    network = load(network) if isinstance(network, str) else network
    objective = one_of(target)
    where = layer or compared_layer(network, objective)
    network.find(where)
    options["steps"] = steps_of(options.get("preset", "standard"), options.get("steps"), frames)
    (job,), given = prepare(network, [objective], options_of(seed=seed, **options), **options)
    jobs = [replace(job, seed=seed + row) for row in range(count)]
    try:
        alone = make(jobs, network, given=given, watch=Watch(progress))
    except KeyboardInterrupt:
        raise Stopped([]) from None  # these are not the pictures that were asked for
    watch = Watch(progress, tuple(frames), store=url(store))
    together = make(grouped(jobs, Diversity(where, strength)), network, given=given, watch=watch)
    before, after = (sum(one.score.clean or 0.0 for one in some) for some in (alone, together))
    found = {
        "alone": [one.score.clean for one in alone],
        "similarity_alone": alike(network, alone, where),
        "cost": round(1 - after / before, 4) if before > 0 else None,
        "layer": where,
    }
    return [replace(one, found={**(one.found or {}), "diversity": found}) for one in together]


def interpolate(
    network: Network | str,
    first: str | Objective,
    last: str | Objective,
    *,
    frames: int = 6,
    layer: str | None = None,
    strength: float = ALIGNED,
    progress: Any = None,
    **options: Any,
) -> list[Result]:
    """Pictures from one unit to another in ``frames`` steps, aligned so that what stays the same stays (Mordvintsev
    2018).

    Frame n of B is of (1 - t) first + t last with t = n / (B - 1). ``strength`` of the alignment at ``layer``, by
    default that of the first unit.
    """
    network = load(network) if isinstance(network, str) else network
    a, b = one_of(first), one_of(last)
    objectives = mixed(a, b, frames)
    where = layer or compared_layer(network, a)
    network.find(where)
    options = {"image": Aligned(), **options}
    jobs, given = prepare(network, objectives, options_of(**options), **options)
    return make(grouped(jobs, Alignment(where, strength)), network, given=given, watch=Watch(progress))


def mixed(first: Objective, last: Objective, count: int) -> list[Objective]:
    """``count`` targets from one to another. BadSpec where those are fewer than two, or one and the same."""
    if count < 2:
        raise BadSpec(f"from one unit to another takes 2 or more frames, not {count}")
    if first == last:
        raise BadSpec(f"both ends are {first}; name two different units")
    shares = [round(n / (count - 1), 6) for n in range(count)]
    return [first if t == 0 else last if t == 1 else (1 - t) * first + t * last for t in shares]


@dataclass(frozen=True)
class Pair:
    """Two units, made together. ``scores``: of each on the picture of both; ``shares``: the same over what each reached
    alone; ``of_other``: what each reached on the other's own picture, over its own."""

    units: tuple[str, str]
    scores: tuple[float, float]
    shares: tuple[float, float]
    of_other: tuple[float, float]


def grid(
    network: Network | str, layer: str, channels: Sequence[int], *, progress: Any = None, **options: Any
) -> tuple[list[Result], list[Pair]]:
    """Every unit alone and every pair together, made in one batch, and what each pair scored on both its units.

    The results are the units in order, then the pairs in the order of ``itertools.combinations``.
    """
    if len(set(channels)) < 2 or len(set(channels)) != len(channels):
        raise BadSpec("a grid is of two or more different channels, such as mixed4b:3,17,42")
    network = load(network) if isinstance(network, str) else network
    units = [Channel(layer, channel) for channel in channels]
    pairs = list(combinations(range(len(units)), 2))
    results = render_batch(network, [*units, *(units[i] + units[j] for i, j in pairs)], progress=progress, **options)
    table = scores(network, results, units)
    own = [table[i][i] for i in range(len(units))]
    found = []
    for row, (i, j) in enumerate(pairs, len(units)):
        both = table[row][i], table[row][j]
        found.append(
            Pair((str(units[i]), str(units[j])), both, (_share(both[0], own[i]), _share(both[1], own[j])),
                 (_share(table[j][i], own[i]), _share(table[i][j], own[j])))
        )  # fmt: skip
    made = [replace(one, found={"pair": asdict(pair)}) for one, pair in zip(results[len(units) :], found, strict=True)]
    return [*results[: len(units)], *made], found


def _share(value: float, of: float) -> float:
    return value / of if of > 0 else float("nan")


def grouped(jobs: Sequence[Job], group: Group) -> list[Job]:
    """Jobs as one group: each knows who the others are."""
    members = [[job.target, job.seed] for job in jobs]
    return [replace(job, group={**groups.describe(group), "members": members}) for job in jobs]


def one_of(target: str | Objective) -> Objective:
    """A target that names one unit or sum."""
    found = targets_of(target)
    if len(found) != 1:
        raise BadSpec(f"{target} names {len(found)} units; one is needed here")
    return found[0]


def compared_layer(network: Network, objective: Objective) -> str:
    """Where pictures of a target are compared: at its own layer, or at the last map for what has none."""
    for layer in objective.layers:
        if layer != OUTPUT and network.find(layer)[0].kind == "map":
            return layer
    maps = [layer.name for layer in network.layers.values() if layer.kind == "map"]
    if not maps:
        raise BadSpec(f"{network.name} has no layer with a map; name one to compare at")
    return maps[-1]
