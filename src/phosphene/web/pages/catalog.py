"""Which networks and layers there are, from whatever knows of them: loaded networks, descriptions, plans, scans,
records. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

from ...address import MOST, OUTPUT
from ...errors import StoreError, UnknownLayer, UnknownName, closest
from ...store.about import About, about_in, described
from ...store.ledger import Ledger
from ...store.networks import model_of
from ...store.paths import SWEEPS
from ...store.plan import Plan
from ...store.scans import RECORD, Scan, folder_of
from ..schema.typed import typed
from .kept import Kept

FINGERPRINT = re.compile(r"[0-9a-f]{1,32}")
PICTURES = ("positive", "negative", "diverse", "facets")  # kinds that are optimised


@final
@dataclass(frozen=True)
class Layer:
    """A layer: ``name`` in the store, ``shown`` to people. ``channels``: None where nobody knows. ``asked``: channels
    of which sweeps were to make a picture. ``scan``: of most real pictures that knows it."""

    name: str
    shown: str
    kind: str | None = None
    module: str | None = None
    channels: int | None = None
    size: tuple[int, ...] = ()
    field: tuple[int, int] | None = None
    usual: bool = True
    asked: frozenset[int] = frozenset()
    filed: bool = False
    scan: Scan | None = None

    @property
    def anything(self) -> bool:
        """Whether there is more than its name."""
        return self.filed or bool(self.asked) or self.scan is not None


@final
@dataclass(frozen=True)
class Listed:
    """A network. ``spec``: see ``ModelSpec``; empty where nobody knows. ``layers``: by name in the store, in the order
    of the forward. ``plans``: of its sweeps, as data."""

    id: str
    model: str
    spec: Mapping[str, Any]
    about: About | None
    layers: Mapping[str, Layer]
    scans: tuple[Scan, ...]
    plans: tuple[Mapping[str, Any], ...]

    def layer(self, name: str) -> Layer:
        """By the name that is shown, or that in the store; UnknownLayer says which there are."""
        found = next((one for one in self.layers.values() if one.shown == name), None) or self.layers.get(name)
        if found is None:
            raise UnknownLayer(
                f"no layer {name!r} of {self.model} is known here; "
                f"{closest(name, (one.shown for one in self.layers.values()))}"
            )
        return found

    def beside(self, layer: Layer) -> tuple[Layer | None, Layer | None]:
        """The layers before and after it of those that one would look at."""
        row = [one for one in self.layers.values() if one.usual or one.anything or one is layer]
        at = row.index(layer)
        return (row[at - 1] if at else None), (row[at + 1] if at + 1 < len(row) else None)

    @property
    def classes(self) -> int | None:
        return self.layers[OUTPUT].channels if OUTPUT in self.layers else None

    def label(self, layer: Layer, channel: int) -> str | None:
        """The name of a class."""
        labels = self.about.labels if self.about is not None and layer.name == OUTPUT else None
        return labels[channel] if labels is not None and channel < len(labels) else None


@final
class Catalog:
    """The networks of a store and those that are given besides. ``abouts``: they count before what the store says."""

    def __init__(self, ledger: Ledger, abouts: Iterable[About] = ()) -> None:
        self.ledger, self.place = ledger, ledger.place
        self.given = {about.fingerprint: about for about in abouts}
        self._scans: dict[str, Scan] = {}
        self._kept: Kept[str, dict[str, Listed]] = Kept(1)

    def networks(self) -> dict[str, Listed]:
        """By fingerprint, those that were given first."""
        return self._kept.get("", self._look, self._made)

    def network(self, beginning: str) -> Listed:
        """The network whose fingerprint begins so; UnknownName if there is none, or several."""
        known = self.networks()
        if beginning in known:
            return known[beginning]
        found = [one for one in known.values() if beginning and one.id.startswith(beginning)]
        if len(found) == 1:
            return found[0]
        told = ", ".join(f"{one.id[:12]} ({one.model})" for one in found or known.values()) or "none"
        if found:
            raise UnknownName(f"{len(found)} networks begin with {beginning}: {told}; give more digits")
        raise UnknownName(f"no network {beginning!r} here; there are: {told}")

    def _look(self) -> Any:
        place = self.place
        filed = tuple((one, tuple(self.ledger.layers(one))) for one in self.ledger.networks())
        scans = tuple(one for one in place.names("scans") if one in self._scans or self._finished(one))
        return filed, tuple(place.names(SWEEPS)), tuple(described(place)), scans

    def _finished(self, scan: str) -> bool:
        return self.place.has(f"{folder_of(scan)}/{RECORD}")

    def _made(self, state: Any) -> dict[str, Listed]:
        filed, _, told, scans = state
        layers = dict(filed)
        plans = [plan for plan in self.ledger.plans() if not isinstance(plan, StoreError)]
        usable = self._usable(scans)
        every = dict.fromkeys(
            [*self.given, *layers, *told, *(str(plan.get("fingerprint")) for plan in plans),
             *(one.plan.fingerprint for one in usable)]
        )  # fmt: skip
        return {
            one: self._listed(
                one,
                layers.get(one, ()),
                [plan for plan in plans if plan.get("fingerprint") == one],
                [scan for scan in usable if scan.plan.fingerprint == one],
            )
            for one in every
            if FINGERPRINT.fullmatch(one)  # it becomes a part of addresses, and of names of files
        }

    def _usable(self, names: Sequence[str]) -> list[Scan]:
        """Finished scans that can be read; the same objects each time, for they keep what they have read."""
        found = []
        for name in names:
            scan = self._scans.get(name) or Scan(self.place, name)
            try:
                if name in self._scans or (_sound(Plan, scan.plan) and _usual(scan.plan)):
                    found.append(scan)
                    self._scans[name] = scan
            except StoreError:
                continue
        return found

    def _listed(
        self, fingerprint: str, filed: Sequence[str], plans: Sequence[Mapping[str, Any]], scans: Sequence[Scan]
    ) -> Listed:
        about = self.given.get(fingerprint)
        if about is None:
            about = self._about(fingerprint)
        scans = sorted(scans, key=lambda scan: (scan.pictures, scan.plan.shape, scan.id), reverse=True)
        specs = [dict(one) for one in (*(plan.get("model") for plan in plans), *(scan.plan.model for scan in scans))
                 if isinstance(one, Mapping) and one.get("address")]  # fmt: skip
        spec = dict(about.spec) if about is not None else next(iter(specs), {})
        spec["address"] = str(spec.get("address") or model_of(self.ledger, fingerprint))
        lines = [tuple(_lines(plan)) for plan in plans]
        layers = _layers(about, [dict(one) for one in lines], scans, filed)
        return Listed(fingerprint, called(spec["address"]), spec, about, layers, tuple(scans), tuple(plans))

    def _about(self, fingerprint: str) -> About | None:
        """What the store says of a network, if that is whole and of what it should be."""
        try:
            about = about_in(self.place, fingerprint)
            if about is not None and about.fingerprint == fingerprint and _sound(About, about):
                wide = all(0 <= one.channels <= MOST for one in about.layers)
                return about if wide and min(about.input.height, about.input.width) > 0 else None
        except StoreError:  # verify says so
            pass
        return None


def _sound(kind: Any, said: Any) -> bool:
    """Whether what was read is of the types that it should be: a store may be made by anybody."""
    try:
        return bool(typed(kind, asdict(said)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False


def _usual(plan: Plan) -> bool:
    """Whether it can be the plan of a scan."""
    wide = all(0 <= track.channels <= MOST for track in plan.tracks)
    return wide and bool(plan.tracks) and min(plan.shape) > 0 and bool(plan.model.get("address"))


def _lines(plan: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, int, frozenset[int]]]]:
    """Of a plan's layers: module, channels, those of which a picture is asked for; none of what cannot be read."""
    try:
        optimised = any(plan["recipe"].get(kind) for kind in PICTURES)
        for line in plan["lines"]:
            ranges = line["units"] if optimised else ()
            asked = frozenset(one for first, last in ranges for one in range(max(first, 0), min(last, MOST)))
            yield str(line["layer"]), (str(line["module"]), max(0, min(int(line["channels"]), MOST)), asked)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return


def _layers(
    about: About | None, plans: Sequence[Mapping[str, tuple[str, int, frozenset[int]]]], scans: Sequence[Scan],
    filed: Sequence[str],
) -> dict[str, Layer]:  # fmt: skip
    told = {} if about is None else {one.name: one for one in about.layers}
    tracks = {track.name: (track, scan) for scan in reversed(scans) for track in scan.plan.tracks}
    orders = [list(told), *(list(plan) for plan in plans), *([t.name for t in scan.plan.tracks] for scan in scans)]
    found = {}
    for name in merged([*orders, list(filed)]):
        own = told.get(name)
        base = own or told.get(name.partition("#")[0])
        track, scan = tracks.get(name, (None, None))
        lines = [plan[name] for plan in plans if name in plan]
        widths = [one.channels for one in (own, track) if one is not None] + [line[1] for line in lines]
        known = own is not None or track is not None
        found[name] = Layer(
            name,
            "logit" if name == OUTPUT and "logit" not in {*told, *tracks, *filed} else name,
            "vector" if name == OUTPUT else None if base is None else base.kind,
            (None if base is None else base.module) or next((line[0] for line in lines if line[0]), None),
            max(widths, default=base.channels if base is not None else None),
            () if not known else tuple((own or track).size),  # type: ignore[union-attr]
            None if base is None else base.field,
            own.usual if own is not None else base is None,
            frozenset().union(*(line[2] for line in lines)),
            name in filed,
            scan,
        )
    return found


def merged(orders: Iterable[Sequence[str]]) -> list[str]:
    """One order of all names, that of the first list; others go where their own lists have them: after their
    predecessors. The output is the last.

    >>> merged([["a", "c"], ["a", "b", "c"], ["0", "a"]])
    ['0', 'a', 'b', 'c']
    """
    found: list[str] = []
    for order in orders:
        at = 0
        for name in order:
            if name in found:
                at = found.index(name) + 1
            else:
                base = name.partition("#")[0]
                at = found.index(base) + 1 if base != name and base in found else at
                found.insert(at, name)
                at += 1
    return [name for name in found if name != OUTPUT] + [OUTPUT] * (OUTPUT in found)


def called(address: str) -> str:
    """A network's address without the folders of its file, which are nobody else's business.

    >>> called("nets/mine.py:build"), called("timm/convnext_tiny")
    ('mine.py:build', 'timm/convnext_tiny')
    """
    return address.rpartition("/")[2] if ".py" in address else address
