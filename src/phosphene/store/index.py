"""A layer at a glance: a line per picture and per failure, kept so that nobody reads all records twice. No torch.

What is kept is never the truth: it is made anew whenever it does not fit what lies in the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, fields
from typing import Any, final

from ..errors import OutputError, StoreError
from ..spec import digest
from .kinds import picture_in, place_in_layer
from .ledger import Ledger
from .packs import packs_of, record_in, texts_in
from .paths import failure_of, index_of, record_of
from .sealed import sealed, unsealed

VERSION = 1  # raised whenever the same record would give another line


@final
@dataclass(frozen=True)
class Line:
    """A picture, or what could not be made. ``row``: which of a group. ``status``: ok, dead, diverged or failed; None
    for what was not optimised. ``rank`` among ``siblings`` units of the layer; ``percentile`` and ``ratio``: see
    ``Natural``. ``size``: height, width. ``picture``: the hash of its file, and ``ending`` what the file is.
    ``way``: alike for pictures that differ in nothing but network, unit and seed. ``error``: why it failed.
    """

    id: str
    unit: str
    channel: int
    kind: str
    row: int = 0
    status: str | None = None
    clean: float | None = None
    robust: float | None = None
    rank: int | None = None
    siblings: int | None = None
    percentile: float | None = None
    ratio: float | None = None
    size: tuple[int, int] | None = None
    picture: str | None = None
    ending: str = "png"
    way: str = ""
    error: str | None = None


COLUMNS = [one.name for one in fields(Line)]


@final
@dataclass(frozen=True)
class Glance:
    """A layer's lines in order, and the names of records and packs that could not be read, with the reason."""

    lines: list[Line] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)


def index(ledger: Ledger, fingerprint: str, layer: str) -> list[Line]:
    """All pictures and failures of a layer, by kind, channel and row. What is damaged is left out: ``glance``."""
    return glance(ledger, fingerprint, layer).lines


def glance(ledger: Ledger, fingerprint: str, layer: str) -> Glance:
    """``index``, and what had to be left out of it."""
    path = index_of(fingerprint, layer)
    packs = packs_of(ledger.place, fingerprint, layer)
    loose = ledger.loose(fingerprint, layer)
    key = digest({"version": VERSION, "columns": COLUMNS, "loose": loose, "packs": packs})
    lines = _kept(ledger, path, key)
    damaged: dict[str, str] = {}
    if lines is None:
        lines = _read(ledger, fingerprint, layer, loose, packs, damaged)
        if not damaged:  # what is repaired later has the same name
            _keep(ledger, path, key, lines)
    made = {line.id for line in lines}
    lines += [line for line in _failed(ledger, fingerprint, layer, damaged) if line.id not in made]
    lines.sort(key=lambda line: place_in_layer(line.kind, line.channel, line.row, line.id))
    return Glance(lines, damaged)


def _read(
    ledger: Ledger, fingerprint: str, layer: str, loose: list[str], packs: list[str], damaged: dict[str, str]
) -> list[Line]:
    """From the records themselves, each once; what is loose is newer than what is packed."""
    found: dict[str, Line] = {}
    for name, record in _records(ledger, (record_of(fingerprint, layer, one) for one in loose), damaged):
        _add(found, name, record, damaged)
    for path in packs:
        try:
            for text in texts_in(ledger.place, path):
                _add(found, path, record_in(text), damaged)
        except StoreError as error:
            damaged[path] = str(error)
    return list(found.values())


def _add(found: dict[str, Line], name: str, record: Mapping[str, Any], damaged: dict[str, str]) -> None:
    try:
        line = line_of(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        damaged[name] = f"{name} is not a record of a picture ({type(error).__name__}: {error})"
        return
    found.setdefault(line.id, line)


def _records(ledger: Ledger, names: Iterator[str], damaged: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Whole ones with their files' names; the others are put down."""
    for name, data in ledger.place.read_each(names):
        try:
            if isinstance(data, StoreError):
                raise data
            yield name, unsealed(data, name)
        except StoreError as error:
            damaged[name] = str(error)


def line_of(record: Mapping[str, Any]) -> Line:
    """A record at a glance."""
    score, evidence = record.get("score") or {}, record.get("evidence") or {}
    natural, size = evidence.get("natural") or {}, record.get("size")
    picture = picture_in(record) or {}
    return Line(
        id=str(record["id"]),
        unit=str(record["unit"]),
        channel=int(record["channel"]),
        kind=str(record["kind"]),
        row=int(record.get("row", 0)),
        status=record.get("status"),
        clean=score.get("clean"),
        robust=score.get("robust"),
        rank=evidence.get("rank"),
        siblings=evidence.get("siblings"),
        percentile=natural.get("percentile"),
        ratio=natural.get("ratio"),
        size=None if size is None else (int(size[0]), int(size[1])),
        picture=picture.get("hash"),
        ending=str(picture.get("kind", "png")),
        way=_way(record),
    )


def _way(record: Mapping[str, Any]) -> str:
    spec = record.get("spec")
    if not isinstance(spec, Mapping):
        return ""
    others = ("model", "target", "seed", "group")
    return digest({key: value for key, value in spec.items() if key not in others})[:8]


def _failed(ledger: Ledger, fingerprint: str, layer: str, damaged: dict[str, str]) -> list[Line]:
    """Failures are few, and one that is tried again keeps its name: they are read each time."""
    names = (failure_of(fingerprint, layer, one) for one in ledger.failed(fingerprint, layer))
    lines = []
    for name, failure in _records(ledger, names, damaged):
        try:
            lines.append(
                Line(
                    id=str(failure["id"]),
                    unit=str(failure["unit"]),
                    channel=int(failure["channel"]),
                    kind=str(failure["kind"]),
                    row=int(failure.get("row", 0)),
                    status="failed",
                    error=str(failure["error"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            damaged[name] = f"{name} is not a failure ({type(error).__name__}: {error})"
    return lines


def _keep(ledger: Ledger, path: str, key: str, lines: list[Line]) -> None:
    data = sealed({"key": key, "rows": [astuple(line) for line in lines]})
    try:
        ledger.place.write(path, data)
    except OutputError:  # a store that can only be read
        return


def _kept(ledger: Ledger, path: str, key: str) -> list[Line] | None:
    """What was found before, if it fits."""
    try:
        data = unsealed(ledger.place.read(path), path)
    except StoreError:
        return None
    if data.get("key") != key:
        return None
    return [_line(row) for row in data["rows"]]


def _line(row: list[Any]) -> Line:
    said = dict(zip(COLUMNS, row, strict=True))
    return Line(**{**said, "size": None if said["size"] is None else tuple(said["size"])})
