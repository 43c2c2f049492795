"""What is measured about finished pictures: rank among siblings, spectrum, likeness within a group, opacity."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..address import OUTPUT
from ..objectives import Channel, Diversity, Group, Logit, Neuron, Objective, Probability, Term, gram_cosines
from ..result import Sibling
from ..shapes import Images
from .look import Seen

TOP = 3


def heaviest(objective: Objective) -> Term | None:
    """The unit with the largest weight: the one that a picture is said to show."""
    units = [
        (abs(weight), term)
        for weight, term in objective.terms
        if isinstance(term, Channel | Neuron | Logit | Probability)
    ]
    return max(units, key=lambda pair: pair[0])[1] if units else None


def rank(
    term: Term | None, seen: Seen, row: int, labels: Sequence[str] | None
) -> tuple[int | None, int | None, tuple[Sibling, ...]]:
    """Rank of a unit among the units of its layer on one picture, their number, and those that fire most.

    Channels are compared by their mean over positions, classes by their logits.
    """
    if not isinstance(term, Channel | Neuron | Logit | Probability):
        return None, None, ()
    layer = term.reads[0]
    values = seen.means[layer][row].cpu()
    own = int(term.label) if isinstance(term, Logit | Probability) else term.channel
    if not bool(torch.isfinite(values).all()):
        return None, len(values), ()
    place = 1 + int((values > values[own]).sum())
    top = values.argsort(descending=True, stable=True)[:TOP].tolist()
    return place, len(values), tuple(Sibling(_called(layer, unit, labels), float(values[unit])) for unit in top)


def _called(layer: str, unit: int, labels: Sequence[str] | None) -> str:
    if layer != OUTPUT:
        return f"{layer}:{unit}"
    return labels[unit] if labels is not None and unit < len(labels) else f"logit:{unit}"


def high_frequency(pictures: Images) -> Tensor:
    """``(b,)``: share of spectral energy, without the mean, at more than .25 cycles per pixel; 0 for a flat picture."""
    return torch.cat([_high_frequency(one) for one in pictures[:, None]])  # a transform of many rounds otherwise


def _high_frequency(pictures: Images) -> Tensor:
    height, width = pictures.shape[2:]
    fy = torch.fft.fftfreq(height, device=pictures.device)[:, None]
    fx = torch.fft.fftfreq(width, device=pictures.device)[None, :]
    energy = torch.fft.fft2(pictures).abs() ** 2
    energy = energy * ((fx != 0) | (fy != 0))
    fine = torch.sqrt(fx**2 + fy**2) > 0.25
    total: Tensor = energy.sum((1, 2, 3))
    share: Tensor = (energy * fine).sum((1, 2, 3)) / total.clamp(min=math.ldexp(1, -60))
    return share


def similarity(seen: Seen, group: Group | None, size: int) -> list[list[list[float]]] | None:
    """How alike the pictures of each group of ``size`` are, pair by pair: cosines of Gram matrices at its layer."""
    if not isinstance(group, Diversity):
        return None
    maps = seen.maps[group.layer]
    every = (gram_cosines(maps[at : at + size]) for at in range(0, len(maps), size))
    return [[[round(float(value), 4) for value in row] for row in alike] for alike in every]


def transparency(attention: Tensor) -> Tensor:
    """Summed gradient magnitudes ``(b, 1, h, w)`` as an opacity: 0 where least, 1 from the 80th percentile on (Fel
    2023)."""
    flat = attention.flatten(1)
    low, high = flat.amin(1), flat.quantile(0.8, dim=1)
    scaled: Tensor = (attention - low.view(-1, 1, 1, 1)) / (high - low).clamp(min=1e-20).view(-1, 1, 1, 1)
    return scaled.clamp(0, 1)


def slope(pictures: Images) -> Tensor:
    """``(b,)``: slope of log power over log frequency, radial means from 2 cycles per picture to a half per pixel."""
    height, width = pictures.shape[2:]
    power = torch.fft.fft2(pictures.double() - pictures.double().mean((2, 3), keepdim=True)).abs().square().mean(1)
    fy = torch.fft.fftfreq(height, device=pictures.device, dtype=torch.float64)[:, None]
    fx = torch.fft.fftfreq(width, device=pictures.device, dtype=torch.float64)[None, :]
    ring = (torch.sqrt(fx**2 + fy**2) * min(height, width)).round().to(torch.int64)
    rings = torch.arange(2, min(height, width) // 2 + 1, device=pictures.device)
    if len(rings) < 2:
        return torch.zeros(len(pictures))
    means = torch.stack([power[:, ring == one].mean(1) for one in rings], dim=1)
    x, y = rings.double().log(), means.clamp(min=1e-20).log()
    x = x - x.mean()
    fitted: Tensor = ((y - y.mean(1, keepdim=True)) * x).sum(1) / x.square().sum()
    return fitted.float()
