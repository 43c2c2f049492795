"""What in photos a unit responds to, by several methods side by side, and whether the methods can be believed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from .attribution import (
    Attribution,
    Randomised,
    attribute_rows,
    attributions,
    drawn,
    explainable,
    peaks,
    randomised,
)
from .declare import checked
from .errors import BadSpec
from .files import png_of, write_beside
from .front import load
from .models.network import Network
from .objectives import Objective, named
from .pictures import opened, picture_tensor
from .produce import fingerprint_of, versions
from .result import Pixels
from .together import one_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from .gallery.sheet import Cell

METHODS = ("saliency", "deconv", "guided", "gradient_x_input")
SHOWN = 8  # stages of the sanity check that a sheet has room for; the record has all


@final
@dataclass(frozen=True, eq=False)
class Explanation:
    """Maps of what in each photo the target responds to, by several methods. Shows itself in a notebook.

    ``targets`` and ``scores``: of each photo; with ``peak`` each photo has its own position. ``pictures``
    ``(b, h, w, c)``: the photos as the network saw them. ``attributions``: method -> maps. ``sanity``: what becomes of
    the maps when weights are shuffled, if that was asked for.
    """

    model: str
    fingerprint: str
    target: str
    peak: bool
    photos: tuple[str, ...]
    hashes: tuple[str, ...]
    targets: tuple[str, ...]
    scores: tuple[float, ...]
    size: tuple[int, int]
    versions: Mapping[str, str]
    pictures: NDArray[np.uint8] = field(repr=False)
    attributions: Mapping[str, Attribution] = field(repr=False)
    sanity: tuple[Randomised, ...] = ()

    @property
    def notes(self) -> dict[str, str]:
        """Method -> what one must know to read its maps, where there is anything."""
        return {name: made.note for name, made in self.attributions.items() if made.note is not None}

    @property
    def _called(self) -> str:
        """The network's name without the folders of its file."""
        return self.model.rpartition("/")[2] if ".py" in self.model else self.model

    @property
    def image(self) -> Picture:
        """A row per photo: the photo, then a map per method, each scaled to its own range."""
        from .gallery.sheet import sheet

        cells = [cell for row in range(len(self.photos)) for cell in self._row(row)]
        title = f"{self.target} in {self._called}; each map scaled to its own range"
        return sheet(cells, columns=1 + len(self.attributions), title=title)

    @property
    def sanity_image(self) -> Picture:
        """A row per method: the map of a photo, then what is left of it after more and more weights were shuffled.

        The first photo of which all methods have a map; correlations are means over all.
        """
        from .gallery.sheet import Cell, sheet

        layers = list(dict.fromkeys(row.layer for row in self.sanity))
        few = [layers[round(k * (len(layers) - 1) / (SHOWN - 1))] for k in range(SHOWN)]
        chosen = layers if len(layers) <= SHOWN else few
        silent = [any(one) for one in zip(*(made.silent for made in self.attributions.values()), strict=True)]
        shown = silent.index(False) if False in silent else 0
        cells = []
        for name, made in self.attributions.items():
            cells.append(Cell(_pixels(made, shown)[0], name, "as trained", wrong=made.silent[shown]))
            for row in self.sanity:
                if row.method == name and row.layer in chosen:
                    said = "no map" if row.spearman is None else f"rank correlation {row.spearman:.2f}"
                    pixels, _ = _pixels(row.attribution, shown)
                    cells.append(Cell(pixels, f"to {row.layer}", said, wrong=row.attribution.silent[shown]))
        over = "" if len(self.photos) == 1 else f"; correlations: mean of {len(self.photos)} photos"
        title = (
            f"{self.target} in {self.model}, {self.photos[shown]}: weights shuffled from the top down to a layer{over}"
        )
        return sheet(cells, columns=1 + len(chosen), title=title)

    def _row(self, row: int) -> list[Cell]:
        from .gallery.sheet import Cell

        at = self.targets[row].rpartition("@")[2] if self.peak else ""
        cells = [Cell(self.pictures[row], self.photos[row], f"score {self.scores[row]:#.3g}{at and f' at {at}'}")]
        for name, made in self.attributions.items():
            pixels, most = _pixels(made, row)
            scale = f"grey 0, full ±{most:.2g}" if attributions.get(name)().colours else f"white {most:.2g}"
            cells.append(Cell(pixels, name, "all zero" if made.silent[row] else scale, wrong=made.silent[row]))
        return cells

    def record(self) -> dict[str, Any]:
        """Everything but the pictures as JSON data."""
        photos = [
            {"photo": photo, "hash": digest, "target": target, "score": score}
            for photo, digest, target, score in zip(self.photos, self.hashes, self.targets, self.scores, strict=True)
        ]
        sanity = [
            {"method": r.method, "down_to": r.layer, "spearman": r.spearman, "pearson": r.pearson, "silent": r.silent}
            for r in self.sanity
        ]
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            "target": self.target,
            "peak": self.peak,
            "size": list(self.size),
            "photos": photos,
            "methods": {name: {"note": made.note} for name, made in self.attributions.items()},
            "sanity": sanity,
            "versions": dict(self.versions),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """``pictures`` ``(b, h, w, c)``, ``scores`` ``(b,)`` and for each method its signed maps ``(b, c, h, w)``."""
        maps = {name: made.signed.cpu().numpy() for name, made in self.attributions.items()}
        return {"pictures": self.pictures, "scores": np.array(self.scores, dtype=np.float32), **maps}

    def save(self, path: str | Path, *, arrays: str | Path | None = None) -> Path:
        """Write the sheet and its record beside it as ``.json``; a sanity check's sheet as ``.sanity.png``.

        ``arrays``: also ``arrays()`` as an ``.npz`` file. Returns the sheet's path.
        """
        path = Path(path)
        files: list[tuple[Path, bytes]] = []
        if self.sanity:
            files.append((path.with_suffix(".sanity.png"), png_of(self.sanity_image)))
        if arrays is not None:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **self.arrays())  # type: ignore[arg-type]
            files.append((Path(arrays), buffer.getvalue()))
        return write_beside(path, self._repr_png_(), self.record(), *files)

    def _repr_png_(self) -> bytes:
        return png_of(self.image)


def explain(
    network: Network | str,
    target: str | Objective,
    photos: Any,
    *,
    methods: str | Sequence[str] = METHODS,
    peak: bool = False,
    size: int | tuple[int, int] | None = None,
    sanity: bool = False,
    seed: int = 0,
) -> Explanation:
    """What in each photo ``target`` responds to, by each of ``methods``.

    ``photos``: one or a list of paths, PIL images or arrays; cropped around their middle to the network's size, or to
    ``size`` (side, or height and width) where it takes any. ``methods``: ``saliency``, ``deconv``, ``guided``,
    ``gradient_x_input``. ``peak``: of a channel, the position that fires most in each photo instead of the mean.
    ``sanity``: also shuffle the weights of a copy from the target down, by ``seed``, and compare the maps.

    Raises BadTarget, BadSpec, UnknownLayer, UnknownClass, UnknownOption, UnitOutOfRange, NotDifferentiable, ModelError.

    >>> import numpy as np
    >>> found = explain("miniception", "conv2:3", np.full((64, 64, 3), 0.5), methods="saliency")
    >>> found.attributions["saliency"].map.shape
    torch.Size([1, 64, 64])
    """
    methods = [methods] if isinstance(methods, str) else list(dict.fromkeys(methods))
    photos = list(photos) if isinstance(photos, list | tuple) else [photos]
    refuse(methods, photos)
    network = load(network) if isinstance(network, str) else network
    explainable(one_of(target))
    objective = checked(network, one_of(target))
    shape = (network.preprocessing.size[0], *_sides(network, size))
    pictures = torch.cat([picture_tensor(photo, shape, network.device, "photo") for photo in photos])
    aims: list[Objective] = [objective] * len(photos)
    if peak:
        aims = list(peaks(network, aims, pictures))
    made = {name: attribute_rows(network, aims, pictures, name) for name in methods}
    rows = randomised(network, aims, pictures, methods, seed=seed) if sanity else []
    return Explanation(
        model=network.name,
        fingerprint=network.fingerprint,
        target=str(named(objective, network.class_name)),
        peak=peak,
        photos=tuple(_name(photo, index) for index, photo in enumerate(photos)),
        hashes=tuple(fingerprint_of(picture[None]) for picture in pictures),
        targets=tuple(str(named(aim, network.class_name)) for aim in aims),
        scores=tuple(next(iter(made.values())).scores.tolist()),
        size=(shape[1], shape[2]),
        versions=versions(),
        pictures=(pictures * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy(),
        attributions=made,
        sanity=tuple(rows),
    )


def refuse(methods: Sequence[str], photos: Sequence[Any]) -> None:
    """What can be told to be wrong before a network is loaded, let alone downloaded."""
    for name in methods:
        attributions.get(name)
    if not methods:
        raise BadSpec(f"name at least one method: {', '.join(METHODS)}")
    if not photos:
        raise BadSpec("give at least one photo")
    for photo in photos:
        if isinstance(photo, str | Path):
            opened(Path(photo), "photo")


def _sides(network: Network, size: int | tuple[int, int] | None) -> tuple[int, int]:
    """The size at which photos are seen."""
    own = network.preprocessing.size[1:]
    if size is None:
        return own
    high, wide = (size, size) if isinstance(size, int) else size
    if min(high, wide) < 1:
        raise BadSpec(f"a size is pixels from 1 up, not {high} x {wide}")
    if network.preprocessing.fixed and (high, wide) != own:
        raise BadSpec(f"{network.name} takes pictures of {own[0]} x {own[1]} alone, not {high} x {wide}")
    return high, wide


def _name(photo: Any, index: int) -> str:
    """What a photo is called."""
    name = photo if isinstance(photo, str | Path) else getattr(photo, "filename", "")
    return Path(name).name if name else f"photo {index + 1}"


def _pixels(made: Attribution, row: int) -> tuple[Pixels, float]:
    return drawn(made.signed[row].cpu().numpy(), colours=attributions.get(made.method)().colours)
