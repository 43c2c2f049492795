"""Does a map depend on what the network has learned? Weights shuffled layer by layer from the top (Adebayo 2018)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..address import OUTPUT
from ..errors import BadSpec, ModelError
from ..models.network import Network, first_line
from ..objectives import Objective, PerRow
from ..rng import Stream
from ..shapes import Images
from .methods import Attribution, attribute_rows, explainable

FEWEST = 5  # stages below which names are taken one dot further


@final
@dataclass(frozen=True)
class Randomised:
    """A method's maps when all weights from the target down to ``layer`` are shuffled, against the original ones.

    ``spearman``: rank correlation of ``map``; ``pearson``: correlation of ``signed``; means over the pictures, of which
    ``silent`` gave no map and do not count; None when none is left.
    """

    method: str
    layer: str
    spearman: float | None
    pearson: float | None
    silent: int
    attribution: Attribution = field(repr=False, compare=False)


def randomised(
    network: Network,
    objectives: Sequence[Objective],
    pictures: Images,
    methods: Sequence[str],
    *,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> list[Randomised]:
    """A row for each stage and method, stages from the target down to the picture.

    Each weight tensor's values are put in another order, so its distribution stays; what a normalisation holds per
    channel moves together. The network itself is not touched: a copy is. ``tell``: called with each stage's name.
    """
    explainable(*objectives)
    before = {name: attribute_rows(network, objectives, pictures, name) for name in methods}
    try:
        other = copy.deepcopy(network)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ModelError(
            f"{network.name} cannot be copied, so its weights not shuffled: {first_line(error)}"
        ) from error
    rows = []
    for layer, modules in stages(network, objectives):
        if tell is not None:
            tell(layer)
        for name, module in ((one, other.module.get_submodule(one)) for one in modules):
            shuffle(module, Stream.of([seed]).fold("randomise", name))
        for name in methods:
            after = attribute_rows(other, objectives, pictures, name)
            rows.append(Randomised(name, layer, *_alike(before[name], after), after))
    return rows


def stages(network: Network, objectives: Sequence[Objective]) -> list[tuple[str, list[str]]]:
    """Names of modules with weights on the way to the objectives, in groups, the last in the forward first.

    Names are cut after the first dots that give at least FEWEST groups. Raises BadSpec when there are no weights.
    """
    order = {name: place for place, name in enumerate(network.runs)}
    layers = [layer for layer in PerRow(tuple(objectives)).layers if layer != OUTPUT]
    whole = len(layers) < len(PerRow(tuple(objectives)).layers)
    last = len(order) if whole else max(order[network.find(layer)[0].name] for layer in layers)
    places = {}
    for name, module in network.module.named_modules():
        if any(tensor.is_floating_point() for tensor in _weights(module)):
            # a module that is not called itself, such as one part of an attention, counts with what holds it
            ran = next((one for one in _upwards(name) if one in order), None)
            place = -1 if ran is None else order[ran]
            if place <= last:
                places[name] = place
    if not places:
        raise BadSpec(f"there are no weights of {network.name} on the way to the target, so nothing to shuffle")
    depth = max(name.count(".") + 1 for name in places)
    for dots in range(1, depth + 1):
        groups: dict[str, list[str]] = {}
        for name in sorted(places, key=lambda one: -places[one]):
            groups.setdefault(".".join(name.split(".")[:dots]) or "input", []).append(name)
        if len(groups) >= FEWEST:
            break
    return list(groups.items())


def shuffle(module: nn.Module, stream: Stream) -> None:
    """Put the values of a module's own weights, and of a normalisation's running statistics, in another order.

    Tensors of equal length move together: mean, variance, scale and shift of a channel stay one channel's.
    """
    with torch.no_grad():
        for tensor in _weights(module):
            if tensor.is_floating_point():
                drawn = stream.fold(tensor.numel()).field(tensor.numel(), law="uniform")[0]
                order = drawn.argsort(stable=True).to(tensor.device)
                tensor.copy_(tensor.flatten()[order].view_as(tensor))


def _weights(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters(recurse=False)
    yield from (one for name, one in module.named_buffers(recurse=False) if name.startswith("running_"))


def _upwards(name: str) -> Iterator[str]:
    """A module's name and those of all that hold it."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _alike(before: Attribution, after: Attribution) -> tuple[float | None, float | None, int]:
    """Mean correlations over the rows in which both have a map, and how many have none."""
    silent = [a or b for a, b in zip(before.silent, after.silent, strict=True)]
    rows = [row for row, none in enumerate(silent) if not none]
    if not rows:
        return None, None, len(silent)
    ranked, plain = 0.0, 0.0
    for row in rows:
        ranked += correlation(*(ranks(one.map[row].cpu().numpy()) for one in (before, after)))
        plain += correlation(*(one.signed[row].cpu().numpy() for one in (before, after)))
    return ranked / len(rows), plain / len(rows), sum(silent)


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks from 1, flat; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = counts.cumsum() - (counts - 1) / 2
    found: NDArray[np.float64] = middle[place.reshape(-1)]
    return found


def correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Pearson's, of all values; 0 when one of them does not vary."""
    a, b = (one.astype(np.float64).reshape(-1) for one in (a, b))
    a, b = a - a.mean(), b - b.mean()
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0
