"""What the pictures of a group owe each other: to differ, or to be aligned. The only thing that couples rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from einops import rearrange
from torch import Tensor

from ..errors import BadSpec
from ..registry import Registry
from ..shapes import Scores
from .base import Activations

groups: Registry[type[Group]] = Registry("group")


@dataclass(frozen=True)
class Group(ABC):
    """``layer``: where the pictures are compared. ``strength``: the factor on the group's score."""

    layer: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength < float("inf"):
            raise BadSpec(f"the strength of a group is 0 or more, not {self.strength}")

    def unit(self, scores: Scores) -> Scores:
        """What a penalty of 1 costs each row; held fixed while it is differentiated."""
        return torch.ones_like(scores)

    @abstractmethod
    def penalty(self, acts: Activations) -> Scores:
        """Each row's share of what is to be small, ``(b,)``; the shares' sum is the group's penalty."""


@final
@groups.register("diversity")
@dataclass(frozen=True)
class Diversity(Group):
    """D = 1/B sum over pairs a != b of the cosine of their Gram matrices (Olah 2017).

    A Gram matrix says which channels fire together, wherever that is. Between 0 and B - 1. What it costs a row
    is counted in the row's own score of the moment: a picture that does not fire yet would rather differ than fire.
    """

    def unit(self, scores: Scores) -> Scores:
        return scores.detach().clamp(min=0)

    def penalty(self, acts: Activations) -> Scores:
        alike = gram_cosines(acts[self.layer])
        return (alike.sum(1) - alike.diagonal()) / len(alike)


def gram_cosines(maps: Tensor) -> Tensor:
    """``(b, b)``: cosines of the rows' Gram matrices; 1 for the same textures, at any strength."""
    flat = rearrange(maps, "b c ... -> b c (...)") if maps.ndim > 2 else maps[:, :, None]
    gram = torch.einsum("bip,bjp->bij", flat, flat).flatten(1)
    gram = gram / gram.norm(dim=1, keepdim=True).clamp(min=1e-12)
    alike: Tensor = gram @ gram.T
    return alike


@final
@groups.register("alignment")
@dataclass(frozen=True)
class Alignment(Group):
    """Sum over d = 1 to 4 of the mean squared differences of frames d apart, over 2^d (Mordvintsev 2018)."""

    strength: float = 0.1

    def penalty(self, acts: Activations) -> Scores:
        maps = acts[self.layer]
        share = torch.zeros(len(maps), device=maps.device)
        for apart in range(1, min(5, len(maps))):
            change = (maps[:-apart] - maps[apart:]).flatten(1).square().mean(1) / 2**apart
            zero = share.new_zeros(apart)
            share = share + 0.5 * (torch.cat([change, zero]) + torch.cat([zero, change]))
        return share
