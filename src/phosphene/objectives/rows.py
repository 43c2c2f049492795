"""Many jobs in one batch: row i is scored under its own objective, and under what its group asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import torch

from ..shapes import Scores
from .base import Activations, Objective, sum_of_terms
from .groups import Group


@final
@dataclass(frozen=True)
class PerRow:
    """``views``: how often the rows stand one after the other, each time under other transforms. ``group``: what
    couples them, ``size`` rows at a time, or all of them."""

    objectives: tuple[Objective, ...]
    group: Group | None = None
    views: int = 1
    size: int | None = None

    @property
    def alone(self) -> PerRow:
        """The same without group and views: what finished pictures are scored by."""
        return PerRow(self.objectives)

    def seen(self, views: int) -> PerRow:
        """The same for rows that stand ``views`` times one after the other."""
        return replace(self, views=views)

    def score(self, acts: Activations) -> Scores:
        own = sum_of_terms(self.objectives * self.views, acts)
        if self.group is None:
            return own
        rows = torch.arange(len(own), device=own.device).view(-1, self.size or len(self.objectives))
        shares = torch.cat([self.group.penalty(acts.rows(one)) for one in rows])
        return own - self.group.strength * self.group.unit(own) * shares

    @property
    def compares(self) -> bool:
        """Whether any row compares its picture with a reference photo."""
        return any(objective.compares for objective in self.objectives)

    @property
    def layers(self) -> tuple[str, ...]:
        own = (layer for objective in self.objectives for layer in objective.layers)
        return tuple(dict.fromkeys((*own, *(() if self.group is None else (self.group.layer,)))))

    @property
    def channels(self) -> dict[str, frozenset[int]]:
        """Layer -> the only channels of it that any row looks at; layers that someone looks at whole are left out."""
        found: dict[str, list[frozenset[int] | None]] = {}
        for objective in self.objectives:
            for _, term in objective.terms:
                for layer in term.reads:
                    found.setdefault(layer, []).append(term.channels)
        if self.group is not None:
            found.setdefault(self.group.layer, []).append(None)
        return {layer: frozenset().union(*(one for one in seen if one is not None))
                for layer, seen in found.items() if None not in seen}  # fmt: skip
