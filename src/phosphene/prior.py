"""How much of a picture is the prior's own: the same unit without it, and what the decoder draws at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .build import Given
from .declare import Options, declare
from .evidence import Look
from .images import Latent, images
from .models.network import Network
from .objectives import Objective, PerRow, from_text
from .produce import Progress, Stopped, Watch, produce
from .result import Result
from .rng import Stream
from .scoring import tensor_of
from .spec import Batch, Job
from .tap import Tap
from .transforms import Chain, transforms

SAMPLES, TOGETHER = 64, 8  # random codes, and how many of them at once


def with_share(
    network: Network,
    jobs: Sequence[Job],
    results: Sequence[Result],
    given: Given,
    progress: Callable[[Progress], None] | None = None,
) -> list[Result]:
    """Results of a prior with ``found["prior"]``: what was optimised without it, and what random codes score.

    ``share``: the part of the free picture's score that the prior's does not reach, under the prior's own transforms.
    ``both``: scores of the two pictures under the transforms of each. ``random``: mean and highest score of the
    decoder's own random pictures, bare. A share near 1 says that the prior cannot draw what the unit wants; a score no
    higher than ``random`` says that the picture is the prior's alone.
    """
    objectives = [from_text(job.target) for job in jobs]
    said = Options(reference=jobs[0].reference, arithmetic=jobs[0].arithmetic)
    free = [declare(network, one, replace(said, seed=job.seed)) for one, job in zip(objectives, jobs, strict=True)]
    photo = Given(reference=given.reference)
    try:
        plain = produce(Batch(tuple(free)), network, given=photo, watch=Watch(progress))
    except KeyboardInterrupt:
        raise Stopped(list(results)) from None  # the pictures that were asked for are there
    shared = []
    for job, other, result, without, objective in zip(jobs, free, results, plain, objectives, strict=True):
        chains = {"prior": _chain(job), "free": _chain(other)}
        both = {
            name: {
                "bare": one.score.clean,
                **{f"under {key}'s": _under(network, one, objective, chain, photo) for key, chain in chains.items()},
            }
            for name, one in (("prior", result), ("free", without))
        }
        drawn = _random(network, job, objective, photo)
        whole, reached = (both[name]["under prior's"] or 0.0 for name in ("free", "prior"))
        found: dict[str, Any] = {
            "share": None if whole <= 0 else round(1 - reached / whole, 4),
            "both": both,
            "random": {"mean": float(drawn.mean()), "highest": float(drawn.max()), "pictures": SAMPLES},
            "free_id": without.id,
        }
        shared.append(replace(result, found={**(result.found or {}), "prior": found}))
    return shared


def is_prior(job: Job) -> bool:
    """Whether a job's picture comes out of a decoder."""
    return isinstance(images.make(job.image), Latent)


def _random(network: Network, job: Job, objective: Objective, given: Given) -> Tensor:
    """What random codes score, bare, a few at a time."""
    image, rows, found = images.make(job.image), PerRow((objective,) * TOGETHER), []
    with network.frozen(), Tap(network, rows.layers) as tap, torch.no_grad():
        for first in range(0, SAMPLES, TOGETHER):
            stream = Stream.of(range(first, first + TOGETHER), network.device).fold("sample")
            pictures = image.decode(image.start(stream))
            found.append(Look(tap, rows, Chain(), given.reference).at(pictures).scores)
    return torch.cat(found)


def _chain(job: Job) -> Chain:
    return Chain(tuple(map(transforms.make, job.transform)))


def _under(network: Network, result: Result, objective: Objective, chain: Chain, given: Given) -> float:
    pictures, rows = tensor_of([result], network), PerRow((objective,))
    with network.frozen(), Tap(network, rows.layers) as tap:
        look = Look(tap, rows, chain, given.reference)
        return float(look.robust(pictures, Stream.of([0], network.device), 16, look.at(pictures).frame)[0][0])
