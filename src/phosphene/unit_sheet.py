"""Real pictures beside made ones: a unit's sheet, from a finished scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from .address import OUTPUT
from .attribution import attribute_rows, attributions, drawn
from .declare import checked
from .examples.shots import Shot, UnitExamples, examples, place_of, tensor
from .files import png_of, write_beside
from .gallery.panel import BARS, Bars, Panel, Strip, Tile, cropped, panel
from .models.network import Network
from .objectives import Neuron, Objective, from_text
from .result import Pixels, Result
from .store.scans import Scan

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

NEAR = 4  # siblings that are named
QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


@final
@dataclass(frozen=True, eq=False)
class UnitSheet:
    """The real pictures of a unit, as a sheet and as data. Shows itself in a notebook.

    ``explained``: method -> a picture per top example of what in it the unit responds to. ``optimised``: a picture made
    for the unit. ``crop``: examples are shown cropped to what the unit sees. ``called``: a class's name;
    ``siblings``: names of the units that fire together with it.
    """

    found: UnitExamples = field(repr=False)
    explained: Mapping[str, tuple[Pixels, ...]] = field(default_factory=dict, repr=False)
    optimised: Result | None = None
    crop: bool = False
    called: str | None = None
    siblings: tuple[str, ...] = ()

    @property
    def image(self) -> Picture:
        """The sheet: facts, histogram, top, spectrum, bottom."""
        found, facts = self.found, self.found.facts
        most = facts.maximum if facts.maximum > 0 else 1.0
        method = "".join(f", {name}" for name in self.explained)
        top = tuple(self._best(shot, most, index) for index, shot in enumerate(found.top))
        strips = (
            Strip(f"top {len(found.top)} by {self._by}{self._how}{method and '; last' + method[1:]}", top),
            Strip(
                "along the spectrum: near zero, low, median, high, top" + self._of_firing,
                self._row(found.spectrum, most),
            ),
            Strip(f"bottom {len(found.bottom)} by {self._by}", self._row(found.bottom, most)),
        )
        return panel(Panel(self._title, self._facts, strips, self._bars, self._side))

    @property
    def _by(self) -> str:
        """What pictures are ordered by; of a vector there is only the value."""
        return {"max": "maximum", "mean": "mean"}[self.found.by] if self.found.facts.track.size else "value"

    @property
    def _how(self) -> str:
        shown = "cropped to what the unit sees" if self.crop else "outlined what its strongest position sees"
        found = self.found.top
        if self.crop:
            return ": " + shown if any(shot.box is not None for shot in found) else ""
        outlined = shown if any(shot.box is not None for shot in found) else ""
        glow = "below, its map on the scale of its natural maximum" if any(s.heat is not None for s in found) else ""
        said = "; ".join(part for part in (outlined, glow) if part)
        return said and f": {said}"

    @property
    def _of_firing(self) -> str:
        facts = self.found.facts
        return " (quantiles of the pictures on which it fires)" if facts.rectified and facts.density < 1 else ""

    @property
    def _title(self) -> str:
        found, (_, height, width) = self.found, self.found.shape
        unit = found.unit if self.called is None else f"{found.unit} ({self.called})"
        source = Path(found.source).name or found.source
        return (
            f"{unit} of {found.model.rpartition('/')[2]} on {found.facts.pictures} real pictures "
            f"of {source}, {height} x {width}"
        )

    @property
    def _facts(self) -> tuple[str, ...]:
        facts = self.found.facts
        state = "" if facts.state == "ok" else f"{facts.state}: "
        verb = "fires" if facts.rectified else "is above zero"
        fires = f"{state}{verb} on {100 * facts.density:.3g} % of pictures; maximum {facts.maximum:.3g}, "
        fires += f"average {facts.average:.3g}"
        pairs = zip(self.siblings, facts.siblings, strict=False)
        near = ", ".join(f"{name} ({value:.2f})" for name, (_, value) in pairs)
        lines = [fires + (f"; fires together with {near}" if near else "")]
        if facts.tied >= len(self.found.top) > 1 and self.found.by == "max":
            many = f"{facts.tied} or more" if facts.tied == facts.listed else str(facts.tied)
            lines.append(
                f"{many} pictures tie at the maximum, and those with the lowest numbers stand here; "
                "--by mean tells them apart"
            )
        if facts.broken:
            lines.append(f"not a finite number on {facts.broken} pictures")
        return tuple(lines)

    @property
    def _bars(self) -> Bars | None:
        found = self.found
        sketch = found.facts.sketch(found.by)
        if not sketch.total:
            return None
        shares, ends = sketch.histogram(BARS)
        marks = (
            (sketch.least, f"{sketch.least:.3g}"),
            (sketch.quantile(0.5), f"median {sketch.quantile(0.5):.3g}"),
            (sketch.quantile(0.99), f"99 % {sketch.quantile(0.99):.3g}"),
            (sketch.greatest, f"{sketch.greatest:.3g}"),
        )
        return Bars(shares, ends, f"{self._by} of a picture, against the root of how many have it", marks)

    @property
    def _side(self) -> tuple[Tile, ...]:
        if self.optimised is None:
            return ()
        made, natural = self.optimised, self.optimised.evidence.natural
        detail: str = made.status
        if made.status == "ok" and natural is not None and natural.ratio is not None:
            detail = f"{natural.ratio:.1f} x natural max"
        return (Tile(made.pixels, "optimised", detail),)

    def _row(self, shots: Sequence[Shot], most: float) -> tuple[Tile, ...]:
        return tuple(tile_of(shot, most, self.crop) for shot in shots)

    def _best(self, shot: Shot, most: float, index: int) -> Tile:
        """One of the strongest, with what explains it."""
        box = _box(shot) if self.crop else None
        more = tuple(cropped(rows[index], box) for rows in self.explained.values())
        return replace(tile_of(shot, most, self.crop), more=more)

    def record(self) -> dict[str, Any]:
        """Everything but the pictures as JSON data."""
        found, facts = self.found, self.found.facts
        mean, most = facts.sketch("mean"), facts.sketch("max")
        return {
            "unit": found.unit,
            "model": found.model,
            "data": found.source,
            "pictures": facts.pictures,
            "by": found.by,
            "state": facts.state,
            "density": facts.density,
            "maximum": facts.maximum,
            "average": facts.average,
            "not_finite": facts.broken,
            "tied": facts.tied,
            "quantiles": {str(q): {"max": most.quantile(q), "mean": mean.quantile(q)} for q in QUANTILES},
            "fires_with": [{"unit": unit, "correlation": value} for unit, value in facts.siblings],
            "shares_examples_with": _pair("overlap", facts.sharing),
            "twin_by_weights": _pair("cosine", facts.twin),
            "top": [said(shot) for shot in found.top],
            "bottom": [said(shot) for shot in found.bottom],
            "spectrum": [said(shot) for shot in found.spectrum],
        }

    def save(self, path: str | Path) -> Path:
        """Write the sheet as PNG and, last, its data beside it as ``.json``; returns the sheet's path."""
        return write_beside(Path(path), self._repr_png_(), self.record())

    def _repr_png_(self) -> bytes:
        return png_of(self.image)


def _pair(what: str, found: tuple[int, float] | None) -> dict[str, Any] | None:
    return None if found is None else {"unit": found[0], what: found[1]}


def tile_of(shot: Shot, most: float, crop: bool = False) -> Tile:
    """A real picture as a tile; ``most``: the activation that is drawn brightest."""
    fires = shot.example.value > 0  # what a silent unit would see says nothing
    level = f"{shot.example.level} " if shot.example.level not in ("top", "bottom") else ""
    value, label = f"{level}{shot.example.value:.3g}", "gone" if shot.gone else shot.label or shown_name(shot.name)
    if crop:
        return Tile(cropped(shot.pixels, _box(shot) if fires else None), value, label)
    heat = None if shot.heat is None else np.maximum(shot.heat, 0) / most
    return Tile(shot.pixels, value, label, _box(shot) if fires else None, heat)


def shown_name(name: str, most: int = 18) -> str:
    """A picture's name, its end if it is long: that is where datasets put what tells pictures apart."""
    stem = Path(name).stem or name
    return stem if len(stem) <= most else f"…{stem[1 - most :]}"


def _box(shot: Shot) -> tuple[int, int, int, int] | None:
    return None if shot.box is None else (shot.box.top, shot.box.left, shot.box.bottom, shot.box.right)


def said(shot: Shot) -> dict[str, Any]:
    box = _box(shot)
    return {
        "picture": shot.example.picture,
        "name": shot.name,
        "label": shot.label,
        "value": shot.example.value,
        "position": None if shot.example.position is None else list(shot.example.position),
        "sees": None if box is None else list(box),
        "level": shot.example.level,
    }


def examples_of(
    network: Network,
    scan: Scan,
    unit: str | Objective,
    *,
    by: Literal["max", "mean"] = "max",
    count: int | None = None,
    methods: Sequence[str] = (),
    optimised: Result | None = None,
    crop: bool = False,
    data: Any = None,
) -> UnitSheet:
    """A unit's strongest and weakest real pictures and those in between, and what is known of it.

    ``count``: of the strongest and weakest; nine, or as many as were kept. ``methods``: attributions that are added
    below each of the strongest, from the position that fired (the Deep Visualization Toolbox's "deconv of top-9").
    ``optimised``: a picture of the same unit, to show beside. ``crop``: show what the unit sees alone. ``data``: where
    the pictures are, if not where they were scanned.
    """
    target = checked(network, from_text(unit) if isinstance(unit, str) else unit)
    found = examples(network, scan, target, by=by, count=count, data=data)
    explained = {}
    layer, channel = place_of(target)
    for name in methods:
        aims = [
            Neuron(layer, channel, (shot.example.position[0], shot.example.position[1]))
            if shot.example.position is not None and len(shot.example.position) == 2
            else target
            for shot in found.top
        ]
        made = attribute_rows(network, aims, tensor([shot.pixels for shot in found.top], network), name)
        explained[name] = tuple(drawn(row.cpu().numpy(), colours=_colours(name))[0] for row in made.signed)
    named = network.class_name if layer == OUTPUT else (lambda _: None)
    siblings = tuple(named(unit) or str(unit) for unit, _ in found.facts.siblings[:NEAR])
    return UnitSheet(found, explained, optimised, crop, named(channel), siblings)


def _colours(method: str) -> bool:
    return bool(attributions.get(method)().colours)
