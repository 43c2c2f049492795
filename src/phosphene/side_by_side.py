"""One unit under many methods, at equal cost: the same number of pictures go through the network for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .declare import Options, declare
from .errors import BadSpec
from .front import load, make
from .models.network import Network
from .objectives import Objective
from .presets import preset
from .produce import Progress, Stopped, Watch
from .result import Result
from .scoring import scores, spectrum_slope, under
from .together import one_of

METHODS = ("pixel", "fourier", "pyramid", "cppn", "maco", "prior", "l2", "linf", "decorrelated")


@dataclass(frozen=True)
class Row:
    """A method's picture and what it came to.

    ``passes``: pictures that went through the network. ``clean``: score of the bare picture, without the method's
    penalties; ``robust``: its mean under
    fresh draws of ``lucid``, the same for every method. ``slope``: of the power spectrum, about -2 for photographs.
    """

    method: str
    result: Result
    passes: int
    clean: float
    robust: float
    slope: float
    seconds: float


def compare(
    network: Network | str,
    target: str | Objective,
    methods: Sequence[str] = METHODS,
    *,
    passes: int = 512,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> list[Row]:
    """The target by each of ``methods`` (presets by name), ``passes`` pictures for each.

    All are made at one size, by default what suits the network, whatever size a preset was published with.
    """
    if not methods:
        raise BadSpec("name at least one method: phosphene methods lists them")
    chosen = [(name, preset(name)) for name in methods]
    dear = [name for name, one in chosen if one.views > passes]
    if dear:
        raise BadSpec(f"{dear[0]} shows each picture more than {passes} times in one step; allow more passes")
    network = load(network) if isinstance(network, str) else network
    objective, rows = one_of(target), list[Row]()
    if objective.compares:
        raise BadSpec(f"{objective} compares with a photo, and a comparison of methods has none; use phosphene render")
    plain = declare(network, objective, Options()).image["size"]
    jobs = []
    for name, one in chosen:  # all are refused, if any is, before the first is made
        image = replace(one.image, size=size if size is not None else tuple(plain))
        said = Options(image=image, preset=name, steps=passes // one.views, seed=seed)
        jobs.append(declare(network, objective, said))
    for (name, one), job in zip(chosen, jobs, strict=True):
        try:
            (result,) = make([job], network, watch=Watch(progress))
        except KeyboardInterrupt as stopped:
            late = stopped.results if isinstance(stopped, Stopped) else []
            raise Stopped([row.result for row in rows] + late) from None
        aim, steps = objective_of(job), job.steps * one.views
        (clean,), robust = scores(network, [result], [aim])[0], under(network, result, aim)
        rows.append(Row(name, result, steps, clean, robust, spectrum_slope(network, result), result.seconds))
    return rows


def objective_of(job: Any) -> Objective:
    """What a job aims at, without the penalties of its method."""
    from .objectives import Sum, from_text

    whole = from_text(job.target)
    units = tuple((weight, term) for weight, term in whole.terms if term.reads)
    return Sum(units) if units else whole
