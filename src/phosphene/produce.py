"""Batch -> results: the single path, for one picture or sixty-four, from Python, the command line and sweeps."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import evidence
from .ascent import Ascent, Step
from .build import Parts, assemble, rows_that_fit
from .errors import ModelError, NotReproducible, OutOfMemory, PhospheneError
from .images import images, restart
from .memory import held
from .models.network import Network, first_line, out_of_memory
from .objectives import Activations, from_text, named, to_text
from .result import Evidence, Frame, Pixels, Result, Score, Status
from .shapes import Images
from .spec import Batch, Job, digest
from .tap import Tap
from .transforms import Chain, preset, transforms
from .window import Window, Windows


@dataclass(frozen=True)
class Progress:
    """Where a batch is: ``step`` of ``steps`` for pictures ``first`` to ``last`` of ``pictures``, their mean score."""

    step: int
    steps: int
    first: int
    last: int
    pictures: int
    score: float


class Stopped(KeyboardInterrupt):
    """Ctrl-C came; ``results`` holds what was made until then, the unfinished ones marked ``partial``."""

    def __init__(self, results: list[Result]) -> None:
        super().__init__("stopped")
        self.results = results


@dataclass(frozen=True)
class Watch:
    """What a caller wants of a batch while it is made: ``tell`` after each step, ``frames`` at these steps; ``until``:
    stop there, as Ctrl-C did when the record was made."""

    tell: Callable[[Progress], None] | None = None
    frames: tuple[int, ...] = ()
    every: int = 8  # how often the score is fetched from the device
    jobs_before: int = 0
    jobs_total: int = field(default=0)
    until: int | None = None


def produce(batch: Batch, network: Network, *, start: Tensor | None = None, watch: Watch | None = None) -> list[Result]:
    """One result per job, in order. Raises Stopped on Ctrl-C, OutOfMemory, ModelError; the model is left untouched."""
    watch = watch or Watch()
    if batch.jobs[0].start is not None and (start is None or fingerprint_of(start) != batch.jobs[0].start):
        raise NotReproducible("the job starts from a picture that is not the one given; give the same with --start")
    results: list[Result] = []
    for jobs, window in _shares(batch, network):
        part = replace(watch, jobs_before=len(results), jobs_total=len(batch.jobs))
        try:
            with network.frozen(), held():
                results += _Making(Batch(jobs), network, part, window).make(start)
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
    if first.arithmetic == "exact":
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

    def __init__(self, batch: Batch, network: Network, watch: Watch, window: Window | None) -> None:
        self.batch, self.network, self.watch, self.window = batch, network, watch, window
        self.parts: Parts = assemble(batch, network)
        layers = self.parts.objective.layers
        self.exact = Tap(network, layers)
        self.tap = Tap(network, layers, batch.jobs[0].arithmetic, self.parts.objective.channels)
        self.frames: list[list[Frame]] = [[] for _ in batch.jobs]
        self.begun = time.monotonic()
        self.last: Step | None = None

    def make(self, start: Tensor | None) -> list[Result]:
        parts, job = self.parts, self.batch.jobs[0]
        with self.tap, self.exact:
            parameters = restart(parts.image, parts.stream.fold("image"), start)
            acts = evidence.observe(self.exact, parts.image.decode(parameters).detach())
            before = parts.objective.score(acts)
            ascent = Ascent(self.tap, parts.objective, parts.image, parts.chain, parts.optimizer, parts.stream,
                            acts.frame, job.redirect, self.window)  # fmt: skip
            try:
                for step in ascent.run(parameters, job.steps):
                    self._watch(step)
                    # a copy: the next step works in place, and Ctrl-C may come in the middle of it
                    self.last = replace(step, parameters=tuple(part.detach().clone() for part in step.parameters))
                    if step.index == self.watch.until:
                        break
            except KeyboardInterrupt:
                if self.last is None or self.last.index == 0:
                    raise Stopped([]) from None
                raise Stopped(self._finish(self.last, before, partial=True)) from None
            if self.last is None:
                raise AssertionError("an ascent yields at least its start")
            return self._finish(self.last, before, partial=self.last.index < job.steps)

    def _watch(self, step: Step) -> None:
        watch, steps = self.watch, self.batch.jobs[0].steps
        if step.index in watch.frames:
            pictures = self.parts.image.decode(step.parameters).detach()
            scores = self.parts.objective.score(evidence.observe(self.exact, pictures))
            for row, (score, pixels) in enumerate(zip(scores.tolist(), to_pixels(pictures), strict=True)):
                self.frames[row].append(Frame(step.index, _number(score), pixels))
        if watch.tell is not None and step.index and (step.index % watch.every == 0 or step.index == steps):
            rows = len(self.batch.jobs)
            first = watch.jobs_before
            score = float(step.scores[step.finite].mean()) if bool(step.finite.any()) else math.nan
            watch.tell(Progress(step.index, steps, first, first + rows, watch.jobs_total, score))

    def _finish(self, step: Step, before: Tensor, *, partial: bool) -> list[Result]:
        parts = self.parts
        pictures = parts.image.decode(step.parameters).detach()
        acts = evidence.observe(self.exact, pictures)
        clean = parts.objective.score(acts)
        chain, under = (parts.chain, "own") if parts.chain.steps else (preset("lucid"), "lucid")
        draws = self.batch.jobs[0].robust
        moved = evidence.robust(self.exact, parts.objective, pictures, chain, parts.stream, draws, acts.frame)
        fine = evidence.high_frequency(pictures).tolist()
        fingerprint = self.network.fingerprint
        seconds = round((time.monotonic() - self.begun) / len(self.batch.jobs), 3)
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
                score=Score(_number(before[row]), _number(clean[row]), _number(moved[row]), under),
                evidence=self._evidence(step, acts, row, fine[row]),
                spec=job.to_dict(),
                versions=versions(),
                pixels=pixels,
                frames=tuple(self.frames[row]),
                partial=partial,
                arithmetic=self._ran(),
            )
            for row, (job, pixels) in enumerate(zip(self.batch.jobs, to_pixels(pictures), strict=True))
        ]

    def _ran(self) -> str:
        """The arithmetic, and what was run if not the whole picture."""
        return self.tap.ran + ("" if self.window is None else " (a window of {} x {})".format(*self.window.size))

    def _target(self, row: int) -> str:
        """A row's target as people read it: classes by name."""
        return to_text(named(self.parts.objective.objectives[row], self.network.class_name))

    def _evidence(self, step: Step, acts: Activations, row: int, fine: float) -> Evidence:
        term = evidence.heaviest(self.parts.objective.objectives[row])
        rank, siblings, top = evidence.rank(term, acts, row, self.network.labels)
        return Evidence(
            unit=None if term is None else to_text(named(term, self.network.class_name)),
            rank=rank,
            siblings=siblings,
            top=top,
            high_frequency=round(fine, 6),
            redirected=int(step.redirected[row]),
            silent=int(step.silent[row]),
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
