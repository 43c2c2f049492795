"""A store as documents: what the pages of the microscope show. No torch.

Everything is found anew when the store has changed, and kept while it has not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib import metadata
from typing import Any, final

from ...errors import MissingDependency, StoreError, UnitOutOfRange
from ...store.about import About
from ...store.index import Glance, Line, glance
from ...store.ledger import Ledger
from ...store.packs import packs_of, record_in, texts_in
from ...store.thumbs import TILE
from ..schema.documents import (
    LayerDoc,
    LayerLine,
    NetworkDoc,
    NetworkLine,
    ScanLine,
    SiteDoc,
    State,
    UnitDoc,
    UnitLine,
)
from ..schema.paths import SHEET
from .alike import SIDE, Vectors, firing, looks, nearest, order
from .catalog import Catalog, Layer, Listed
from .kept import Kept, Recent
from .payloads import Payloads
from .real import source_text, without_keys
from .sheets import Sheets
from .texts import model_text, named_text
from .unit import BESIDE, DAMAGE, OPTIMISED, read, unit_doc
from .view import View, best_of, by_channel, real_of, state_of, thumbs_of

VIEWS, LAYERS, UNITS, PACKS = 4096, 32, 1024, 2  # that are kept
COVER = 6  # pictures of a layer among the layers
_Place = tuple[str, str]  # network, layer


@final
class Shelf:
    """The documents of a store. ``abouts``: of networks that are loaded; they count before what the store says.

    Networks are named by their fingerprints or how these begin, layers as they are shown or as the store calls them.
    Unknown ones raise UnknownName, UnknownLayer, UnitOutOfRange. Threads may ask at the same time.
    """

    def __init__(self, ledger: Ledger, abouts: Iterable[About] = ()) -> None:
        self.ledger, self.place = ledger, ledger.place
        self.catalog = Catalog(ledger, abouts)
        self.sheets, self.payloads = Sheets(ledger), Payloads(ledger.place)
        self._views: Kept[_Place, tuple[Any, View]] = Kept(VIEWS)
        self._layers: Kept[tuple[_Place, bool], LayerDoc] = Kept(LAYERS)
        self._units: Kept[tuple[_Place, int, bool], UnitDoc] = Kept(UNITS)
        self._vectors: Kept[_Place, tuple[str | None, Vectors]] = Kept(LAYERS)
        self._packed: Recent[str, Mapping[str, Any]] = Recent(PACKS)

    def site(self, live_ids: Collection[str] = (), live: bool = False) -> SiteDoc:
        """``live_ids``: networks that can make new pictures; ``live``: whether anything can be made here."""
        lines = tuple(self._network_line(one, one.id in live_ids) for one in self.catalog.networks().values())
        return SiteDoc(metadata.version("phosphene"), live, without_keys(self.place.url), lines)

    def _network_line(self, network: Listed, live: bool) -> NetworkLine:
        views = [self._view(network, layer) for layer in network.layers.values() if layer.filed]
        pictures = sum(
            one.picture is not None and one.kind in OPTIMISED
            for view in views for some in view.lines.values() for one in some
        )  # fmt: skip
        layers = sum(layer.usual or layer.anything for layer in network.layers.values())
        return NetworkLine(network.id, network.model, named_text(network.spec), live, layers, pictures)

    def network(self, network: str, live: Collection[str] = ()) -> NetworkDoc:
        """A network with its layers. ``live``: ids of networks that can make new pictures."""
        known = self.catalog.network(network)
        views = [self._view(known, layer) for layer in known.layers.values()]
        return NetworkDoc(
            known.id,
            known.model,
            known.id in live,
            None if known.about is None else known.about.input,
            known.classes,
            tuple(map(_layer_line, views)),
            tuple(ScanLine(scan.id, source_text(scan.plan.source), scan.pictures) for scan in known.scans),
            TILE,
            {sheet: size for view in views for sheet, size in view.layout.sheets.items()},
        )

    def layer(self, network: str, layer: str, live: Collection[str] = ()) -> LayerDoc:
        """A layer's units."""
        known = self.catalog.network(network)
        own = known.layer(layer)
        can = known.id in live
        state, view = self._stated(known, own)
        return self._layers.get(((known.id, own.name), can), lambda: state, lambda _: self._layer_doc(state, view, can))

    def _layer_doc(self, state: Any, view: View, live: bool) -> LayerDoc:
        network, layer = view.network, view.layer
        before, after = network.beside(layer)
        similarity, vectors = self._alike(state, view)
        places = order(vectors) if similarity is not None else None
        return LayerDoc(
            network=network.id,
            model=network.model,
            address=model_text(network.spec),
            live=live,
            layer=layer.shown,
            kind=layer.kind,
            size=layer.size,
            field=layer.field,
            tile=TILE,
            sheets=view.layout.sheets,
            similarity=similarity,
            previous=None if before is None else before.shown,
            next=None if after is None else after.shown,
            units=tuple(_unit_lines(view, places)),
            damaged=len(view.damaged),
            ways=view.ways,
        )

    def unit(self, network: str, layer: str, channel: int, live: Collection[str] = ()) -> UnitDoc:
        """All that is known of a unit."""
        known = self.catalog.network(network)
        own = known.layer(layer)
        state, view = self._stated(known, own)
        if channel not in view.channels:
            has = f"0 to {len(view.channels) - 1}" if view.channels else "none"
            raise UnitOutOfRange(f"{own.shown} of {known.model} has no unit {channel}; it has {has}")
        can = known.id in live
        return self._units.get(
            ((known.id, own.name), channel, can), lambda: state, lambda _: self._unit_doc(state, view, channel, can)
        )

    def _unit_doc(self, state: Any, view: View, channel: int, live: bool) -> UnitDoc:
        found = read(self.ledger, view, view.lines.get(channel, ()), self._records(view))
        alike: list[tuple[int, float]] = []
        if view.layer.scan is None and channel in view.thumbs:
            _, vectors = self._alike(state, view)
            alike = nearest(vectors, channel, BESIDE)
        return unit_doc(view, channel, found, self.payloads, alike, live)

    def sheet(self, network: str, layer: str, name: str) -> bytes:
        """A sheet of thumbnails, WebP. ``name``: its hash, with or without ``.webp``."""
        known = self.catalog.network(network)
        own = known.layer(layer)
        if not SHEET.fullmatch(name):
            raise StoreError("there is no such sheet; its name is 32 hex digits")
        self._view(known, own)  # so that what it says now is known
        return self.sheets.sheet(known.id, own.name, name.removesuffix(".webp"))

    def object(self, name: str) -> bytes:
        """A payload of the store by ``AB/HASH.KIND``."""
        return self.payloads.object(name)

    def _view(self, network: Listed, layer: Layer) -> View:
        return self._stated(network, layer)[1]

    def _stated(self, network: Listed, layer: Layer) -> tuple[Any, View]:
        """A layer, and what changes when it does."""

        if not layer.filed:  # made at once, and not worth a place
            return (layer, network.about, network.scans), self._made(network, layer)

        def look() -> Any:
            packs = packs_of(self.place, network.id, layer.name)
            names = (getattr(self.ledger, what)(network.id, layer.name) for what in ("loose", "failed"))
            return layer, network.about, network.scans, tuple(packs), *map(tuple, names)

        def make(state: Any) -> tuple[Any, View]:
            view = self._made(network, layer)
            return (state if not view.damaged else object()), view  # what is repaired has the same names

        return self._views.get((network.id, layer.name), look, make)

    def _made(self, network: Listed, layer: Layer) -> View:
        try:
            seen = glance(self.ledger, network.id, layer.name) if layer.filed else Glance()
        except MissingDependency as error:
            seen = Glance([], {"packs": str(error)})
        except DAMAGE as error:
            seen = Glance([], {"index": f"it cannot be read ({type(error).__name__}); delete the store's index folder"})
        lines = by_channel(seen.lines)
        best = best_of(lines)
        thumbs = thumbs_of(lines, best, _shape(network))
        layout = self.sheets.layout(network.id, layer.name, layer.shown, thumbs)
        return View(network, layer, lines, best, layout, thumbs, seen.damaged)

    def _alike(self, state: Any, view: View) -> tuple[str | None, Vectors]:
        """What tells which units are alike, and a vector for each in the order of ``view.channels``."""

        def make(_: Any) -> tuple[str | None, Vectors]:
            found = real_of(view.layer.scan, view.layer.name)
            if found is not None and "sample.mean" in found[1] and len(view.channels) == len(found[0].states):
                return "fires", firing(found[1]["sample.mean"])
            if not view.thumbs:
                return None, looks([None] * len(view.channels))
            thumbs = [view.thumbs.get(channel) for channel in view.channels]
            return "looks", looks([None if one is None else self.sheets.small(one, SIDE) for one in thumbs])

        return self._vectors.get((view.network.id, view.layer.name), lambda: state, make)

    def _records(self, view: View) -> Mapping[str, Any]:
        """The packed records of a layer by id; those of the packs that were read last stay in memory."""
        found: dict[str, Any] = {}
        for path in packs_of(self.place, view.network.id, view.layer.name) if view.layer.filed else ():
            texts = self._packed.get(path)
            if texts is None:
                try:
                    records = map(record_in, texts_in(self.place, path))
                    texts = self._packed.put(path, {str(one["id"]): one for one in records})
                except (StoreError, MissingDependency):
                    continue
            found = {**texts, **found}
        return found


def _layer_line(view: View) -> LayerLine:
    layer = view.layer
    lines = [one for some in view.lines.values() for one in some]
    made = {one.channel for one in lines if one.kind in OPTIMISED and one.picture is not None}
    failed = {one.channel for one in lines if one.error is not None}
    cover = [tile for _, tile in sorted(view.layout.tiles.items())]
    step = max(1, len(cover) // COVER)
    return LayerLine(
        name=layer.shown,
        kind=layer.kind,
        module=layer.module,
        size=layer.size,
        field=layer.field,
        units=len(view.channels),
        asked=len(layer.asked),
        made=len(made),
        failed=len(failed),
        examples=len({one.channel for one in lines if one.kind == "examples" and one.picture is not None}),
        scanned=layer.scan is not None,
        usual=layer.usual,
        cover=tuple(cover[: step * COVER : step]),
    )


def _shape(network: Listed) -> float:
    """How many times as wide as high real pictures are."""
    shape = next((scan.plan.shape for scan in network.scans), None)
    if shape is None and network.about is not None:
        shape = (0, network.about.input.height, network.about.input.width)
    return 1.0 if shape is None else shape[2] / shape[1]


def _state(line: Line) -> tuple[State, str | None]:
    """How a picture is, and why it failed, whatever text stands in its record."""
    try:
        return state_of(line.status or "ok"), line.error
    except ValueError as error:
        return "failed", f"its record cannot be read ({error})"


def _unit_lines(view: View, places: Any) -> Iterable[UnitLine]:
    found = real_of(view.layer.scan, view.layer.name)
    for at, channel in enumerate(view.channels):
        line = view.best.get(channel)
        state, why = ("ok", None) if line is None else _state(line)
        density, maximum, real = (None, None, None) if found is None else found[0].of(channel)
        yield UnitLine(
            channel=channel,
            unit=view.unit(channel),
            name=view.network.label(view.layer, channel),
            status="missing" if line is None else state,
            tile=view.layout.tiles.get(channel),
            error=None if line is None else why,
            clean=None if line is None else line.clean,
            robust=None if line is None else line.robust,
            rank=None if line is None else line.rank,
            siblings=None if line is None else line.siblings,
            percentile=None if line is None else line.percentile,
            ratio=None if line is None else line.ratio,
            density=density,
            maximum=maximum,
            real=real,
            alike=None if places is None else int(places[at]),
        )
