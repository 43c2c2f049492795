"""The only bridge from data to tensors: jobs -> live parts, and how many of them fit in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .canvas import Canvas, balls
from .errors import OutOfMemory
from .filters import filters
from .images import images
from .memory import SLACK, free, taken
from .models.network import Network, out_of_memory
from .objectives import Group, PerRow, from_text, groups
from .optimizers import Optimizer, optimizers
from .preconditioners import Preconditioner, preconditioners
from .rng import Stream
from .spec import Batch, Job
from .transforms import Chain, transforms

TOGETHER = 64  # pictures in one forward pass at most


def rest(network: Network) -> Tensor:
    """``(c, 1, 1)``: the colour that means nothing to a network, the mean of its data; grey where it is not known."""
    channels = network.preprocessing.size[0]
    mean = network.preprocessing.mean
    values = torch.full((channels,), 0.5) if mean is None else torch.tensor(mean)
    return values.clamp(0, 1).view(-1, 1, 1).to(network.device)


@dataclass(frozen=True)
class Parts:
    """A batch come alive."""

    objective: PerRow
    canvas: Canvas
    chain: Chain
    optimizer: Optimizer
    gradient: tuple[Preconditioner, ...]
    stream: Stream


@dataclass(frozen=True, eq=False)
class Given:
    """Pictures that come with a job, ``(1, c, h, w)``: where it starts, where it may differ from that ``(1, 1, h, w)``,
    what it is compared with."""

    start: Tensor | None = None
    mask: Tensor | None = None
    reference: Tensor | None = None


def assemble(batch: Batch, network: Network, given: Given | None = None) -> Parts:
    """Jobs -> live parts through the registries."""
    first, given = batch.jobs[0], given or Given()
    canvas = Canvas(
        image=images.make(first.image),
        rest=rest(network),
        start=given.start,
        mask=given.mask,
        within=None if first.within is None else balls.make(first.within),
        filters=tuple(map(filters.make, first.filters)),
    )
    return Parts(
        objective=objective_of(batch.jobs),
        canvas=canvas,
        chain=Chain(tuple(transforms.make(step) for step in first.transform)),
        optimizer=optimizers.make(first.optimizer),
        gradient=tuple(map(preconditioners.make, first.gradient)),
        stream=Stream.of([job.seed for job in batch.jobs], network.device),
    )


def objective_of(jobs: Sequence[Job]) -> PerRow:
    """What the rows of a batch are scored by."""
    return PerRow(tuple(from_text(job.target) for job in jobs), group_of(jobs[0]), size=jobs[0].grouped or None)


def group_of(job: Job) -> Group | None:
    """What couples a job with others."""
    if job.group is None:
        return None
    made: Group = groups.make({key: value for key, value in job.group.items() if key != "members"})
    return made


def rows_that_fit(network: Network, jobs: Sequence[Job]) -> int:
    """How many of the pictures of a batch one forward and backward pass can hold; OutOfMemory when not even one fits.

    From what a small picture was measured to take, by area, and the memory that is free now.
    """
    job, objective = jobs[0], objective_of(jobs)
    channels, rows, columns = images.make(job.image).shape
    _, height, width = network.preprocessing.size
    only = network.preprocessing.fixed
    canvas = (height, width) if only else Chain(tuple(map(transforms.make, job.transform))).canvas((rows, columns))
    if job.tile is not None:
        canvas = min(canvas[0], job.tile), min(canvas[1], job.tile)
    try:
        measured = taken(network, objective.layers, job.arithmetic, objective.channels)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise OutOfMemory(f"not even pictures of {height} x {width} through {network.name} fit in memory") from error
    each = measured * canvas[0] * canvas[1] / (height * width) * job.views
    need = SLACK * each + 64.0 * channels * rows * columns
    there = free(network.device)
    if need > there:
        raise OutOfMemory(
            f"a picture of {rows} x {columns} through {network.name} needs about {need / 2**30:,.1f} GiB, "
            f"{there / 2**30:,.1f} GiB are free; choose a smaller --size"
        )
    fit = max(1, min(TOGETHER // min(TOGETHER, job.views), int(0.6 * there / need)))
    if job.grouped * need > there:
        raise OutOfMemory(
            f"the {job.grouped} pictures of the group need about {job.grouped * need / 2**30:,.1f} GiB together, "
            f"{there / 2**30:,.1f} GiB are free; choose fewer, or a smaller --size"
        )
    return max(job.grouped, fit // job.grouped * job.grouped) if job.grouped else fit
