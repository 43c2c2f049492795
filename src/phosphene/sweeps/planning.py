"""A network, a recipe and a user's choice of layers and units -> a plan; everything is checked, nothing is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from ..address import OUTPUT
from ..declare import declare
from ..errors import BadSpec, UnitOutOfRange, UnknownName, closest
from ..examples.choose import tracks_of
from ..front import options_of, steps_of
from ..models.network import Network
from ..objectives import Channel, Diversity, Logit, Objective, groups, to_text
from ..store.plan import Track
from ..together import compared_layer
from .plan import Line, Plan, Range
from .recipe import OF_DATA, Recipe

ORDER = ("map", "tokens", "vector")  # kinds of layers that can be asked for besides classes of modules


def planned(
    network: Network,
    recipe: Recipe,
    *,
    layers: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    units: Sequence[Range] | None = None,
    limit: int | None = None,
    scan: str | None = None,
) -> Plan:
    """The plan of a sweep.

    ``layers``: names and globs; by default what one would look into, and the classes. ``types``: of these only layers
    whose module's class begins so (``conv``), or whose output is a ``map``, ``tokens`` or a ``vector``. ``units``:
    ranges of channels, of every layer. ``limit``: only the first so many units. ``scan``: the id of the scan that
    facets and examples come from. Raises BadSpec, UnknownLayer, UnknownName, UnitOutOfRange.
    """
    recipe = recipe if scan is not None else recipe.without_data()
    options = dict(recipe.render)
    options["steps"] = steps_of(recipe.preset, recipe.steps, recipe.frames)
    options["arithmetic"] = options["arithmetic"] or None
    said = options_of(**options)
    if limit is not None and limit < 1:
        raise BadSpec(f"limit must be a whole number from 1 up, not {limit!r}")
    tracks = chosen(network, layers, types)
    job = declare(network, _unit(tracks[0], 0), said)
    lines, left = [], limit
    for track in tracks:
        ranges = _within(units, track.channels, left)
        if ranges:
            lines.append(_line(network, track, ranges, said, recipe))
        left = None if left is None else left - sum(last - first for first, last in ranges)
        if left == 0:
            break
    if not lines:
        most = max(tracks, key=lambda track: track.channels)
        raise UnitOutOfRange(f"no chosen layer has such units; the widest, {asked(most)}, has 0 to {most.channels - 1}")
    return Plan(
        model=asdict(network.spec),
        fingerprint=network.fingerprint,
        recipe=recipe,
        job={key: value for key, value in job.to_dict().items() if key not in ("target", "seed", "group")}
        | {"group": None},
        group=_group(recipe),
        lines=tuple(lines),
        scan=scan if any(kind in OF_DATA for kind in recipe.kinds) else None,
    )


def chosen(network: Network, layers: Sequence[str] | None, types: Sequence[str] | None) -> list[Track]:
    """The layers of a plan, in the order of the forward."""
    size = network.preprocessing.size[1], network.preprocessing.size[2]
    tracks = list(tracks_of(network, layers if layers is not None or types is None else ["**"], size))
    if types is not None:
        if not types:
            raise BadSpec(f"types are classes of modules, or of {', '.join(ORDER)}; none is given")
        tracks = [track for track in tracks if any(_is(network, track, word) for word in types)]
        if not tracks:
            modules = {_module(network, track) for track in tracks_of(network, layers or ["**"], size)} - {""}
            known = sorted(modules | {*ORDER})
            raise UnknownName(f"no chosen layer is of type {', '.join(types)}; {closest(types[0], known)}")
    elif layers is None:
        tracks = _without_twin_of_logits(tracks)
    if not tracks:
        raise BadSpec(f"{network.name} has no layer to look into by default, and no classes; name some: --layers")
    return tracks


def _without_twin_of_logits(tracks: list[Track]) -> list[Track]:
    """The last layer is most often the logits under another name."""
    if len(tracks) > 1 and tracks[-1].name == OUTPUT:
        before = tracks[-2]
        if before.channels == tracks[-1].channels and not before.size:
            return [*tracks[:-2], tracks[-1]]
    return tracks


def _module(network: Network, track: Track) -> str:
    return "" if track.name == OUTPUT else network.find(track.name)[0].module


def _is(network: Network, track: Track, word: str) -> bool:
    if track.name == OUTPUT:
        return word in ("vector", "logit")
    info, _ = network.find(track.name)
    return info.kind.partition("-")[0] == word or info.module.lower().startswith(word.lower())


def asked(track: Track) -> str:
    """A layer as one asks for it."""
    return "logit" if track.name == OUTPUT else track.name


def _unit(track: Track, channel: int) -> Objective:
    return Logit(channel) if track.name == OUTPUT else Channel(track.name, channel)


def _within(units: Sequence[Range] | None, channels: int, left: int | None) -> tuple[Range, ...]:
    """Ranges of channels that a layer has, at most ``left`` channels."""
    found: list[Range] = []
    for first, last in sorted(units or [(0, channels)]):
        first = max(first, found[-1][1]) if found else first  # what overlaps counts once
        last = min(last, channels)
        if left is not None:
            last = min(last, first + left - sum(b - a for a, b in found))
        if first < last:
            found.append((first, last))
    return tuple(found)


def beyond(units: Sequence[Range], channels: int) -> list[Range]:
    """What of the ranges a layer of so many channels does not have, in order.

    >>> beyond([(0, 99)], 32)
    [(32, 99)]
    """
    found: list[Range] = []
    for first, last in sorted((max(first, channels), last) for first, last in units if last > channels):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _line(network: Network, track: Track, ranges: tuple[Range, ...], options: Any, recipe: Recipe) -> Line:
    first = _unit(track, 0)
    unit = to_text(first)
    spelling = {"unit": (unit.removesuffix("0"), "")}
    for name, objective in (("positive", first), ("negative", -first)):
        before, _, after = declare(network, objective, options).target.partition(unit)
        spelling[name] = (before + spelling["unit"][0], after)
    compare = compared_layer(network, first) if recipe.diverse else ""
    return Line(track.name, _module(network, track), track.channels, ranges, spelling, compare)


def _group(recipe: Recipe) -> dict[str, Any] | None:
    if not recipe.diverse:
        return None
    return {**groups.describe(Diversity("", recipe.strength)), "layer": ""}


def ranges_of(text: str) -> list[Range]:
    """``--units``: numbers and ranges, the last of a range not included, as in Python.

    >>> ranges_of("0:24,31")
    [(0, 24), (31, 32)]
    """
    found = []
    for piece in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?::(\d+))?\s*", piece)
        if not match or (match[2] is not None and int(match[2]) <= int(match[1])):
            raise BadSpec(f"--units is channels and ranges from:to, such as 0:24,31, not {text!r}")
        first = int(match[1])
        found.append((first, int(match[2]) if match[2] is not None else first + 1))
    return found


def with_steps(recipe: Recipe, steps: int | None) -> Recipe:
    """The recipe with another number of steps; frames beyond it are left out."""
    if steps is None:
        return recipe
    return replace(recipe, steps=steps, frames=tuple(step for step in recipe.frames if step <= steps))
