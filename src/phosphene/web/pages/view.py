"""A layer as it lies in the store: its lines by unit, what stands for each unit, what a scan says of all. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final, get_args

import numpy as np
from numpy.typing import NDArray

from ...address import MOST, OUTPUT, Place
from ...errors import StoreError
from ...sketch import BINS, ZERO
from ...store.facts import ALWAYS, FEWEST, SILENT
from ...store.index import Line
from ...store.scans import Scan
from ..schema.documents import State
from .catalog import Layer, Listed
from .payloads import path_of
from .sheets import Layout, Thumb

# names of forms of targets; kept in step with their registry by a test
FORMS = frozenset(
    ("logit", "prob", "direction", "near", "invert", "caricature", "tv", "l1", "l2", "blur", "boundary", "opacity",
     "channel", "neuron", "layer")
)  # fmt: skip
STATES = frozenset(get_args(State))


@final
@dataclass(frozen=True)
class View:
    """``lines``: by channel, in the order of kinds and rows, failures too. ``best``: of each channel the line that says
    how its positive picture is. ``damaged``: records and packs that could not be read."""

    network: Listed
    layer: Layer
    lines: Mapping[int, Sequence[Line]]
    best: Mapping[int, Line]
    layout: Layout
    thumbs: Mapping[int, Thumb]
    damaged: Mapping[str, str] = field(default_factory=dict)

    @property
    def channels(self) -> Sequence[int]:
        """All units: as many as the layer has, and up to the last of which there is anything."""
        beyond = (one for one in (*self.lines, *self.layer.asked) if one < MOST)
        return range(max(self.layer.channels or 0, 1 + max(beyond, default=-1)))

    @property
    def ways(self) -> int:
        """In how many ways its positive pictures were made: with several recipes, say."""
        return sum(bool(way) for way in _ways(self.lines))

    def unit(self, channel: int) -> str:
        """A unit as text."""
        return unit_text(self.layer, channel)


def unit_text(layer: Layer, channel: int) -> str:
    """A unit as one writes it: in quotes where the layer is called like a form of targets, or has odd characters."""
    if layer.name == OUTPUT:
        return f"logit:{channel}"
    return str(Place(layer.name, str(channel), quoted=layer.name in FORMS))


def state_of(said: Any) -> State:
    """What a record says of how a picture came out; ValueError for what no picture is."""
    if said not in STATES:
        raise ValueError(f"no picture is {str(said)[:40]!r}")
    state: State = said
    return state


def by_channel(lines: Sequence[Line]) -> dict[int, list[Line]]:
    """Channels that no layer can have are left out, and lines that are none."""
    found: dict[int, list[Line]] = {}
    for line in lines:
        if _sound(line) and 0 <= line.channel < MOST:
            found.setdefault(line.channel, []).append(line)
    return found


def _sound(line: Line) -> bool:
    """Whether a line has what its fields say; what is kept of a layer at a glance may have been made up."""
    texts = (line.id, line.unit, line.kind, line.ending, line.way)
    numbers = (line.clean, line.robust, line.rank, line.siblings, line.percentile, line.ratio)
    return (
        type(line.channel) is type(line.row) is int
        and all(isinstance(one, str) for one in texts)
        and all(one is None or isinstance(one, str) for one in (line.picture, line.error))
        and all(one is None or type(one) in (int, float) for one in numbers)
    )


def best_of(lines: Mapping[int, Sequence[Line]]) -> dict[int, Line]:
    """Of each channel its positive picture; of several, that made in the way in which most were made; else why there
    is none."""
    ways = _ways(lines)
    found = {}
    for channel, some in lines.items():
        own = [one for one in some if one.kind == "positive"]
        if own:
            found[channel] = min(own, key=lambda one: (one.picture is None, -ways[one.way], one.way, one.id))
    return found


def _ways(lines: Mapping[int, Sequence[Line]]) -> Counter[str]:
    """How many positive pictures were made in each way."""
    return Counter(one.way for some in lines.values() for one in some if one.kind == "positive" and one.picture)


def thumbs_of(lines: Mapping[int, Sequence[Line]], best: Mapping[int, Line], wide: float) -> dict[int, Thumb]:
    """What stands for each channel: its positive picture, or the first of its examples, which are ``wide`` times as
    wide as high."""
    found = {}
    for channel, some in lines.items():
        own = best.get(channel)
        if own is not None and own.picture is not None and path_of(own.picture, own.ending):
            found[channel] = Thumb(own.picture, own.ending, None, own.id)
            continue
        real = next((one for one in some if one.kind == "examples" and one.picture), None)
        if real is not None and real.picture is not None and path_of(real.picture, real.ending):
            found[channel] = Thumb(real.picture, real.ending, wide, real.id)
    return found


@final
@dataclass(frozen=True, eq=False)
class Real:
    """What a scan says of all units of a layer at once: arrays by channel; ``states`` as ``Facts.state``."""

    densities: NDArray[np.float64]
    maxima: NDArray[np.float64]
    states: Sequence[str]

    def of(self, channel: int) -> tuple[float | None, float | None, str | None]:
        if channel >= len(self.states):
            return None, None, None
        most = float(self.maxima[channel])
        return float(self.densities[channel]), most if np.isfinite(most) else None, self.states[channel]


def real_of(scan: Scan | None, layer: str) -> tuple[Real, dict[str, Any]] | None:
    """Of a layer, with its arrays; None without a scan, or if it is damaged."""
    if scan is None:
        return None
    try:
        arrays = scan.arrays(layer)
    except StoreError:
        return None
    top, bottom = arrays["top.max.values"][:, 0], arrays["bottom.max.values"][:, 0]
    pictures = scan.pictures
    with np.errstate(invalid="ignore"):
        rectified = bool(np.nanmin(arrays["bottom.mean.values"]) >= 0)
        highest = float(np.nanmax(arrays["top.max.values"], initial=0.0))
        silent = np.full(len(top), rectified) & ~(top > SILENT * highest)
        dead = silent | ~(top > bottom)
        on = _active(arrays, len(top)) > ALWAYS if rectified else np.zeros(len(top), bool)
    if pictures < FEWEST:
        states = ["too few"] * len(top)
    else:
        states = ["dead" if d else "always on" if o else "ok" for d, o in zip(dead, on, strict=True)]
    densities = np.asarray(arrays["fired"], np.float64) / max(pictures, 1)
    return Real(densities, np.asarray(top, np.float64), states), arrays


def _active(arrays: Mapping[str, Any], count: int) -> NDArray[np.float64]:
    """The share of positions at which each unit fires."""
    units, bins = np.divmod(arrays["point.places"], BINS)
    counts = arrays["point.counts"].astype(np.float64)
    whole = np.bincount(units, counts, count)
    above = np.bincount(units, counts * (bins > ZERO), count)
    found: NDArray[np.float64] = above / np.maximum(whole, 1)
    return found
