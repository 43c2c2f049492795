"""A small scan whose activations are all known: the facts of it can be counted by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from nets import two
from numpy.typing import NDArray

from phosphene.examples import scan
from phosphene.models.network import Network
from phosphene.store.scans import Scan
from phosphene.tap import Tap

PICTURES, BATCH, K, MANY, SAMPLE = 150, 16, 7, 80, 40
LAYERS = ("first", "relu1", "second", "relu2", "@output")
DEAD, FLAT, ON, LEFT, RIGHT, RARE = range(6)  # the channels of relu1


def network() -> Network:
    """``two()``, its first layer set by hand: a dead unit, one that never changes, one that is always on, two that are
    alike but for their scale, and one that fires on few pictures."""
    net = two()
    first = net.module.first
    with torch.no_grad():
        first.bias.zero_()
        first.bias[DEAD] = -100
        first.weight[FLAT], first.bias[FLAT] = 0, 0.75
        first.weight[ON], first.bias[ON] = first.weight[ON].abs(), 0.5
        first.bias[LEFT] = -0.05
        first.weight[RIGHT], first.bias[RIGHT] = first.weight[LEFT] * 2, -0.1
        first.weight[RARE] = first.weight[RARE].abs()
        first.bias[RARE] = -0.8 * float(first.weight[RARE].sum())
    return net


def pictures() -> list[NDArray[np.uint8]]:
    """Noise of different brightness and contrast, some of it twice."""
    rng = np.random.default_rng(3)
    made = [
        np.clip(rng.uniform(20, 200) + rng.uniform(2, 60) * rng.standard_normal((12, 12, 3)), 0, 255).astype(np.uint8)
        for _ in range(PICTURES)
    ]
    for place in range(0, PICTURES, 10):  # ties: the earlier one comes first
        made[-1 - place] = made[place]
    return made


@dataclass(frozen=True)
class Scanned:
    """A scan, and the activations ``(pictures, units, ...)`` of its layers, from batches of the same pictures."""

    scan: Scan
    acts: dict[str, NDArray[np.float32]]

    def map(self, layer: str, unit: int) -> NDArray[np.float32]:
        """``(pictures, positions)``"""
        acts = self.acts[layer][:, unit]
        return acts.reshape(len(acts), -1)

    def values(self, layer: str, unit: int, statistic: str) -> NDArray[np.float64]:
        """A number per picture, in double precision."""
        found = self.map(layer, unit)
        if statistic == "max":
            return found.max(1).astype(np.float64)
        if statistic == "point":
            drawn = [_drawn(number, found.shape[1]) for number in range(len(found))]
            return found[np.arange(len(found)), drawn].astype(np.float64)
        means = torch.from_numpy(self.acts[layer]).flatten(2).mean(2) if self.acts[layer].ndim > 2 else found[:, 0]
        return np.asarray(means[:, unit] if isinstance(means, torch.Tensor) else means, np.float64)


def _drawn(number: int, positions: int) -> int:
    """The position of a picture's point: SplitMix64's upper 31 bits."""
    most, salt = 2**64 - 1, 0x9E3779B97F4A7C15
    z = (number * salt + salt) & most
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & most
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & most
    return ((z ^ (z >> 31)) >> 33) % positions


def scanned(folder: Path) -> Scanned:
    net, shown = network(), pictures()
    found = scan(net, shown, store=str(folder), layers=["first", "relu1", "second", "relu2", "logit"], k=K, many=MANY,
                 sample=SAMPLE, batch=BATCH, workers=0)  # fmt: skip
    assert found is not None
    images = torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2).contiguous().float() / 255
    with net.frozen(), torch.no_grad(), Tap(net, LAYERS) as tap:
        batches = [tap(batch) for batch in images.split(BATCH)]
    acts = {layer: torch.cat([batch[layer] for batch in batches]).numpy() for layer in LAYERS}
    return Scanned(found, acts)
