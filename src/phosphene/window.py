"""Single neurons see only their receptive fields: the part of a picture that alone has to be run for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import PhospheneError
from .models.layers import Layer
from .models.network import Network
from .objectives import Objective, Term
from .tap import Tap
from .transforms import Box, Chain, part

WORTH = 0.7  # of the picture's area: a larger window is not worth it
CLOSE = 1e-4  # how far values and gradients may be from those of the whole picture, relative to the largest

Size = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """``box``: a part of what the network is shown. ``maps``: layer -> where the box's map lies in the whole map (row,
    column), and the whole map's size."""

    box: Box
    maps: Mapping[str, tuple[Size, Size]]

    @property
    def size(self) -> Size:
        top, left, bottom, right = self.box
        return bottom - top, right - left

    def placed(self, maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The box's maps at their places in whole maps, zero elsewhere, so that positions mean what they always do."""
        found = {}
        for layer, values in maps.items():
            (y, x), (height, width) = self.maps[layer]
            rows, columns = values.shape[2:]
            found[layer] = F.pad(values, (x, width - x - columns, y, height - y - rows))
        return found


Spots = tuple[tuple[str, Size], ...]  # layer, position in its map of what the network is shown


class Windows:
    """What neurons see of pictures of one size under a chain of transforms."""

    def __init__(self, network: Network, chain: Chain, picture: Size) -> None:
        self.network = network
        only = network.preprocessing.size[1:] if network.preprocessing.fixed else None
        self._bare, self._shown = only or picture, only or chain.canvas(picture)
        self._found: dict[Spots, Window | None] = {}

    def of(self, objective: Objective) -> Window | None:
        """The window that ``objective`` needs; None where that is the whole picture, or nearly.

        None too when a term looks at more than one position, or when a try on noise shows that the window is not all:
        fields are told from the graph, and a layer may depend on the picture's size.
        """
        terms = [term for _, term in objective.terms if term.reads]
        if not terms or not all(term.pointed for term in terms):
            return None
        try:
            spots = tuple((layer, self._spot(term, layer)) for term in terms for layer in term.reads)
            if spots not in self._found:
                window = _around(self.network.runs_at(self._shown), self.network, spots, self._shown)
                fits = window is not None and _enough(self.network, spots, window, self._shown)
                self._found[spots] = window if fits else None
            return self._found[spots]
        except PhospheneError:  # whoever makes the picture meets it again, and says it in terms of what was asked
            return None

    def _spot(self, term: Term, layer: str) -> Size:
        """The position in the map of what the network is shown, which a transform may have padded."""
        info, call = self.network.find(layer)
        small = self.network.runs_at(self._bare)[info.name][call].size
        large = self.network.runs_at(self._shown)[info.name][call].size
        y, x = term.spot(small)
        return y + (large[0] - small[0]) // 2, x + (large[1] - small[1]) // 2


def _around(runs: Mapping[str, Sequence[Layer]], network: Network, spots: Spots, shown: Size) -> Window | None:
    """The smallest box that holds all that the spots see and begins where every layer's positions begin anew."""
    boxes, steps, sizes = [], [], {}
    for layer, spot in spots:
        info, call = network.find(layer)
        run = runs[info.name][call]
        if run.reach is None or run.kind != "map":
            return None
        reach = run.reach
        low = [p * s + a for p, s, a in zip(spot, reach.step, reach.low, strict=True)]
        high = [p * s + a + 1 for p, s, a in zip(spot, reach.step, reach.high, strict=True)]
        boxes.append((*low, *high))
        steps.append(reach.step)
        sizes[layer] = (run.size[0], run.size[1]), reach.step
    step = [math.lcm(*(s[axis] for s in steps)) for axis in (0, 1)]
    low = [_inside(min(box[axis] for box in boxes), shown[axis]) // step[axis] * step[axis] for axis in (0, 1)]
    last = [_inside(max(box[2 + axis] for box in boxes) - 1, shown[axis]) for axis in (0, 1)]
    high = [min(shown[axis], (last[axis] // step[axis] + 1) * step[axis]) for axis in (0, 1)]
    if (high[0] - low[0]) * (high[1] - low[1]) > WORTH * shown[0] * shown[1]:
        return None
    maps = {layer: ((low[0] // s[0], low[1] // s[1]), size) for layer, (size, s) in sizes.items()}
    return Window((low[0], low[1], high[0], high[1]), maps)


def _inside(pixel: int, size: int) -> int:
    """The nearest pixel that there is; a corner may see padding alone."""
    return min(max(0, pixel), size - 1)


def _enough(network: Network, spots: Spots, window: Window, shown: Size) -> bool:
    """Whether values at the spots, and their gradients, are the same from the window alone, on noise."""
    layers = [layer for layer, _ in spots]
    noise = torch.rand(1, network.preprocessing.size[0], *shown, generator=torch.Generator().manual_seed(0))
    results = []
    with network.frozen(), Tap(network, layers) as tap:
        for box in (None, window.box):
            leaf = noise.to(network.device).requires_grad_()
            maps = tap(part(leaf, box), redirect=True)  # through blocked ReLUs too
            maps = maps if box is None else window.placed(maps)
            values = torch.stack([maps[layer][0, :, y, x].sum() for layer, (y, x) in spots])
            (gradient,) = torch.autograd.grad(values.sum(), leaf)
            results += [(values.detach(), gradient)]
    return all(
        float((whole - cut).abs().max()) <= CLOSE * max(1e-6, float(whole.abs().max()))
        for whole, cut in zip(*results, strict=True)
    )
