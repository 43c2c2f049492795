"""The kinds of real pictures that fire a unit, and what the pictures of each have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import BadSpec
from ..models.network import Network
from ..objectives import Objective
from ..result import Pixels
from ..store.facts import Example
from ..store.scans import Scan, shown_layer
from ..tap import Tap
from .cluster import Clusters, check_there, clusters
from .shots import TOGETHER, Shot, pictures_of, pixels_of, place_of, same_network, taken, tensor

NEAREST = 15  # pictures whose mean a facet begins from (Nguyen 2016)
SHARE, LISTED = 0.02, 96  # of all pictures, the strongest that count; but so many if there are so few
FEWEST = 32  # pictures of a unit below which nothing can be said of kinds


class TooFew(BadSpec):
    """Too few pictures fire a unit for telling kinds."""


@final
@dataclass(frozen=True, eq=False)
class Kind:
    """Pictures that fire a unit for one reason: how many, the most typical ones, and their mean."""

    members: int
    shots: tuple[Shot, ...]
    mean: Pixels


@final
@dataclass(frozen=True, eq=False)
class Kinds:
    """``features``: the layer by whose activations they were told apart; ``at``: where: peak or mean."""

    layer: str
    channel: int
    features: str
    at: str
    pictures: int
    found: Clusters
    kinds: tuple[Kind, ...]


def kinds_of(
    network: Network,
    scan: Scan,
    unit: Objective,
    *,
    features: str | None = None,
    shown: int = 8,
    count: int | None = None,
    seed: int = 0,
    data: Any = None,
) -> Kinds:
    """The strongest pictures of a unit, divided by what else they excite.

    ``features``: a layer; by default the unit's own, at the position that fires most, so that what the unit sees
    counts and not the rest of the picture; for classes the last layer before them, its mean. ``shown``: real pictures
    per kind. ``count``: so many kinds instead of the number with the best silhouette.
    """
    check_there()  # before any work
    layer, channel = place_of(unit)
    facts, track = scan.unit(layer, channel), scan.track(layer)
    many = max(LISTED, round(SHARE * scan.pictures))  # of few pictures the strongest 256 are not strong any more
    strongest = [one for one in facts.examples("top", "max", min(many, scan.plan.many)) if one.value > 0]
    if len(strongest) < FEWEST:
        raise TooFew(
            f"{shown_layer(layer)}:{channel} fires on {len(strongest)} of the pictures that were kept; "
            f"kinds need {FEWEST} or more: scan more pictures, or keep more with --many"
        )
    same_network(network, scan)
    own = len(track.size) == 2
    feature = features or (track.name if own else _before(network, scan))
    peak = own and feature == track.name
    pictures = pictures_of(scan, data)
    read = [(one, pixels_of(pictures, one.picture, scan.plan.shape)) for one in strongest]
    strongest = [one for one, found in read if found is not None]
    pixels = [found for _, found in read if found is not None]
    with network.frozen():
        vectors = _vectors(network, feature, pixels, strongest if peak else None)
        if peak:
            vectors[:, channel] = 0  # that it fires itself is no difference
        found = clusters(_normed(vectors), seed=seed, count=count)
        kinds = []
        for kind in range(found.count):
            near = found.nearest(kind, max(NEAREST, shown))
            shots = tuple(taken(network, scan, layer, channel, [strongest[i] for i in near[:shown]], pictures))
            middle = [_centred(pixels[i], strongest[i], track.size if own else ()) for i in near[:NEAREST]]
            mean = np.stack(middle).astype(np.float64).mean(0).round().astype(np.uint8)
            kinds.append(Kind(int((found.labels == kind).sum()), shots, mean))
    return Kinds(layer, channel, feature, "peak" if peak else "mean", len(strongest), found, tuple(kinds))


def _before(network: Network, scan: Scan) -> str:
    """The last scanned layer with a map."""
    maps = [track.name for track in scan.plan.tracks if len(track.size) == 2]
    if not maps:
        raise BadSpec(f"no scanned layer of {network.name} has a map to tell pictures by; name one: --features LAYER")
    return maps[-1]


def _vectors(
    network: Network, layer: str, pixels: Sequence[Pixels], peaks: Sequence[Example] | None
) -> NDArray[np.float64]:
    """``(n, channels)``: a layer's activations, at each picture's own position or their mean over positions."""
    rows = []
    with Tap(network, [layer]) as tap, torch.no_grad():
        for start in range(0, len(pixels), TOGETHER):
            acts = tap(tensor(pixels[start : start + TOGETHER], network))[layer].float()
            if peaks is None:
                rows.append(acts.flatten(2).mean(2) if acts.ndim > 2 else acts)
                continue
            some = peaks[start : start + TOGETHER]
            where = torch.tensor([one.position for one in some], device=acts.device)
            rows.append(acts[torch.arange(len(some), device=acts.device), :, where[:, 0], where[:, 1]])
    found: NDArray[np.float64] = np.asarray(torch.cat(rows).cpu().numpy(), np.float64)
    return found


def _normed(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Directions: how strongly a picture excites everything is no difference in kind."""
    unit: NDArray[np.float64] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _centred(pixels: Pixels, example: Example, size: tuple[int, ...]) -> Pixels:
    """A picture moved so that the position that fired is in the middle; its edge goes on outwards."""
    if not size or example.position is None:
        return pixels
    high, wide = pixels.shape[:2]
    down = round((example.position[0] + 0.5) / size[0] * high - high / 2)
    across = round((example.position[1] + 0.5) / size[1] * wide - wide / 2)
    rows = np.clip(np.arange(high) + down, 0, high - 1)
    columns = np.clip(np.arange(wide) + across, 0, wide - 1)
    return np.ascontiguousarray(pixels[rows][:, columns])
