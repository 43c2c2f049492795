"""Facets: a picture for each kind of thing that fires a unit, beside the real pictures of that kind (Nguyen 2016)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from .declare import checked
from .errors import BadSpec
from .examples.kinds import Kinds, kinds_of
from .files import png_of, write_beside
from .front import render
from .gallery.panel import Panel, Strip, Tile, panel
from .images import Fourier
from .models.network import Network
from .objectives import Neuron, Objective, from_text
from .produce import Progress, Stopped
from .result import Pixels, Result
from .store.scans import Scan, shown_layer
from .unit_sheet import said, tile_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SPREAD = 0.3  # of the picture's side: the standard deviation of where it may change


@final
@dataclass(frozen=True, eq=False)
class Facets:
    """A unit's kinds and a picture for each. Shows itself in a notebook.

    Each of ``pictures`` has a record of its own; its ``found["facet"]`` says which kind it is of.
    """

    unit: str
    model: str
    source: str
    kinds: Kinds = field(repr=False)
    pictures: tuple[Result, ...] = field(repr=False)
    greatest: float = 1.0

    @property
    def image(self) -> Picture:
        """A row per facet: the optimised picture, the mean that it began from, the real pictures."""
        kinds, found = self.kinds, self.kinds.found
        many = "1 facet" if found.count == 1 else f"{found.count} facets"
        facts = [f"{many} among its {kinds.pictures} strongest real pictures, told by {shown_layer(kinds.features)}"]
        if found.silhouettes:
            tried = ", ".join(f"{number}: {score:.2f}" for number, score in found.silhouettes.items())
            facts.append(f"silhouettes by number: {tried}; of features without kinds {found.chance:.2f}")
        strips = []
        for number, (kind, made) in enumerate(zip(kinds.kinds, self.pictures, strict=True), start=1):
            score = "score -" if made.score.clean is None else f"score {made.score.clean:.3g}"
            tiles = (
                Tile(made.pixels, "optimised", score if made.status == "ok" else made.status),
                Tile(kind.mean, "started from", "mean of the nearest"),
                *(tile_of(shot, self.greatest) for shot in kind.shots),
            )
            strips.append(Strip(f"facet {number}: {kind.members} of {kinds.pictures} pictures", tiles))
        title = f"facets of {self.unit} of {self.model.rpartition('/')[2]}"
        return panel(Panel(title, tuple(facts), tuple(strips)))

    def record(self) -> dict[str, Any]:
        """Everything but the pictures as JSON data."""
        kinds, found = self.kinds, self.kinds.found
        return {
            "unit": self.unit,
            "model": self.model,
            "data": self.source,
            "pictures": kinds.pictures,
            "features": {"layer": kinds.features, "at": kinds.at},
            "silhouettes": {str(number): score for number, score in found.silhouettes.items()},
            "chance": None if np.isnan(found.chance) else found.chance,
            "facets": [
                {"members": kind.members, "real": [said(shot) for shot in kind.shots], "optimised": made.record()}
                for kind, made in zip(kinds.kinds, self.pictures, strict=True)
            ],
        }

    def save(self, path: str | Path) -> Path:
        """Write the sheet as PNG and, last, its data beside it as ``.json``; returns the sheet's path."""
        return write_beside(Path(path), self._repr_png_(), self.record())

    def _repr_png_(self) -> bytes:
        return png_of(self.image)


def facets(
    network: Network,
    scan: Scan,
    unit: str | Objective,
    *,
    count: int | None = None,
    features: str | None = None,
    spread: float = SPREAD,
    steps: int | None = None,
    seed: int = 0,
    data: Any = None,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Facets:
    """What kinds of things fire a unit: its strongest real pictures in clusters, and a picture optimised for each.

    A picture begins from the mean of those nearest to the cluster's middle, moved so that what fired is in the middle,
    and may change there most: a Gaussian of ``spread`` times its side. Units of maps are aimed at in their middle
    position. ``count``: so many facets instead of the number with the best silhouette. ``features``: the layer by which
    pictures are told apart. Raises BadSpec, StoreError, MissingDependency; Stopped on Ctrl-C.
    """
    if not spread > 0:
        raise BadSpec(f"spread is above 0, in sides of the picture, not {spread}")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 20):
        raise BadSpec(f"facets are 1 to 20, not {count!r}")
    target = checked(network, from_text(unit) if isinstance(unit, str) else unit)
    kinds = kinds_of(network, scan, target, features=features, count=count, seed=seed, data=data)
    aim = Neuron(kinds.layer, kinds.channel) if len(scan.track(kinds.layer).size) == 2 else target
    size = scan.plan.shape[1], scan.plan.shape[2]
    made = []
    for number, kind in enumerate(kinds.kinds):
        try:
            one = render(
                network,
                aim,
                image=Fourier(size),
                start=kind.mean,
                mask=_middle(size, spread),
                steps=steps,
                seed=seed,
                store=store,
                progress=progress,
            )
        except Stopped:
            raise Stopped([]) from None  # a facet without its neighbours is not what was asked for
        made.append(
            replace(one, found={"facet": {"number": number + 1, "of": kinds.found.count, "members": kind.members}})
        )
    name = f"{shown_layer(kinds.layer)}:{kinds.channel}"
    facts = scan.unit(kinds.layer, kinds.channel)
    return Facets(name, scan.model, scan.plan.source, kinds, tuple(made), max(facts.maximum, 1e-9))


def _middle(size: tuple[int, int], spread: float) -> Pixels:
    """White in the middle, falling off like a Gaussian: where a facet may differ from its start."""
    rows, columns = ((np.arange(side) + 0.5) / side - 0.5 for side in size)
    fall = np.exp(-(rows[:, None] ** 2 + columns[None] ** 2) / (2 * spread**2))
    return (fall * 255).round().astype(np.uint8)
