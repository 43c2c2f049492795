"""What finished pictures score on any target: for tables that set pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .evidence import Look, slope
from .models.network import Network
from .objectives import Objective, PerRow, gram_cosines
from .result import Result
from .rng import Stream
from .tap import Tap
from .transforms import Chain, fit, preset


def tensor_of(results: Sequence[Result], network: Network) -> Tensor:
    """The pictures as saved, ``(b, c, h, w)`` in [0, 1], without their opacity."""
    rows = [torch.from_numpy(one.pixels).permute(2, 0, 1).float() / 255 for one in results]
    channels = network.preprocessing.size[0]
    return torch.stack([row[:channels] for row in rows]).to(network.device)


def scores(network: Network, results: Sequence[Result], objectives: Sequence[Objective]) -> list[list[float]]:
    """Row i: what picture i scores on each objective, bare and exact."""
    pictures = tensor_of(results, network)
    columns = []
    for objective in objectives:
        rows = PerRow((objective,) * len(results))
        with network.frozen(), Tap(network, rows.layers) as tap:
            columns.append(Look(tap, rows, Chain()).at(pictures).scores.tolist())
    return [list(row) for row in zip(*columns, strict=True)]


def under(network: Network, result: Result, objective: Objective, chain: str = "lucid", draws: int = 16) -> float:
    """What one picture scores on the average under fresh draws of a chain, the same ones for every picture."""
    pictures, rows = tensor_of([result], network), PerRow((objective,))
    with network.frozen(), Tap(network, rows.layers) as tap:
        look = Look(tap, rows, preset(chain))
        seen = look.at(pictures)
        return float(look.robust(pictures, Stream.of([0], network.device), draws, seen.frame)[0][0])


def alike(network: Network, results: Sequence[Result], layer: str) -> list[list[float]]:
    """Cosines of the pictures' Gram matrices at a layer."""
    with network.frozen(), Tap(network, [layer]) as tap, torch.no_grad():
        maps = tap(fit(tensor_of(results, network), tap.only_size))[layer]
    return [[round(float(value), 4) for value in row] for row in gram_cosines(maps)]


def spectrum_slope(network: Network, result: Result) -> float:
    """The slope of the picture's power spectrum, log over log: about -2 for photographs, 0 for white noise."""
    return float(slope(tensor_of([result], network))[0])
