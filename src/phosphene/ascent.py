"""The one loop: pictures, transforms, network, score, step. It holds the one minus sign.

It takes live parts and knows nothing of files, jobs or where the network came from. Rows never mix: each has its own
noise, its own transforms and its own target, and a row that fails leaves its neighbours as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from .canvas import Canvas
from .errors import NotDifferentiable
from .images import Parameters
from .objectives import Activations
from .optimizers import Optimizer
from .preconditioners import Preconditioner
from .rng import Stream
from .shapes import Images, Rows, Scores
from .tap import Tap
from .tiles import boxes
from .transforms import Chain, Draw
from .window import Window

AHEAD = 16  # steps whose transforms are drawn together, which is as much work as drawing those of one
QUIET = 16  # a row without gradient in this many last steps has none


@runtime_checkable
class Objective(Protocol):
    """Anything that scores every row of a batch."""

    @property
    def layers(self) -> tuple[str, ...]: ...

    @property
    def compares(self) -> bool: ...

    def seen(self, views: int) -> Objective: ...

    def score(self, acts: Activations) -> Scores: ...


@dataclass(frozen=True, eq=False)
class Step:
    """The state after ``index`` steps; step 0 is the start.

    ``scores``: under the transforms of this step, before it was taken. ``finite``: rows that have never met a
    non-finite number; the others stand still at their last finite picture. ``redirected``: steps in which a row's
    gradient was redirected. ``silent``: how many steps in a row it had no gradient. ``attention``: the gradient of the
    pictures in this step, where somebody asked for it.
    """

    index: int
    parameters: Parameters
    scores: Scores
    finite: Rows
    redirected: Tensor
    silent: Tensor
    attention: Images | None = None

    @property
    def dead(self) -> Tensor:
        """Rows without a gradient in the last steps (all steps, if there were fewer)."""
        return self.silent >= max(1, min(QUIET, self.index))


@dataclass(frozen=True)
class Gradient:
    """What one step found: scores, their gradients, and the rows whose gradient through the network is zero everywhere.

    ``pictures``: the gradient of the pictures themselves, where somebody asked for it.
    """

    scores: Scores
    parameters: tuple[Tensor, ...]
    blocked: Rows
    pictures: Images | None = None


@dataclass(frozen=True)
class Ascent:
    """The live parts of one ascent. ``tap``: an open tap on the objective's layers of a frozen network.

    ``frame``: sizes of the layers' maps on bare pictures. ``redirect``: the first steps in which rows whose whole
    gradient is blocked get a redirected one. ``window``: the part of what the network is shown that alone matters.
    ``views``: how often each picture is shown in a step, each time under transforms of its own; scores are means.
    ``reference``: a photo ``(1, c, h, w)`` that pictures are compared with. ``tile``: the network is shown pieces of
    this size. ``together``: so many rows are a group, in which all stand still when one fails. ``attend``: whether the
    gradient of the pictures is wanted.
    """

    tap: Tap
    objective: Objective
    canvas: Canvas
    transform: Chain
    optimizer: Optimizer
    stream: Stream
    frame: Mapping[str, tuple[int, ...]]
    redirect: int = 16
    window: Window | None = None
    views: int = 1
    gradient: Sequence[Preconditioner] = ()
    reference: Images | None = None
    tile: int | None = None
    together: int = 1
    attend: bool = False

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
                draws = self._draws(range(index, min(index + AHEAD, steps)), steps)
            draw = draws[index % AHEAD]
            found = self._gradients(theta, draw)
            gradients, blocked = found.parameters, found.blocked
            silent = torch.where(blocked, silent + 1, 0)
            if index < self.redirect and bool(blocked.any()):
                through = self._gradients(theta, draw, redirect=True)
                gradients = _rows(blocked, through.parameters, gradients)
                if found.pictures is not None and through.pictures is not None:
                    (seen,) = _rows(blocked, (through.pictures,), (found.pictures,))
                    found = replace(found, pictures=seen)
                redirected = redirected + (blocked & ~through.blocked)
            finite = finite & torch.isfinite(found.scores) & _all_finite(gradients)
            finite = finite.view(-1, self.together).all(1).repeat_interleave(self.together)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * self.optimizer.rate(index, steps)
            self._move(optimizer, theta, gradients, finite, index, found.pictures)
            finite = finite & _all_finite(theta)
            yield Step(index + 1, theta, found.scores.detach(), finite, redirected, silent, found.pictures)

    def _gradients(self, theta: Parameters, draw: Draw, *, redirect: bool = False) -> Gradient:
        pictures = self.canvas.decode(theta)
        if not self.objective.layers:
            scores = self.objective.score(Activations({}, pictures))
            return Gradient(scores, _gradient_of(scores, theta), torch.zeros_like(scores, dtype=torch.bool))
        views = self.views
        shown = pictures.repeat(views, 1, 1, 1) if views > 1 else pictures
        box = None if self.window is None else self.window.box
        seen = self.transform.apply(shown, draw, self.tap.only_size if self.tile is None else None, box)
        if self.tile is not None:
            scores, towards = self._by_tiles(seen, redirect)
            found = (*torch.autograd.grad(seen, theta, towards), towards)
        else:
            maps = self.tap(seen, redirect=redirect)
            if self.window is not None:
                maps = self.window.placed(maps)
            acts = Activations(maps, shown, self.frame, self._reference(draw, len(shown)))
            scores = self.objective.seen(views).score(acts).view(views, -1).mean(0)
            wanted = (pictures,) if self.attend else ()
            found = _gradient_of(scores, (*theta, *wanted, seen))
        blocked = (_peak(found[-1]) == 0).view(views, -1).all(0)
        picture = found[len(theta)] if self.attend and self.tile is None else None
        return Gradient(scores, found[: len(theta)], blocked, picture)

    def _reference(self, draw: Draw, rows: int) -> Mapping[str, Tensor]:
        """The photo's activations, under the very transforms of each picture."""
        if self.reference is None or not self.objective.compares:
            return {}
        with torch.no_grad():
            shown = self.reference.expand(rows, -1, -1, -1)
            return self.tap(self.transform.apply(shown, draw, self.tap.only_size))

    def _by_tiles(self, seen: Images, redirect: bool) -> tuple[Scores, Images]:
        """Scores and their gradient at what the network is shown, a piece at a time: means over the pieces' area."""
        towards, cover = torch.zeros_like(seen), torch.zeros_like(seen[:1, :1])
        scores = torch.zeros(len(seen), device=seen.device)
        pieces = boxes((seen.shape[2], seen.shape[3]), self.tile or 1, self.tap.only_size)
        for top, left, bottom, right in pieces:
            leaf = seen[:, :, top:bottom, left:right].detach().requires_grad_()
            score = self.objective.score(Activations(self.tap(leaf, redirect=redirect), leaf))
            towards[:, :, top:bottom, left:right] += _gradient_of(score, (leaf,))[0]
            cover[:, :, top:bottom, left:right] += 1
            scores = scores + score.detach() / len(pieces)
        return scores, towards / cover / len(pieces)

    def _draws(self, steps: range, of: int) -> list[Draw]:
        """The transforms of some steps."""
        chain = self.transform if self.objective.layers else Chain()
        stream, rows = self.stream.fold("transform"), len(self.stream) * self.views
        views = [stream if view == 0 else stream.fold("view", view) for view in range(self.views)]
        keys = torch.stack([view.folds(steps).keys.view(len(steps), -1) for view in views], dim=1).flatten()
        when = torch.tensor([step / max(1, of - 1) for step in steps], dtype=torch.float64).repeat_interleave(rows)
        made = chain.sample(Stream(keys, stream.device), self.canvas.shape[1:], when)
        return [made.rows(slice(k * rows, (k + 1) * rows)) for k in range(len(steps))]

    def _move(
        self, optimizer: torch.optim.Optimizer, theta: Parameters, gradients: tuple[Tensor, ...], finite: Rows,
        index: int, pictures: Images | None,
    ) -> None:  # fmt: skip
        """One step up for the finite rows; the others stand still."""
        before = tuple(part.detach().clone() for part in theta)
        zero = tuple(torch.zeros_like(gradient) for gradient in gradients)
        for part, raw in zip(theta, _rows(finite, gradients, zero), strict=True):
            gradient = raw
            for one in self.gradient:
                gradient = one.apply(gradient)
            part.grad = -gradient  # the optimiser goes down, the score goes up
        optimizer.step()
        with torch.no_grad():
            moved = self.canvas.settle(theta, index, pictures, self.stream.fold("settle", index))
            kept = _rows(finite & _all_finite(moved), moved, before)
            for part, value in zip(theta, kept, strict=True):
                if value is not part:
                    part.copy_(value)


def _gradient_of(scores: Scores, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """d(sum of scores) / d(inputs), zero where there is no dependence. A sum: rows ignore their neighbours."""
    if not scores.requires_grad:
        raise NotDifferentiable(
            "the target does not depend on the picture with a gradient: somewhere before it the network "
            "detaches, rounds, converts to whole numbers or switches gradients off"
        )
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
