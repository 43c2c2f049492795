"""Climbing through sizes, as DeepDream does: from a small picture to the whole one, details carried along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import torch.nn.functional as F
from torch import Tensor

from .ascent import Step
from .canvas import Canvas
from .errors import BadSpec
from .images import Parameters, restart
from .rng import Stream
from .shapes import Images
from .spec import Job

Size = tuple[int, int]


@final
@dataclass(frozen=True, eq=False)
class Stage:
    """Some steps at one size. ``offset``: steps taken before it. ``photo``: the start at the whole size."""

    canvas: Canvas
    steps: int
    offset: int = 0
    before: Stage | None = None
    photo: Images | None = None

    def begin(self, stream: Stream, last: Step | None) -> Parameters:
        """Where it starts: the photo at this size, and the details that the stage before has added."""
        if self.photo is None:
            raise BadSpec("octaves climb from a photo; give it with --start")
        base = _resized(self.photo, self.canvas.shape[1:])
        if self.before is None or last is None:
            return restart(self.canvas.image, stream, base)
        found = self.before.canvas.decode(last.parameters).detach()
        detail = found - _resized(self.photo, self.before.canvas.shape[1:])
        picture = base + F.interpolate(detail, self.canvas.shape[1:], mode="bilinear", align_corners=False)
        return restart(self.canvas.image, stream, picture.clamp(0, 1))


def stages(job: Job, canvas: Canvas, photo: Images | None, until: int | None = None) -> list[Stage]:
    """The stages of a job, smallest first; ``until``: those that were begun when so many steps had been taken."""
    if job.octaves is None:
        return [Stage(canvas, job.steps)]
    count, scale = int(job.octaves["count"]), float(job.octaves["scale"])
    each, found = job.steps // count, list[Stage]()
    for index in range(count):
        sides = [max(1, round(side / scale ** (count - 1 - index))) for side in canvas.shape[1:]]
        size = sides[0], sides[1]
        here = canvas if index == count - 1 else replace(canvas, image=replace(canvas.image, size=size))
        steps = each if index < count - 1 else job.steps - each * (count - 1)
        if until is None or index == 0 or until > each * index:
            found.append(Stage(here, steps, each * index, found[-1] if found else None, photo))
    return found


def _resized(picture: Tensor, size: Size) -> Tensor:
    return F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)
