"""What a network sees in a picture, as plain data. No torch. ``frontend/src/types.ts`` says the same in TypeScript."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """A class and its probability (0 to 1)."""

    channel: int
    name: str | None
    value: float


@dataclass(frozen=True)
class Firing:
    """A unit that fires: ``value`` is its maximum on the picture, ``share`` that over its natural maximum where a scan
    knows it."""

    channel: int
    unit: str
    name: str | None
    value: float
    share: float | None = None


@dataclass(frozen=True)
class Fired:
    """The units of a layer that fire most."""

    layer: str
    units: tuple[Firing, ...]


@dataclass(frozen=True)
class MapsDoc:
    """All maps of a layer, tiled: ``columns`` tiles in a row, each ``width`` x ``height``, in one grey picture
    (``data:``). White is ``scale``, black 0 or less. ``values``: each channel's maximum."""

    layer: str
    url: str
    columns: int
    width: int
    height: int
    scale: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class ExplainedDoc:
    """What in the picture a unit responds to (``data:``). ``most``: the magnitude drawn brightest."""

    unit: str
    method: str
    url: str
    most: float
    note: str | None


@dataclass(frozen=True)
class LookDoc:
    """What a network sees in a picture. ``input``: the picture as it was shown to it (``data:``). ``took``: seconds."""

    network: str
    input: str
    width: int
    height: int
    predictions: tuple[Prediction, ...]
    fired: tuple[Fired, ...]
    maps: MapsDoc | None
    explained: ExplainedDoc | None
    took: float
