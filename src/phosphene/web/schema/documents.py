"""What the microscope's pages are made of, as plain data: the API answers with these, the export writes them. No torch.

``frontend/src/types.ts`` says the same in TypeScript. Addresses of pictures are relative to the page: ``objects/...``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...store.about import Input

State = Literal["ok", "dead", "diverged", "failed", "missing"]


@dataclass(frozen=True)
class Strip:
    """``count`` pictures of one size side by side in one file."""

    url: str
    count: int
    width: int
    height: int


@dataclass(frozen=True)
class Tile:
    """A small picture on a sheet: its corner in pixels; it is as wide and high as the sheet's tile."""

    sheet: str
    x: int
    y: int


@dataclass(frozen=True)
class NetworkLine:
    """A network of the microscope. ``named``: with what was said about it, as ``phosphene serve --model`` takes it.
    ``live``: new pictures of it can be made here."""

    id: str
    model: str
    named: str
    live: bool
    layers: int
    pictures: int


@dataclass(frozen=True)
class SiteDoc:
    """Where one begins. ``live``: a server that can make pictures; an export cannot."""

    version: str
    live: bool
    store: str
    networks: tuple[NetworkLine, ...]


@dataclass(frozen=True)
class LayerLine:
    """A layer in a network. ``kind``: None where nobody knows. ``asked``: units of which sweeps were to make a picture;
    ``made``, ``failed``: of how many there is one, or an error. ``cover``: a few of its pictures. ``usual``: what one
    would look into; others are parts of those."""

    name: str
    kind: str | None
    module: str | None
    size: tuple[int, ...]
    field: tuple[int, int] | None
    units: int
    asked: int
    made: int
    failed: int
    examples: int
    scanned: bool
    usual: bool
    cover: tuple[Tile, ...] = ()


@dataclass(frozen=True)
class ScanLine:
    """A scan of real pictures."""

    id: str
    source: str
    pictures: int


@dataclass(frozen=True)
class NetworkDoc:
    """A network: its layers in the order of the forward. ``tile``, ``sheets``: of the covers, see ``LayerDoc``."""

    id: str
    model: str
    live: bool
    input: Input | None
    classes: int | None
    layers: tuple[LayerLine, ...]
    scans: tuple[ScanLine, ...]
    tile: int = 0
    sheets: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class UnitLine:
    """A unit in its layer's grid. ``density``, ``maximum``, ``real``: of a scan, None without one. ``alike``: its place
    when the layer is ordered so that neighbours are alike. ``status``: of its positive picture."""

    channel: int
    unit: str
    name: str | None
    status: State
    tile: Tile | None = None
    error: str | None = None
    clean: float | None = None
    robust: float | None = None
    rank: int | None = None
    siblings: int | None = None
    percentile: float | None = None
    ratio: float | None = None
    density: float | None = None
    maximum: float | None = None
    real: str | None = None
    alike: int | None = None


@dataclass(frozen=True)
class LayerDoc:
    """A layer at a glance. ``address``: of the network, with what was said about it, on a command line.

    ``tile``: pixels of a side of a tile. ``sheets``: address -> width, height in pixels. ``similarity``: what ``alike``
    was told from, or None: ``fires`` (on the same real pictures) or ``looks``. ``ways``: in how many its positive
    pictures were made; of a unit's, its line says that in which most were. ``chunks``: of an export, which of its files
    of units there are; None from a server, which has them all.
    """

    network: str
    model: str
    address: str
    live: bool
    layer: str
    kind: str | None
    size: tuple[int, ...]
    field: tuple[int, int] | None
    tile: int
    sheets: Mapping[str, tuple[int, int]]
    similarity: str | None
    previous: str | None
    next: str | None
    units: tuple[UnitLine, ...]
    damaged: int = 0
    ways: int = 1
    chunks: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ScoreDoc:
    """See ``result.Score``."""

    start: float | None
    clean: float | None
    robust: float | None
    under: str


@dataclass(frozen=True)
class FramesDoc:
    """The saved steps of a picture, side by side, with their clean scores."""

    strip: Strip
    steps: tuple[int, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True)
class Picture:
    """An optimised picture. ``evidence``: see ``result.Evidence``, as JSON; ``spec``: its job. ``cli`` and ``python``:
    what makes it again. ``row``: which of the diverse ones."""

    id: str
    kind: str
    row: int
    status: State
    target: str
    url: str
    width: int
    height: int
    steps: int
    seed: int
    score: ScoreDoc
    evidence: Mapping[str, Any]
    spec: Mapping[str, Any]
    versions: Mapping[str, str]
    arithmetic: str
    cli: str
    python: str
    group: Mapping[str, Any] | None = None
    frames: FramesDoc | None = None


@dataclass(frozen=True)
class Shot:
    """A real picture in a strip. ``sees``: top, left, bottom, right in pixels of what its strongest position sees."""

    value: float
    name: str
    label: str | None
    level: str
    position: tuple[int, ...] | None
    sees: tuple[int, int, int, int] | None


@dataclass(frozen=True)
class ExamplesDoc:
    """Real pictures of a unit. ``heat``: maps of all, top first, then bottom, then spectrum; 255 for the natural
    maximum. The spectrum goes from the weakest to the strongest."""

    source: str
    pictures: int
    top: tuple[Shot, ...]
    bottom: tuple[Shot, ...]
    spectrum: tuple[Shot, ...]
    strips: Mapping[str, Strip]
    heat: Strip | None = None


@dataclass(frozen=True)
class FacetDoc:
    """A kind of real pictures that fires a unit: the picture made for it is tile ``index`` of the strips."""

    index: int
    share: float | None
    status: State
    real: Strip | None
    shots: tuple[Shot, ...]
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FacetsDoc:
    """The kinds of real pictures that fire a unit, largest first; ``why``: there are none, and this is why."""

    pictures: Strip | None
    started: Strip | None
    facets: tuple[FacetDoc, ...]
    why: str | None = None


@dataclass(frozen=True)
class FactsDoc:
    """A unit on real pictures. ``shares``: of pictures in each bar between neighbouring ``ends`` of their maximum."""

    scan: str
    source: str
    pictures: int
    state: str
    rectified: bool
    density: float
    maximum: float
    average: float
    shares: tuple[float, ...]
    ends: tuple[float, ...]
    quantiles: Mapping[str, float]


@dataclass(frozen=True)
class Neighbour:
    """A unit of the same layer. ``by``: ``fires`` (correlation on real pictures), ``shares`` (overlap of the strongest
    pictures), ``weights`` (cosine of incoming weights) or ``looks`` (of the pictures)."""

    channel: int
    unit: str
    name: str | None
    by: str
    value: float
    tile: Tile | None


@dataclass(frozen=True)
class FailureDoc:
    """What could not be made."""

    kind: str
    row: int
    error: str


@dataclass(frozen=True)
class UnitDoc:
    """All that is known of a unit. ``address``: as a layer's. ``pictures``: by kind, then row."""

    network: str
    model: str
    address: str
    live: bool
    layer: str
    channel: int
    unit: str
    name: str | None
    units: int
    pictures: tuple[Picture, ...]
    facets: FacetsDoc | None
    examples: ExamplesDoc | None
    facts: FactsDoc | None
    neighbours: tuple[Neighbour, ...]
    failures: tuple[FailureDoc, ...]
    tile: int
    sheets: Mapping[str, tuple[int, int]]
    python: str
    cli: str
