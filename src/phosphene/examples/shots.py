"""Examples as one can look at them: the picture, where the unit fires in it, and what it sees there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..address import OUTPUT
from ..data import Pictures, decoded, open_pictures
from ..errors import BadSpec, ModelError, PhospheneError, Unreadable
from ..models.network import Network
from ..models.support import Box
from ..objectives import Channel, Logit, Objective
from ..result import Pixels
from ..shapes import Images
from ..store.facts import Example, Facts
from ..store.scans import Scan, shown_layer
from ..tap import Tap

SHOWN = 9  # columns of a sheet
TOGETHER = 32  # pictures through the network at a time


@final
@dataclass(frozen=True, eq=False)
class Shot:
    """An example with its picture ``(h, w, c)`` as the network saw it.

    ``heat``: the unit's map ``(y, x)``, None where it has none. ``box``: what the strongest position sees, None where
    that is everything. ``label``: of the dataset, if it has labels. ``gone``: it can no longer be read, and is grey.
    """

    example: Example
    name: str
    label: str | None
    pixels: Pixels
    heat: NDArray[np.float32] | None
    box: Box | None
    gone: bool = False


@final
@dataclass(frozen=True, eq=False)
class UnitExamples:
    """Real pictures for one unit: the strongest, the weakest, and those in between. ``by``: maximum or mean."""

    unit: str
    model: str
    source: str
    by: Literal["max", "mean"]
    shape: tuple[int, int, int]
    facts: Facts
    top: tuple[Shot, ...]
    bottom: tuple[Shot, ...]
    spectrum: tuple[Shot, ...]


def examples(
    network: Network,
    scan: Scan,
    unit: Objective,
    *,
    by: Literal["max", "mean"] = "max",
    count: int | None = None,
    data: Any = None,
) -> UnitExamples:
    """The real pictures of a unit: a channel or a class of a scanned layer.

    ``count``: of the strongest and weakest, up to the scan's k; nine if it kept so many. ``data``: where the pictures
    are, if not where they were. Raises BadSpec, StoreError, UnknownLayer, UnitOutOfRange, ModelError.
    """
    if by not in ("max", "mean"):
        raise BadSpec(f"examples are by max or by mean, not by {by!r}")
    count = min(SHOWN, scan.plan.k) if count is None else count
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= scan.plan.k:
        raise BadSpec(
            f"the scan kept {scan.plan.k} pictures at each end, so the count is 1 to {scan.plan.k}, not {count!r}"
        )
    layer, channel = place_of(unit)
    facts = scan.unit(layer, channel)
    same_network(network, scan)
    pictures = pictures_of(scan, data)
    rows = [facts.examples("top", by, count), facts.examples("bottom", by, count), facts.spectrum(by)]
    every = [example for row in rows for example in row]
    with network.frozen():
        shots = list(taken(network, scan, layer, channel, every, pictures))
    ends = np.cumsum([0, *map(len, rows)])
    top, bottom, spectrum = (tuple(shots[a:b]) for a, b in pairwise(ends))
    spelled = f"{shown_layer(layer)}:{channel}"
    return UnitExamples(spelled, scan.model, scan.plan.source, by, scan.plan.shape, facts, top, bottom, spectrum)


def place_of(unit: Objective) -> tuple[str, int]:
    """The layer and channel of a unit that a scan knows; BadSpec for other targets."""
    if isinstance(unit, Channel):
        return unit.layer, unit.channel
    if isinstance(unit, Logit) and isinstance(unit.label, int):
        return OUTPUT, unit.label
    raise BadSpec("a scan knows channels and classes, such as mixed4b:11 or logit:goldfish; name one of these")


def same_network(network: Network, scan: Scan) -> None:
    """Refuse a network with other weights than were scanned."""
    if network.fingerprint != scan.plan.fingerprint:
        raise ModelError(
            f"{network.name} is not the network that was scanned, {scan.model}: its weights differ; "
            "load the same one, or scan this one"
        )


def pictures_of(scan: Scan, data: Any = None) -> Pictures:
    """The scanned dataset, where it was or at ``data``; BadSpec when it is gone or another one."""
    source = (scan.data if scan.data is not None else scan.plan.source) if data is None else data
    try:
        pictures = open_pictures(source)
    except PhospheneError as error:
        hint = "\nsay where the pictures are now: --data" if data is None else ""
        raise BadSpec(f"{error}{hint}") from error
    if pictures.fingerprint != scan.plan.data:
        raise BadSpec(
            f"the {len(pictures)} pictures at {pictures.source} are not those that were scanned: some came, went or "
            "changed; put them back, or scan anew"
        )
    return pictures


def taken(
    network: Network, scan: Scan, layer: str, channel: int, wanted: Sequence[Example], pictures: Pictures
) -> Iterator[Shot]:
    """A shot per example, in order; inside ``network.frozen()``. Pictures that went away are left grey."""
    size = scan.plan.shape[1], scan.plan.shape[2]
    track = scan.track(layer)
    with Tap(network, [track.name]) as tap, torch.no_grad():
        for start in range(0, len(wanted), TOGETHER):
            some = wanted[start : start + TOGETHER]
            read = [pixels_of(pictures, example.picture, scan.plan.shape) for example in some]
            pixels = [grey(scan.plan.shape) if one is None else one for one in read]
            maps = tap(tensor(pixels, network))[track.name][:, channel].float().cpu()
            for example, picture, acts, found in zip(some, pixels, maps, read, strict=True):
                where = tuple(int(p) for p in np.unravel_index(int(acts.argmax()), acts.shape)) if acts.ndim else ()
                box = network.sees(track.name, where, size) if where and track.name != OUTPUT else None
                yield Shot(
                    Example(example.picture, example.value, where, example.level),
                    pictures.name(example.picture),
                    pictures.label(example.picture),
                    picture,
                    heat_of(acts.numpy(), size),
                    None if box is None or box == Box.whole(size) else box,
                    gone=found is None,
                )


def heat_of(acts: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32] | None:
    """A unit's activations on a picture of ``size`` as a map; None where they have no places.

    Tokens are laid out as the patches that they come from: all but the first 0 to 8 (class, distillation, registers)
    make a grid in the picture's proportions.
    """
    if acts.ndim == 2:
        return acts
    for extra in range(min(9, len(acts))) if acts.ndim == 1 else ():
        patches = len(acts) - extra
        rows = round((patches * size[0] / size[1]) ** 0.5)
        if rows > 1 and patches % rows == 0 and rows * size[1] == patches // rows * size[0]:
            return acts[extra:].reshape(rows, -1)
    return None


def pixels_of(pictures: Pictures, number: int, shape: tuple[int, int, int]) -> Pixels | None:
    """A scanned picture as the network saw it; None if it can no longer be read."""
    try:
        return decoded(pictures.raw(number), shape)
    except (Unreadable, OSError):
        return None


def grey(shape: tuple[int, int, int]) -> Pixels:
    """In place of a picture that is gone."""
    return np.full((*shape[1:], shape[0]), 128, np.uint8)


def tensor(pixels: Sequence[Pixels], network: Network) -> Images:
    """``(b, c, h, w)`` in [0, 1] on the network's device."""
    rows: Tensor = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous().to(network.device)
    return rows.float() / 255
