"""What is measured about finished pictures: scores clean and transformed, rank among siblings, spectrum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from einops import reduce
from torch import Tensor

from ..address import OUTPUT
from ..objectives import Activations, Channel, Logit, Neuron, Objective, PerRow, Probability, Term
from ..result import Sibling
from ..rng import Stream
from ..shapes import Images, Scores
from ..tap import Tap
from ..transforms import Chain, fit

TOP = 3


def observe(tap: Tap, pictures: Images) -> Activations:
    """Activations of bare pictures, without gradients, with the frame that positions refer to."""
    with torch.no_grad():
        maps = tap(fit(pictures, tap.only_size))
    return Activations(maps, pictures, {name: tuple(acts.shape[2:]) for name, acts in maps.items()})


def robust(
    tap: Tap, objective: PerRow, pictures: Images, chain: Chain, stream: Stream, draws: int,
    frame: Mapping[str, tuple[int, ...]],
) -> Scores:  # fmt: skip
    """Mean score over ``draws`` fresh draws of ``chain``, independent of those of the ascent."""
    total = torch.zeros(len(pictures), device=pictures.device)
    with torch.no_grad():
        for index in range(draws):
            draw = chain.sample(stream.fold("robust", index), (pictures.shape[2], pictures.shape[3]))
            maps = tap(chain.apply(pictures, draw, tap.only_size))
            total = total + objective.score(Activations(maps, pictures, frame))
    return total / draws


def heaviest(objective: Objective) -> Term | None:
    """The unit with the largest weight: the one that a picture is said to show."""
    units = [
        (abs(weight), term)
        for weight, term in objective.terms
        if isinstance(term, Channel | Neuron | Logit | Probability)
    ]
    return max(units, key=lambda pair: pair[0])[1] if units else None


def rank(
    term: Term | None, acts: Activations, row: int, labels: Sequence[str] | None
) -> tuple[int | None, int | None, tuple[Sibling, ...]]:
    """Rank of a unit among the units of its layer on one picture, their number, and those that fire most.

    Channels are compared by their mean over positions, classes by their logits.
    """
    if not isinstance(term, Channel | Neuron | Logit | Probability):
        return None, None, ()
    layer = term.reads[0]
    values = reduce(acts[layer][row].float(), "c ... -> c", "mean").cpu()
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
    height, width = pictures.shape[2:]
    fy = torch.fft.fftfreq(height, device=pictures.device)[:, None]
    fx = torch.fft.fftfreq(width, device=pictures.device)[None, :]
    energy = torch.fft.fft2(pictures).abs() ** 2
    energy = energy * ((fx != 0) | (fy != 0))
    fine = torch.sqrt(fx**2 + fy**2) > 0.25
    total: Tensor = energy.sum((1, 2, 3))
    share: Tensor = (energy * fine).sum((1, 2, 3)) / total.clamp(min=math.ldexp(1, -60))
    return share
