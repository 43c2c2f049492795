"""Batch -> results: the single path, for one picture or sixty-four, from Python, the command line and sweeps."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from itertools import groupby
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import evidence
from .ascent import Ascent, Step
from .build import Given, Parts, assemble, rows_that_fit
from .errors import ModelError, NotReproducible, OutOfMemory, PhospheneError
from .evidence import Look
from .images import Parameters, images, restart
from .memory import held
from .models.network import Network, first_line, out_of_memory
from .objectives import from_text, named, to_text
from .octaves import Stage, stages
from .result import Evidence, Frame, Pixels, Result, Score, Status
from .shapes import Images
from .spec import Batch, Job, digest
from .tap import Tap
from .transforms import Chain, transforms
from .watch import Progress as Progress
from .watch import Shown
from .watch import Watch as Watch
from .window import Window, Windows


class Stopped(KeyboardInterrupt):
    """Ctrl-C came; ``results`` holds what was made until then, the unfinished ones marked ``partial``."""

    def __init__(self, results: list[Result]) -> None:
        super().__init__("stopped")
        self.results = results


def produce(batch: Batch, network: Network, *, given: Given | None = None, watch: Watch | None = None) -> list[Result]:
    """One result per job, in order. Raises Stopped on Ctrl-C, OutOfMemory, ModelError; the model is left untouched."""
    watch, given = watch or Watch(), given or Given()
    for name, option in (("start", "--start"), ("mask", "--mask"), ("reference", "--photo")):
        asked, there = getattr(batch.jobs[0], name), getattr(given, name)
        if asked is not None and (there is None or fingerprint_of(there) != asked):
            raise NotReproducible(
                f"the job has a {name} picture that is not the one given; give the same with {option}"
            )
    results: list[Result] = []
    for jobs, window in _shares(batch, network):
        part = replace(watch, jobs_before=len(results), jobs_total=len(batch.jobs))
        try:
            with network.frozen(), held():
                results += _Making(Batch(jobs), network, part, window, given).make()
        except KeyboardInterrupt as stopped:
            raise Stopped(results + (stopped.results if isinstance(stopped, Stopped) else [])) from None
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"{len(jobs)} pictures do not fit in the device's memory: {first_line(error)}") from error
        except (RuntimeError, MemoryError) as error:
            raise _explained(error, network, jobs[0]) from error
    return results


def _shares(batch: Batch, network: Network) -> Iterator[tuple[tuple[Job, ...], Window | None]]:
    """Jobs that go through the network together: as many as fit, and of neurons those that see the same window."""
    first, together = batch.jobs[0], rows_that_fit(network, batch.jobs)
    plain = first.group is None and first.tile is None and first.reference is None and first.views == 1
    if first.arithmetic == "exact" or not plain:
        seen: list[tuple[Job, Window | None]] = [(job, None) for job in batch.jobs]
    else:
        chain, image = Chain(tuple(transforms.make(step) for step in first.transform)), images.make(first.image)
        windows = Windows(network, chain, image.shape[1:])
        seen = [(job, windows.of(from_text(job.target))) for job in batch.jobs]
    for window, group in groupby(seen, key=lambda one: one[1]):
        jobs = tuple(job for job, _ in group)
        for start in range(0, len(jobs), together):
            yield jobs[start : start + together], window


def _explained(error: BaseException, network: Network, job: Job) -> PhospheneError:
    """A failure inside the user's network, said in terms of what was asked."""
    size = "{} x {}".format(*job.image["size"])
    if out_of_memory(error):
        return OutOfMemory(f"pictures of {size} through {network.name} do not fit in memory; choose a smaller --size")
    return ModelError(f"{network.name} failed on a picture of {size}: {first_line(error)}\ntry another --size")


def fingerprint_of(picture: Tensor) -> str:
    """A hash of a start picture as it is used."""
    values = picture.detach().cpu().contiguous().numpy()
    return digest({"shape": list(values.shape), "values": values.tobytes().hex()})


class _Making:
    """One forward pass' worth of jobs on its way to results."""

    def __init__(self, batch: Batch, network: Network, watch: Watch, window: Window | None, given: Given) -> None:
        self.batch, self.network, self.watch, self.window, self.given = batch, network, watch, window, given
        self.job = batch.jobs[0]
        self.parts: Parts = assemble(batch, network, given)
        layers = self.parts.objective.layers
        self.exact = Tap(network, layers)
        self.tap = Tap(network, layers, self.job.arithmetic, self.parts.objective.channels)
        self.look = Look(self.exact, self.parts.objective.alone, self.parts.chain, given.reference, self.job.tile)
        self.naturals = evidence.Naturals.at(watch.store, network)
        self.frames: list[list[Frame]] = [[] for _ in batch.jobs]
        self.begun = time.monotonic()
        self.last: Step | None = None
        self.best: tuple[Tensor, Parameters] | None = None
        self.attention: Tensor | None = None

    def make(self) -> list[Result]:
        parts, job = self.parts, self.job
        with self.tap, self.exact:
            parameters = restart(parts.canvas.image, parts.stream.fold("image"), self.given.start)
            first = self.look.at(parts.canvas.decode(parameters).detach())
            try:
                for stage in stages(job, parts.canvas, self.given.start, until=self.watch.until):
                    self._climb(stage, parameters, first.frame)
            except KeyboardInterrupt:
                if self.last is None or self.last.index == 0:
                    raise Stopped([]) from None
                raise Stopped(self._finish(self.last, first.scores, partial=True)) from None
            if self.last is None:
                raise AssertionError("an ascent yields at least its start")
            return self._finish(self.last, first.scores, partial=self.last.index < job.steps)

    def _climb(self, stage: Stage, parameters: Parameters, frame: Any) -> None:
        """The steps at one size; nearly always the only one."""
        parts, job = self.parts, self.job
        if stage.canvas is not parts.canvas or stage.offset:
            parameters = stage.begin(parts.stream.fold("image"), self.last)
        attend = job.transparency or any(part["name"] == "small_benefit" for part in job.filters)
        ascent = Ascent(self.tap, parts.objective, stage.canvas, parts.chain, parts.optimizer, parts.stream, frame,
                        job.redirect, self.window, job.views, parts.gradient, self.given.reference, job.tile,
                        job.grouped or 1, attend)  # fmt: skip
        for step in ascent.run(parameters, stage.steps):
            if step.index == 0 and stage.offset:
                continue
            now = replace(step, index=step.index + stage.offset)
            self._remember(now, stage)
            self._watch(now, stage)
            # a copy: the next step works in place, and Ctrl-C may come in the middle of it
            self.last = replace(now, parameters=tuple(part.detach().clone() for part in step.parameters))
            if now.index == self.watch.until:
                break

    def _remember(self, step: Step, stage: Stage) -> None:
        """The best picture so far and the attention, where wanted: both are of the parameters before the step."""
        if self.job.transparency and step.attention is not None:
            seen = step.attention.abs().sum(1, keepdim=True)
            self.attention = seen if self.attention is None else self.attention + seen
        if self.job.keep == "best" and self.last is not None:
            if self.best is None:
                self.best = step.scores, self.last.parameters
                return
            better = step.scores > self.best[0]
            kept = tuple(
                torch.where(better.view(-1, *(1,) * (new.ndim - 1)), new, old)
                for new, old in zip(self.last.parameters, self.best[1], strict=True)
            )
            self.best = torch.where(better, step.scores, self.best[0]), kept

    def _watch(self, step: Step, stage: Stage) -> None:
        watch, steps = self.watch, self.job.steps
        shown = Shown(step.index, steps, watch.jobs_before, lambda: self._frames(step, stage))
        if step.index in watch.frames:
            for row, frame in enumerate(shown.frames):
                self.frames[row].append(frame)
        if watch.show is not None:
            watch.show(shown)
        if watch.tell is not None and step.index and (step.index % watch.every == 0 or step.index == steps):
            rows = len(self.batch.jobs)
            first = watch.jobs_before
            score = float(step.scores[step.finite].mean()) if bool(step.finite.any()) else math.nan
            watch.tell(Progress(step.index, steps, first, first + rows, watch.jobs_total, score))

    def _frames(self, step: Step, stage: Stage) -> list[Frame]:
        """The pictures of a step as they are shown, with their clean scores."""
        seen = self.look.at(stage.canvas.decode(step.parameters).detach())
        pixels = to_pixels(stage.canvas.final(step.parameters).detach())
        return [Frame(step.index, _number(score), one)
                for score, one in zip(seen.scores.tolist(), pixels, strict=True)]  # fmt: skip

    def _finish(self, step: Step, before: Tensor, *, partial: bool) -> list[Result]:
        parts, job = self.parts, self.job
        parameters = self._chosen(step)
        canvas = stages(job, parts.canvas, self.given.start, until=step.index)[-1].canvas
        pictures, drawn = canvas.decode(parameters).detach(), canvas.final(parameters).detach()
        seen = self.look.at(pictures)
        moved, under = self.look.robust(pictures, parts.stream, job.robust, seen.frame)
        if self.attention is not None:
            opacity = F.interpolate(evidence.transparency(self.attention), drawn.shape[2:], mode="bilinear")
            drawn = torch.cat([drawn, opacity], dim=1)
        fine = evidence.high_frequency(pictures).tolist()
        fingerprint = self.network.fingerprint
        seconds = round((time.monotonic() - self.begun) / len(self.batch.jobs), 3)
        alpha = self.attention is not None or canvas.image.opacity
        return [
            Result(
                id=job.id(fingerprint),
                model=self.network.name,
                fingerprint=fingerprint,
                target=self._target(row),
                status=_status(step, row),
                seed=job.seed,
                size=(pictures.shape[2], pictures.shape[3]),
                steps=step.index,
                seconds=seconds,
                score=Score(_number(before[row]), _number(seen.scores[row]), _number(moved[row]), under),
                evidence=self._evidence(step, seen, row, fine[row]),
                spec=job.to_dict(),
                versions=versions(),
                pixels=pixels,
                frames=tuple(self.frames[row]),
                partial=partial,
                arithmetic=self._ran(),
                alpha=alpha,
                group=alike[row],
            )
            for alike in [self._alike(seen)]
            for row, (job, pixels) in enumerate(zip(self.batch.jobs, to_pixels(drawn), strict=True))
        ]

    def _alike(self, seen: evidence.Seen) -> list[dict[str, Any] | None]:
        """For each row how alike the pictures of its group are, and which of them it is."""
        rows, size = len(self.batch.jobs), self.job.grouped
        found = evidence.similarity(seen, self.parts.objective.group, size)
        if found is None:
            return [None] * rows
        return [{"similarity": found[row // size], "row": row % size} for row in range(rows)]

    def _chosen(self, step: Step) -> Parameters:
        """The parameters to show: the last ones, or the best on the way, the last among them."""
        if self.best is None:
            return step.parameters
        _, parameters = self.best
        better = self.look.at(self.parts.canvas.decode(step.parameters).detach()).scores >= self.look.at(
            self.parts.canvas.decode(parameters).detach()
        ).scores  # fmt: skip
        return tuple(
            torch.where(better.view(-1, *(1,) * (new.ndim - 1)), new, old)
            for new, old in zip(step.parameters, parameters, strict=True)
        )

    def _ran(self) -> str:
        """The arithmetic, and what was run if not the whole picture."""
        return self.tap.ran + ("" if self.window is None else " (a window of {} x {})".format(*self.window.size))

    def _target(self, row: int) -> str:
        """A row's target as people read it: classes by name."""
        return to_text(named(self.parts.objective.objectives[row], self.network.class_name))

    def _evidence(self, step: Step, seen: evidence.Seen, row: int, fine: float) -> Evidence:
        term = evidence.heaviest(self.parts.objective.objectives[row])
        rank, siblings, top = evidence.rank(term, seen, row, self.network.labels)
        return Evidence(
            unit=None if term is None else to_text(named(term, self.network.class_name)),
            rank=rank,
            siblings=siblings,
            top=top,
            high_frequency=round(fine, 6),
            redirected=int(step.redirected[row]),
            silent=int(step.silent[row]),
            natural=self.naturals.of(self.parts.objective.objectives[row], seen, row),
        )


def _status(step: Step, row: int) -> Status:
    if not bool(step.finite[row]):
        return "diverged"
    return "dead" if step.index and bool(step.dead[row]) else "ok"


def _number(value: Any) -> float | None:
    """A float for JSON: None for what is not finite."""
    number = float(value)
    return number if math.isfinite(number) else None


def to_pixels(pictures: Images) -> Sequence[Pixels]:
    """Values in [0, 1] -> 8 bits per channel, rounded, nothing stretched; ``(h, w, c)`` each."""
    rounded = (pictures.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [np.ascontiguousarray(one) for one in rounded]


def versions() -> dict[str, str]:
    """What made a picture."""
    return {
        "phosphene": metadata.version("phosphene"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
