"""Where a unit's activation on a made picture lies among real pictures, when a scan tells."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import final

import torch

from ..models.network import Network
from ..objectives import Channel, Logit, Neuron, Objective, Probability, Term
from ..result import Natural
from ..store.facts import Facts, Statistic
from ..store.place import Place
from ..store.scans import Scan, find
from .look import Seen
from .measure import heaviest

VARIABLE = "PHOSPHENE_STORE"  # the store when none is named


@final
@dataclass(frozen=True, eq=False)
class Naturals:
    """What the scans of a store say about pictures made for units of a network."""

    place: Place | None
    network: Network
    _known: dict[str, Scan | None] = field(default_factory=dict)

    @classmethod
    def at(cls, store: str | Naturals | None, network: Network) -> Naturals:
        """The store that is named, or opened; else that of the environment, else none."""
        if isinstance(store, Naturals):
            return store
        url = store if store is not None else os.environ.get(VARIABLE)
        return cls(Place(str(url)) if url else None, network)

    def of(self, objective: Objective, seen: Seen, row: int) -> Natural | None:
        """Percentile and ratio of the heaviest unit's activation on picture ``row``; None where no scan knows it."""
        term = heaviest(objective)
        if self.place is None or not isinstance(term, Channel | Neuron | Logit | Probability):
            return None
        layer = term.reads[0]
        if layer not in self._known:
            self._known[layer] = find(self.place, layer, fingerprint=self.network.fingerprint)
        scan = self._known[layer]
        value, statistic = _value(term, seen, row)
        if scan is None or value is None:
            return None
        facts = scan.unit(layer, _channel(term))
        weight = next(weight for weight, one in objective.terms if one is term)
        return _placed(facts, scan, value, statistic, weight)


def _channel(term: Term) -> int:
    return int(term.label) if isinstance(term, Logit | Probability) else int(term.channel)  # type: ignore[attr-defined]


def _value(term: Term, seen: Seen, row: int) -> tuple[float | None, Statistic]:
    """The unit's activation on the picture, and what real pictures it is held against."""
    layer, channel = term.reads[0], _channel(term)
    if not isinstance(term, Neuron):
        value = seen.means[layer][row, channel]
        return (float(value) if bool(torch.isfinite(value)) else None), "mean"
    if layer not in seen.maps:  # a large picture that was looked at in pieces
        return None, "point"
    acts = seen.maps[layer][row, channel]
    value = acts[term.spot(tuple(acts.shape))]
    return (float(value) if bool(torch.isfinite(value)) else None), "point"


def _placed(facts: Facts, scan: Scan, value: float, statistic: Statistic, weight: float) -> Natural:
    least, greatest = facts.ends("max" if statistic == "point" else statistic)
    extreme = greatest if weight > 0 else least
    ratio = value / extreme if extreme and extreme * weight > 0 else None
    return Natural(
        scan=scan.id,
        pictures=facts.pictures,
        statistic=statistic,
        value=value,
        percentile=round(facts.percentile(value, statistic), 4),
        extreme=extreme,
        ratio=None if ratio is None else round(ratio, 4),
    )
