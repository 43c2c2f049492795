"""Finished scans in a store: what real pictures do to every unit. No torch."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, final
from urllib.parse import quote

from ..address import OUTPUT
from ..errors import StoreError, UnitOutOfRange, UnknownLayer, closest
from .facts import Facts
from .parts import unpacked
from .place import Place
from .plan import Plan, Track

RECORD = "scan.json"
KEPT = 8  # layers in memory at a time


def folder_of(scan: str) -> str:
    return f"scans/{scan}"


def part_of(scan: str, number: int, of: int) -> str:
    """Where shard ``number`` of ``of`` is kept until the scan is whole."""
    return f"{folder_of(scan)}/parts/{number}-of-{of}"


def file_of(layer: str) -> str:
    """A layer's file below the scan's folder."""
    return f"layers/{quote(layer, safe='')}"


def shown_layer(name: str) -> str:
    """A layer as people write it: the output is ``logit``."""
    return "logit" if name == OUTPUT else name


@final
class Scan:
    """One pass over real pictures. ``scan.unit("mixed4b", 11)`` is what is known of a unit."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.id = place, name
        self.data: Any = None  # the opened pictures, where the scan was just made
        self._layers: OrderedDict[str, dict[str, Any]] = OrderedDict()

    @cached_property
    def record(self) -> dict[str, Any]:
        path = f"{folder_of(self.id)}/{RECORD}"
        try:
            data: dict[str, Any] = json.loads(self.place.read(path))
            names = {track.name for track in Plan.from_dict(data["plan"]).tracks}
            whole = names == set(data["layers"]) and isinstance(data["pictures"], int) and "skipped" in data
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise StoreError(
                f"{path} of the store {self.place.url} is damaged; delete {folder_of(self.id)} and scan again"
            )
        return data

    @cached_property
    def plan(self) -> Plan:
        return Plan.from_dict(self.record["plan"])

    @property
    def model(self) -> str:
        return str(self.plan.model["address"])

    @property
    def pictures(self) -> int:
        """How many pictures were seen; those that could not be read are not."""
        return int(self.record["pictures"])

    @property
    def skipped(self) -> list[tuple[int, str, str]]:
        """Number, name and reason of every picture that could not be read."""
        return [(int(number), str(name), str(why)) for number, name, why in self.record["skipped"]]

    def track(self, layer: str) -> Track:
        """A scanned layer; UnknownLayer says which there are."""
        found = next((track for track in self.plan.tracks if track.name in (layer, layer.partition("#")[0])), None)
        if found is None or (found.name != layer and "#" in layer):
            names = [shown_layer(track.name) for track in self.plan.tracks]
            raise UnknownLayer(
                f"the layer {shown_layer(layer)} was not scanned; {closest(shown_layer(layer), names)}\n"
                f"scan it: phosphene scan {self.model} --data ... --layers {shown_layer(layer)}"
            )
        return found

    def arrays(self, layer: str) -> dict[str, Any]:
        """All that is known of a layer, as arrays; the last few layers stay in memory."""
        track = self.track(layer)
        if track.name not in self._layers:
            entry = self.record["layers"][track.name]
            path = f"{folder_of(self.id)}/{entry['file']}"
            data = self.place.read(path)
            if hashlib.blake2b(data, digest_size=16).hexdigest() != entry["hash"]:
                raise StoreError(
                    f"{path} is damaged: its content does not fit its hash; delete {folder_of(self.id)} and scan again"
                )
            self._layers[track.name] = unpacked(data, path)[0]
        self._layers.move_to_end(track.name)
        while len(self._layers) > KEPT:
            self._layers.popitem(last=False)
        return self._layers[track.name]

    def unit(self, layer: str, channel: int) -> Facts:
        """What is known of one channel, or of one class with ``@output``."""
        track = self.track(layer)
        if not 0 <= channel < track.channels:
            raise UnitOutOfRange(
                f"no {shown_layer(layer)}:{channel}: it has {track.channels} channels, 0 to {track.channels - 1}"
            )
        return Facts(self.arrays(layer), track, channel, self.pictures)

    def __repr__(self) -> str:
        return f"Scan({self.id[:8]}: {self.pictures} pictures, {self.plan.units} units of {self.model})"


def rewritten(scan: Scan, plan: Plan) -> Scan:
    """The same scan with its record saying where pictures and network are now."""
    record = scan.record | {"plan": plan.to_dict()}
    scan.place.write(f"{folder_of(scan.id)}/{RECORD}", encoded(record))
    return Scan(scan.place, scan.id)


def encoded(record: dict[str, Any]) -> bytes:
    """A record as it is kept: equal records, equal bytes."""
    return (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()


def scans_in(place: Place) -> list[Scan]:
    """All finished scans of a store."""
    return [Scan(place, name) for name in place.names("scans") if place.has(f"{folder_of(name)}/{RECORD}")]


def find(
    place: Place, layer: str | None = None, *, fingerprint: str | None = None, name: str | None = None
) -> Scan | None:
    """The scan of most pictures that has a layer, of a network, or whose name begins so; None if there is none."""
    known = [scan for scan in scans_in(place) if fingerprint in (None, scan.plan.fingerprint)]
    if name is not None:
        known = [scan for scan in known if scan.id.startswith(name)]
    if layer is not None:
        known = [scan for scan in known if any(track.name == layer for track in scan.plan.tracks)]
    return max(known, key=_size, default=None)


def the_scan(
    place: Place,
    layer: str | None = None,
    *,
    name: str | None = None,
    matching: Callable[[str], bool] | None = None,
) -> Scan:
    """The one scan that is meant: that of most pictures which has the layer, or one that matches.

    StoreError when there is none, or scans of several networks.
    """
    wanted = matching if matching is not None else (lambda one: layer in (None, one))
    every: Sequence[Scan] = scans_in(place)
    if not every:
        unfinished = [scan for scan in place.names("scans") if place.names(f"{folder_of(scan)}/parts")]
        hint = "make one: phosphene scan MODEL --data FOLDER --store"
        if unfinished:
            hint = "there is one that is not finished: run it again, or merge its shards: phosphene merge"
        raise StoreError(f"the store {place.url} has no finished scan; {hint} {place.url}")
    named = [scan for scan in every if name is None or scan.id.startswith(name)]
    if not named:
        raise StoreError(f"no scan {name} in {place.url}; there are {', '.join(scan.id[:8] for scan in every)}")
    having = [scan for scan in named if any(wanted(track.name) for track in scan.plan.tracks)]
    networks = {scan.plan.fingerprint: scan for scan in having}
    if len(networks) > 1:
        told = ", ".join(f"{scan.id[:8]} ({scan.model})" for scan in networks.values())
        raise StoreError(f"{place.url} has scans of {len(networks)} networks; say which: --scan ID, of {told}")
    if not having:
        largest = max(named, key=_size)
        if layer is not None:
            largest.track(layer)  # says what was scanned
        return largest
    return max(having, key=_size)


def _size(scan: Scan) -> tuple[Any, ...]:
    return scan.pictures, scan.plan.shape, scan.id
