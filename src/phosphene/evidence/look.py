"""Looking at pictures without gradients: bare, and under fresh transforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import torch
from einops import reduce
from torch import Tensor

from ..objectives import Activations, PerRow
from ..rng import Stream
from ..shapes import Images, Scores
from ..tap import Tap
from ..tiles import boxes
from ..transforms import Chain, Composite, fit, preset

LARGE, TILE = 2**20, 512  # pictures of more pixels are looked at in pieces of this size


@final
@dataclass(frozen=True, eq=False)
class Seen:
    """``means``: layer -> ``(b, c)``, mean over positions. ``maps`` and ``frame``: whole maps and their sizes, unless
    the pictures were looked at in pieces."""

    scores: Scores
    means: Mapping[str, Tensor]
    maps: Mapping[str, Tensor] = field(default_factory=dict)
    frame: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@final
@dataclass(frozen=True, eq=False)
class Look:
    """``tap``: open, and exact. ``chain``: of the ascent. ``reference``: the photo that pictures are compared with.

    ``tile``: pictures are looked at in pieces of this size, as they were made.
    """

    tap: Tap
    objective: PerRow
    chain: Chain
    reference: Images | None = None
    tile: int | None = None

    def at(self, pictures: Images) -> Seen:
        """Bare pictures; one with an opacity lies on grey. Large ones in pieces, whose means count."""
        shown = self._flat(pictures)
        size = shown.shape[2], shown.shape[3]
        tile = self.tile or (TILE if size[0] * size[1] > LARGE and self.tap.only_size is None else None)
        with torch.no_grad():
            if tile is None or max(size) <= tile:
                acts = self._acts(fit(shown, self.tap.only_size), pictures)
                return Seen(self.objective.score(acts), _means(acts), acts.maps, acts.frame)
            pieces = [
                self._acts(shown[:, :, top:bottom, left:right], shown[:, :, top:bottom, left:right])
                for top, left, bottom, right in boxes(size, tile, self.tap.only_size)
            ]
            means = [_means(acts) for acts in pieces]
            return Seen(
                torch.stack([self.objective.score(acts) for acts in pieces]).mean(0),
                {layer: torch.stack([one[layer] for one in means]).mean(0) for layer in means[0]},
            )

    def robust(
        self, pictures: Images, stream: Stream, draws: int, frame: Mapping[str, tuple[int, ...]]
    ) -> tuple[Scores, str]:
        """Mean score over fresh draws, independent of those of the ascent and from all its stages; and their name.

        Pictures that were made without transforms are measured under ``lucid``.
        """
        chain, under = (self.chain, "own") if self.chain.steps else (preset("lucid"), "lucid")
        total = torch.zeros(len(pictures), device=pictures.device)
        size, only = (pictures.shape[2], pictures.shape[3]), self.tap.only_size if self.tile is None else None
        with torch.no_grad():
            for index in range(draws):
                when = torch.full((len(pictures),), (index + 0.5) / draws, dtype=torch.float64)
                draw = chain.sample(stream.fold("robust", index), size, when)
                seen = chain.apply(pictures, draw, only)
                if self.tile is not None:
                    total = total + self.at(seen).scores
                    continue
                reference = {}
                if self.reference is not None and self.objective.compares:
                    reference = self.tap(chain.apply(self.reference.expand(*pictures.shape), draw, only))
                acts = Activations(self.tap(seen), pictures, frame, reference)
                total = total + self.objective.score(acts)
        return total / draws, under

    def _flat(self, pictures: Images) -> Tensor:
        """Pictures as the network can take them."""
        if not any(isinstance(step, Composite) for step in self.chain.steps):
            return pictures
        return Composite(grain=0).apply(pictures, torch.zeros(len(pictures), 1, dtype=torch.int64))

    def _acts(self, shown: Tensor, pictures: Tensor) -> Activations:
        maps = self.tap(shown)
        reference = {}
        if self.reference is not None and self.objective.compares:
            photo = fit(self.reference, self.tap.only_size)
            reference = {name: acts.expand_as(maps[name]) for name, acts in self.tap(photo).items()}
        return Activations(maps, pictures, {name: tuple(acts.shape[2:]) for name, acts in maps.items()}, reference)


def observe(tap: Tap, pictures: Images) -> Activations:
    """Activations of bare pictures, without gradients, with the frame that positions refer to."""
    with torch.no_grad():
        maps = tap(fit(pictures, tap.only_size))
    return Activations(maps, pictures, {name: tuple(acts.shape[2:]) for name, acts in maps.items()})


def _means(acts: Activations) -> dict[str, Tensor]:
    return {layer: reduce(maps.float(), "b c ... -> b c", "mean") for layer, maps in acts.maps.items()}
