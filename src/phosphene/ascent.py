"""The one loop: pictures, transforms, network, score, step. It holds the one minus sign.

It takes live parts and knows nothing of files, jobs or where the network came from. Rows never mix: each has its own
noise, its own transforms and its own target, and a row that fails leaves its neighbours as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from .errors import NotDifferentiable
from .images import Image, Parameters
from .objectives import Activations
from .optimizers import Optimizer
from .rng import Stream
from .shapes import Rows, Scores
from .tap import Tap
from .transforms import Chain, Draw
from .window import Window

AHEAD = 16  # steps whose transforms are drawn together, which is as much work as drawing those of one
QUIET = 16  # a row without gradient in this many last steps has none


@runtime_checkable
class Objective(Protocol):
    """Anything that scores every row of a batch."""

    @property
    def layers(self) -> tuple[str, ...]: ...

    def score(self, acts: Activations) -> Scores: ...


@dataclass(frozen=True, eq=False)
class Step:
    """The state after ``index`` steps; step 0 is the start.

    ``scores``: under the transforms of this step, before it was taken. ``finite``: rows that have never met a
    non-finite number; the others stand still at their last finite picture. ``redirected``: steps in which a row's
    gradient was redirected. ``silent``: how many steps in a row it had no gradient.
    """

    index: int
    parameters: Parameters
    scores: Scores
    finite: Rows
    redirected: Tensor
    silent: Tensor

    @property
    def dead(self) -> Tensor:
        """Rows without a gradient in the last steps (all steps, if there were fewer)."""
        return self.silent >= max(1, min(QUIET, self.index))


@dataclass(frozen=True)
class Ascent:
    """The live parts of one ascent. ``tap``: an open tap on the objective's layers of a frozen network.

    ``frame``: sizes of the layers' maps on bare pictures. ``redirect``: the first steps in which rows whose whole
    gradient is blocked get a redirected one. ``window``: the part of what the network is shown that alone matters.
    """

    tap: Tap
    objective: Objective
    image: Image
    transform: Chain
    optimizer: Optimizer
    stream: Stream
    frame: Mapping[str, tuple[int, ...]]
    redirect: int = 16
    window: Window | None = None

    def run(self, start: Parameters, steps: int) -> Iterator[Step]:
        """Yield the start and the state after each step.

        The parameters given are not changed; those of a step are the live ones, so copy what is to be kept.
        """
        theta = tuple(part.detach().clone().requires_grad_() for part in start)
        rows, device = len(self.stream), theta[0].device
        optimizer = self.optimizer.over(theta)
        rates = [group["lr"] for group in optimizer.param_groups]
        finite = torch.ones(rows, dtype=torch.bool, device=device)
        redirected = torch.zeros(rows, dtype=torch.int64, device=device)
        silent = torch.zeros(rows, dtype=torch.int64, device=device)
        draws: list[Draw] = []
        yield Step(0, theta, torch.full((rows,), float("nan"), device=device), finite, redirected, silent)
        for index in range(steps):
            if index % AHEAD == 0:
                draws = self._draws(range(index, min(index + AHEAD, steps)))
            draw = draws[index % AHEAD]
            scores, gradients, blocked = self._gradients(theta, draw)
            silent = torch.where(blocked, silent + 1, 0)
            if index < self.redirect and bool(blocked.any()):
                _, through, still = self._gradients(theta, draw, redirect=True)
                gradients = _rows(blocked, through, gradients)
                redirected = redirected + (blocked & ~still)
            finite = finite & torch.isfinite(scores) & _all_finite(gradients)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * self.optimizer.rate(index, steps)
            self._move(optimizer, theta, gradients, finite)
            finite = finite & _all_finite(theta)
            yield Step(index + 1, theta, scores.detach(), finite, redirected, silent)

    def _gradients(
        self, theta: Parameters, draw: Draw, *, redirect: bool = False
    ) -> tuple[Scores, tuple[Tensor, ...], Rows]:
        """Scores, their gradients, and the rows whose gradient through the network is zero everywhere."""
        pictures = self.image.decode(theta)
        if not self.objective.layers:
            scores = self.objective.score(Activations({}, pictures))
            return scores, _gradient_of(scores, theta, ()), torch.zeros_like(scores, dtype=torch.bool)
        box = None if self.window is None else self.window.box
        seen = self.transform.apply(pictures, draw, self.tap.only_size, box)
        maps = self.tap(seen, redirect=redirect)
        if self.window is not None:
            maps = self.window.placed(maps)
        scores = self.objective.score(Activations(maps, pictures, self.frame))
        found = _gradient_of(scores, theta, (seen,))
        blocked = _peak(found[-1]) == 0
        return scores, found[:-1], blocked

    def _draws(self, steps: range) -> list[Draw]:
        """The transforms of some steps."""
        rows, chain = len(self.stream), self.transform if self.objective.layers else Chain()
        made = chain.sample(self.stream.fold("transform").folds(steps), self.image.shape[1:])
        return [made.rows(slice(k * rows, (k + 1) * rows)) for k in range(len(steps))]

    def _move(
        self, optimizer: torch.optim.Optimizer, theta: Parameters, gradients: tuple[Tensor, ...], finite: Rows
    ) -> None:
        """One step up for the finite rows; the others stand still."""
        before = tuple(part.detach().clone() for part in theta)
        zero = tuple(torch.zeros_like(gradient) for gradient in gradients)
        for part, gradient in zip(theta, _rows(finite, gradients, zero), strict=True):
            part.grad = -gradient  # the optimiser goes down, the score goes up
        optimizer.step()
        with torch.no_grad():
            moved = self.image.settle(theta)
            kept = _rows(finite & _all_finite(moved), moved, before)
            for part, value in zip(theta, kept, strict=True):
                if value is not part:
                    part.copy_(value)


def _gradient_of(scores: Scores, theta: Parameters, seen: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """d(sum of scores) / d(theta, seen), zero where there is no dependence. A sum: rows ignore their neighbours."""
    if not scores.requires_grad:
        raise NotDifferentiable(
            "the target does not depend on the picture with a gradient: somewhere before it the network "
            "detaches, rounds, converts to whole numbers or switches gradients off"
        )
    inputs = (*theta, *seen)
    found = torch.autograd.grad(scores.sum(), inputs, allow_unused=True)
    return tuple(
        torch.zeros_like(given) if gradient is None else gradient for given, gradient in zip(inputs, found, strict=True)
    )


def _rows(mask: Rows, yes: tuple[Tensor, ...], no: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Row by row, ``yes`` where the mask is set, ``no`` elsewhere."""
    if mask.device.type == "cpu" and bool(mask.all()):  # nearly always; elsewhere asking would stall the device
        return yes
    return tuple(torch.where(mask.view(-1, *(1,) * (a.ndim - 1)), a, b) for a, b in zip(yes, no, strict=True))


def _all_finite(parts: tuple[Tensor, ...]) -> Tensor:
    """``(b,)``: rows in which every number is finite."""
    flags = [torch.isfinite(_peak(part)) for part in parts]
    return torch.stack(flags).all(0)


def _peak(values: Tensor) -> Tensor:
    """``(b,)``: the largest magnitude in each row; not finite if any number is not."""
    flat = values.detach().flatten(1)
    return torch.maximum(flat.amax(1), -flat.amin(1))  # the infinity norm, by reductions that vectorise
