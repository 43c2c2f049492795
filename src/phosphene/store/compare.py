"""Two stores side by side, unit by unit: what is the same, what has changed, and how much. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from .index import Line, index
from .ledger import Ledger
from .networks import the_network
from .paths import object_of
from .thumbs import opened

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

State = Literal["changed", "made otherwise", "only first", "only second", "same"]
STATES: tuple[State, ...] = get_args(State)
SIDE = 64  # pixels of the longer side at which two pictures are compared
_Key = tuple[str, int, int]


@final
@dataclass(frozen=True)
class Change:
    """A picture in two stores. ``first`` and ``second``: its lines, None where there is none. ``likeness``: see
    ``likeness``; None where it was not made in both. ``steps``: of the first and the second, where they are known.

    ``made otherwise``: in two ways, as by other steps or at another size; that they differ says nothing of the network.
    """

    layer: str
    unit: str
    kind: str
    row: int
    state: State
    first: Line | None
    second: Line | None
    likeness: float | None = None
    steps: tuple[int | None, int | None] = (None, None)


def diff(
    first: Ledger,
    second: Ledger,
    *,
    network: tuple[str | None, str | None] = (None, None),
    layer: str | None = None,
) -> list[Change]:
    """Every picture of a network in two stores, the least alike first, then those that were made in two ways, those
    that only one has, and the same.

    ``network``: how its fingerprint begins in each, if a store has several. Pictures belong together by layer, kind,
    channel and row; of several, those that were made in the same way. Raises StoreError, also for damaged pictures.
    """
    one, two = the_network(first, network[0], layer), the_network(second, network[1], layer)
    layers = sorted({*first.layers(one), *second.layers(two)}) if layer is None else [layer]
    known: dict[str, int | None] = {}
    found = []
    for name in layers:
        for a, b in _pairs(index(first, one, name), index(second, two, name)):
            steps = _steps(first, one, name, a, known), _steps(second, two, name, b, known)
            found.append(replace(_change(first, second, name, a, b), steps=steps))
    return sorted(found, key=_order)


def _steps(ledger: Ledger, network: str, layer: str, line: Line | None, known: dict[str, int | None]) -> int | None:
    """How many steps a picture took. All of one way took as many, so one record of each is read."""
    if line is None or not line.way:
        return None
    if line.way not in known:
        try:
            known[line.way] = ledger.record(network, layer, line.id)["spec"].get("steps")
        except StoreError:  # damaged since; another picture of the way may say it
            return None
    return known[line.way]


def _order(change: Change) -> tuple[int, float]:
    return STATES.index(change.state), -2.0 if change.likeness is None else change.likeness


def _pairs(first: Iterable[Line], second: Iterable[Line]) -> list[tuple[Line | None, Line | None]]:
    """Lines that belong together, in the order of the first."""
    lines: dict[_Key, tuple[list[Line], list[Line]]] = defaultdict(lambda: ([], []))
    for side, those in enumerate((first, second)):
        for line in those:
            lines[line.kind, line.channel, line.row][side].append(line)
    found: list[tuple[Line | None, Line | None]] = []
    for a, b in lines.values():
        left = a
        for fits in (_in_one_way, _perhaps_in_one_way, _in_any_way):
            left = _paired(left, b, fits, found)
        found += [(line, None) for line in left] + [(None, line) for line in b]
    return found


def _paired(
    a: Iterable[Line], b: list[Line], fits: Callable[[Line, Line], bool], found: list[tuple[Line | None, Line | None]]
) -> list[Line]:
    """Moves the pairs that fit to ``found``, out of ``b``; what is left of ``a``."""
    left = []
    for line in a:
        other = next((one for one in b if fits(line, one)), None)
        if other is None:
            left.append(line)
        else:
            b.remove(other)
            found.append((line, other))
    return left


def _in_one_way(a: Line, b: Line) -> bool:
    return a.way == b.way


def _perhaps_in_one_way(a: Line, b: Line) -> bool:
    """What failed does not know its way."""
    return not (a.way and b.way)


def _in_any_way(a: Line, b: Line) -> bool:
    return True


def _change(first: Ledger, second: Ledger, layer: str, a: Line | None, b: Line | None) -> Change:
    line = a or b
    assert line is not None
    alike: float | None = None
    state: State
    if a is None or b is None:
        state = "only second" if a is None else "only first"
    elif not (_in_one_way(a, b) or _perhaps_in_one_way(a, b)):
        state, alike = "made otherwise", _alike(first, second, a, b)
    elif a.picture == b.picture and (a.picture is not None or a.status == b.status):
        state, alike = "same", 1.0 if a.picture is not None else None
    else:
        state, alike = "changed", _alike(first, second, a, b)
    return Change(layer, line.unit, line.kind, line.row, state, a, b, alike)


def _alike(first: Ledger, second: Ledger, a: Line, b: Line) -> float | None:
    if a.picture is None or b.picture is None:
        return None
    return round(likeness(picture_of(first, a), picture_of(second, b)), 4)


def picture_of(ledger: Ledger, line: Line) -> Picture:
    """The picture of a line that has one. StoreError when it is missing or damaged."""
    entry = {"hash": line.picture, "kind": line.ending}
    data = ledger.payload({"id": line.id, "payloads": {"picture": entry}}, "picture")
    return opened(data, object_of(str(line.picture), line.ending))


def likeness(first: Picture, second: Picture) -> float:
    """How alike two pictures look, from -1 to 1: the correlation of their colours, pixel by pixel.

    Each colour's mean over the picture is taken out first, so that an even tint counts for nothing; both are brought to
    the size of the smaller, 64 pixels at most. 1: the same but for contrast; around 0: nothing in common; below: one is
    like the negative of the other. A motif that has moved is not found again; pictures from the same seed and start, as
    two sweeps make them, keep their places as long as the units are much alike.
    """
    size = _common(first, second)
    a, b = _colours(first, size), _colours(second, size)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    if length == 0:  # an even picture is like an even one, and like nothing else
        return 1.0 if not a.any() and not b.any() else 0.0
    return float(np.clip((a * b).sum() / length, -1, 1))


def _common(first: Picture, second: Picture) -> tuple[int, int]:
    width, height = min(first.width, second.width), min(first.height, second.height)
    part = min(1.0, SIDE / max(width, height))
    return max(1, round(width * part)), max(1, round(height * part))


def _colours(picture: Picture, size: tuple[int, int]) -> NDArray[np.float64]:
    """``(height, width, 3)``; what is transparent is grey."""
    from PIL import Image

    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (128, 128, 128, 255)), picture)
    shown = picture.convert("RGB")
    if shown.size != size:
        shown = shown.resize(size, Image.Resampling.BOX)
    pixels = np.asarray(shown, np.float64)
    centred: NDArray[np.float64] = pixels - pixels.mean((0, 1))
    return centred
