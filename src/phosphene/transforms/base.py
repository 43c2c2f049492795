"""What must not matter to a picture: drawn anew each step and for each picture, apart from being applied.

Geometry composes: however many steps a chain has, the picture is resampled once. A step maps the centred pixel
coordinates of its output to those of its input; the product of these maps goes into one bilinear resampling. What lies
outside the picture is grey.

A published chain interpolates at every step that moves pixels by fractions, and each interpolation softens: pictures
score lower under it than under one resampling. So rows that the chain would have interpolated more than once are
softened by the mean effect of the interpolations that were saved; scores then agree within .02.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadSpec
from ..registry import Registry
from ..rng import Stream
from ..shapes import Images, Matrices, Seen

GREY = 0.5
# Bilinear interpolation at an offset t weighs neighbours (1 - t, t); the softening that matches its mean effect on
# scores has neighbours' weights (a, 1 - 2a, a) in each direction.
SOFT = 0.105
Size = tuple[int, int]
Box = tuple[int, int, int, int]  # top, left, bottom, right of a part of the canvas; the last two excluded

transforms: Registry[type[Step]] = Registry("transform")


class Step(ABC):  # noqa: B024  what is abstract differs between its two kinds
    """One step of a chain; a frozen dataclass. What it draws stays on the CPU."""

    def resize(self, size: Size, picture: Size) -> Size:
        """The canvas after the step, from the canvas before it and the bare picture."""
        return size

    def draw(self, stream: Stream, when: Tensor) -> Tensor:
        """What is random about it, ``(b, k)``; nothing by default. ``when``: ``(b,)``, 0 at the ascent's first step, 1
        at its last, for those that change their range on the way."""
        return torch.zeros(len(stream), 0)


class Geometric(Step):
    """Moves pixels: an affine map, composed with its neighbours. Draws in float64."""

    def interpolates(self, drawn: Tensor) -> Tensor:
        """``(b,)``: rows in which the step alone would fall between pixels; none by default."""
        return torch.zeros(len(drawn), dtype=torch.bool)

    @abstractmethod
    def matrix(self, drawn: Tensor) -> Matrices:
        """Output -> input in homogeneous pixel coordinates (x, y, 1) around the centre, float64."""

    def between(self, drawn: Tensor, before: Size, after: Size) -> Matrices:
        """The same from one canvas to the next; for steps that look at their sizes."""
        return self.matrix(drawn)


class Pointwise(Step):
    """Changes values, on the canvas as it is when the step is reached."""

    @abstractmethod
    def apply(self, pictures: Tensor, drawn: Tensor) -> Tensor:
        """Pictures ``(b, c, h, w)`` changed as drawn; differentiable."""


@final
@dataclass(frozen=True, eq=False)
class Move:
    """Geometric steps in a row as one: their map, the canvas that results, interpolations that each row is spared."""

    matrix: Matrices
    size: Size
    saved: Tensor
    most: int  # interpolations that a row can be spared


@final
@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of a chain for every row: each step's numbers, and the moves and pointwise steps that they make."""

    drawn: tuple[Tensor, ...]
    legs: tuple[Move | tuple[Pointwise, Tensor], ...]

    @property
    def move(self) -> Move:
        """The only move of a chain that is geometry alone."""
        (found,) = (leg for leg in self.legs if isinstance(leg, Move))
        return found

    def rows(self, some: slice) -> Draw:
        """The draw of some rows alone."""
        legs = tuple(
            Move(leg.matrix[some], leg.size, leg.saved[some], leg.most)
            if isinstance(leg, Move)
            else (leg[0], leg[1][some])
            for leg in self.legs
        )
        return Draw(tuple(one[some] for one in self.drawn), legs)


@final
@dataclass(frozen=True)
class Chain:
    """Steps in the order in which they happen to the picture."""

    steps: tuple[Step, ...] = ()

    @property
    def geometric(self) -> bool:
        """Whether it moves pixels and does nothing else to them."""
        return all(isinstance(step, Geometric) for step in self.steps)

    def sample(self, stream: Stream, picture: Size, when: Tensor | None = None) -> Draw:
        """One draw for pictures of ``picture`` pixels, a row per key of the stream."""
        when = torch.ones(len(stream), dtype=torch.float64) if when is None else when
        drawn = tuple(step.draw(stream.fold(index), when) for index, step in enumerate(self.steps))
        return self.compose(drawn, picture, len(stream))

    def canvas(self, picture: Size) -> Size:
        """The size of what the network is shown for pictures of ``picture``."""
        size = picture
        for step in self.steps:
            size = step.resize(size, picture)
        return size

    def compose(self, drawn: Sequence[Tensor], picture: Size, rows: int) -> Draw:
        """The draw that given numbers make."""
        legs: list[Move | tuple[Pointwise, Tensor]] = []
        size = picture
        for kind, run in groupby(zip(self.steps, drawn, strict=True), key=lambda one: isinstance(one[0], Geometric)):
            members: list[Any] = list(run)
            if kind:
                move = self._move(members, size, picture, rows)
                legs.append(move)
                size = move.size
            else:
                legs += members
        return Draw(tuple(drawn), tuple(legs))

    def _move(self, members: Sequence[tuple[Geometric, Tensor]], size: Size, picture: Size, rows: int) -> Move:
        total = torch.eye(3, dtype=torch.float64).expand(rows, 3, 3)
        count = torch.zeros(rows, dtype=torch.int64)
        for step, numbers in members:
            before, size = size, step.resize(size, picture)
            total = total @ step.between(numbers, before, size)
            count = count + step.interpolates(numbers)
            if min(size) < 1:
                raise BadSpec(
                    f"a picture of {picture[0]} x {picture[1]} is too small for {step}; "
                    "make it larger or use --transform none"
                )
        most = sum(1 for step, _ in members if type(step).interpolates is not Geometric.interpolates) - 1
        return Move(total, size, (count - 1).clamp(min=0), most)

    def apply(self, pictures: Images, draw: Draw, out: Size | None = None, box: Box | None = None) -> Tensor:
        """Pictures as the network is to see them, on the chain's canvas, or at ``out`` when it takes one size only.

        ``box``: this part of them alone, when the chain is geometry alone.
        """
        moves = [leg for leg in draw.legs if isinstance(leg, Move)]
        seen = part(fit(pictures, out), box) if not moves else pictures
        for leg in draw.legs:
            if isinstance(leg, Move):
                last = leg is moves[-1]
                soft = soften(seen - GREY, leg.saved, leg.most)
                seen = resample(soft, leg.matrix, leg.size, out if last else None, box if last else None) + GREY
            else:
                seen = leg[0].apply(seen, leg[1])
        return seen


def soften(pictures: Tensor, saved: Tensor, most: int) -> Tensor:
    """Rows softened as ``saved`` bilinear interpolations would on the average; ``most``: the most there can be.

    Zero is what lies outside.
    """
    for time in range(most):
        # a row that is not softened has neighbours of weight 0: one arithmetic for all rows
        aside = torch.where(saved > time, SOFT, 0.0).to(pictures.device, pictures.dtype)[:, None, None, None]
        made: Tensor = _Softer.apply(pictures, aside)
        pictures = made
    return pictures


class _Softer(torch.autograd.Function):
    """(a, 1 - 2a, a) down and across, zeros outside, ``a`` per row. It is its own transpose.

    In place on slices: much faster than a convolution, and than what autograd would make of the slices.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, aside: Tensor) -> Tensor:
        ctx.save_for_backward(aside)
        return _across(_across(x, aside, 3), aside, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (aside,) = ctx.saved_tensors
        return _across(_across(gradients[0], aside, 2), aside, 3), None


def _across(x: Tensor, aside: Tensor, dim: int) -> Tensor:
    found, inner = x * (1 - 2 * aside), x.shape[dim] - 1
    found.narrow(dim, 1, inner).addcmul_(x.narrow(dim, 0, inner), aside)
    found.narrow(dim, 0, inner).addcmul_(x.narrow(dim, 1, inner), aside)
    return found


def part(pictures: Tensor, box: Box | None) -> Tensor:
    """A part of pictures, or all of them."""
    return pictures if box is None else pictures[:, :, box[0] : box[2], box[1] : box[3]]


def resample(pictures: Images, matrix: Matrices, canvas: Size, out: Size | None = None, box: Box | None = None) -> Seen:
    """One bilinear resampling of ``pictures`` onto a canvas, sampled at ``out`` points (of these in ``box`` alone);
    zero outside."""
    height, width = pictures.shape[2:]
    rows, columns = out or canvas
    top, left, bottom, right = box or (0, 0, rows, columns)
    tall, wide = canvas[0] / rows, canvas[1] / columns  # pixels of the canvas between points
    into = torch.tensor([
        [wide * (right - left) / 2, 0.0, wide * (left + right - columns) / 2],
        [0.0, tall * (bottom - top) / 2, tall * (top + bottom - rows) / 2],
        [0.0, 0.0, 1.0],
    ], dtype=torch.float64)  # fmt: skip
    back = torch.tensor([2 / width, 2 / height], dtype=torch.float64)
    theta = (back[:, None] * (matrix[:, :2] @ into)).float().to(pictures.device)
    grid = F.affine_grid(theta, [len(pictures), pictures.shape[1], bottom - top, right - left], align_corners=False)
    return F.grid_sample(pictures, grid.to(pictures.dtype), padding_mode="zeros", align_corners=False)


def fit(pictures: Images, out: Size | None) -> Seen:
    """Pictures at the one size that a network takes; unchanged when they have it or when it takes any."""
    if out is None or tuple(pictures.shape[2:]) == out:
        return pictures
    return F.interpolate(pictures, out, mode="bilinear", antialias=True, align_corners=False)
