"""All that a store knows of a unit, as a document. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from ...errors import MissingDependency, StoreError
from ...store.facts import Facts
from ...store.index import Line
from ...store.ledger import Ledger
from ...store.thumbs import TILE
from ..schema.documents import ExamplesDoc, FacetsDoc, FailureDoc, FramesDoc, Neighbour, Picture, ScoreDoc, UnitDoc
from ..schema.typed import typed
from .payloads import Payloads
from .real import examples_of, facets_of, facts_of
from .texts import cli_of, model_text, python_of, unit_texts
from .view import View, state_of

OPTIMISED = ("positive", "negative", "diverse")
NEAR, BESIDE = 6, 8  # siblings that fire alike; neighbours in all
DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


@final
@dataclass(frozen=True)
class Found:
    """The records of a unit by id, and what could not be read."""

    records: Mapping[str, Mapping[str, Any]]
    failures: Sequence[FailureDoc]


def unit_doc(
    view: View, channel: int, found: Found, payloads: Payloads, looks: Sequence[tuple[int, float]], live: bool
) -> UnitDoc:
    """``looks``: the units whose pictures look alike, with cosines; asked for where no scan knows the unit."""
    layer, network = view.layer, view.network
    payloads.look(found.records.values())
    failures = list(found.failures)
    pictures, real = [], dict[str, ExamplesDoc | FacetsDoc]()
    for line in view.lines.get(channel, ()):
        record = found.records.get(line.id)
        if line.status == "failed" and line.error is not None:
            failures.append(FailureDoc(line.kind, line.row, line.error))
        if record is None:
            continue
        try:
            if line.kind in OPTIMISED:
                pictures.append(picture_of(record, payloads))
            elif line.kind in ("examples", "facets") and line.kind not in real:
                make = examples_of if line.kind == "examples" else facets_of
                real[line.kind] = make(record, payloads)
        except StoreError as error:
            failures.append(FailureDoc(line.kind, line.row, str(error)))
        except DAMAGE as error:
            text = f"its record cannot be read ({type(error).__name__}: {error})"
            failures.append(FailureDoc(line.kind, line.row, text))
    kinds = list(dict.fromkeys(one.kind for one in pictures))  # in their order; of several ways the longest first
    pictures.sort(key=lambda one: (kinds.index(one.kind), one.row, -one.steps, one.id))
    said, facts = facts_of(layer.scan, layer.name, channel)
    neighbours = tuple(_neighbours(view, facts, looks))
    unit = view.unit(channel)
    cli, python = unit_texts(network.spec, unit)
    examples, facets = real.get("examples"), real.get("facets")
    own = view.layout.tiles.get(channel)
    return UnitDoc(
        network=network.id,
        model=network.model,
        address=model_text(network.spec),
        live=live,
        layer=layer.shown,
        channel=channel,
        unit=unit,
        name=network.label(layer, channel),
        units=len(view.channels),
        pictures=tuple(pictures),
        facets=facets if isinstance(facets, FacetsDoc) else None,
        examples=examples if isinstance(examples, ExamplesDoc) else None,
        facts=said,
        neighbours=neighbours,
        failures=tuple(failures),
        tile=TILE,
        sheets=view.layout.sheets_of([own, *(one.tile for one in neighbours)]),
        python=python,
        cli=cli,
    )


def read(ledger: Ledger, view: View, lines: Sequence[Line], packed: Mapping[str, Mapping[str, Any]]) -> Found:
    """The records of lines. ``packed``: those of the layer's packs by id."""
    records, failures = dict[str, Mapping[str, Any]](), []
    for line in lines:
        if line.error is not None:
            continue
        try:
            own = packed.get(line.id)
            records[line.id] = own if own is not None else ledger.record(view.network.id, view.layer.name, line.id)
        except (StoreError, MissingDependency):
            text = "its record is missing or damaged; phosphene verify puts it aside, the next sweep makes it"
            failures.append(FailureDoc(line.kind, line.row, text))
    return Found(records, failures)


def picture_of(record: Mapping[str, Any], payloads: Payloads) -> Picture:
    """An optimised picture of the store; raises as ``document_of``, StoreError for a damaged picture."""
    return document_of(record, *payloads.picture(record, "picture"), _frames(record, payloads))


def document_of(
    record: Mapping[str, Any], url: str, width: int, height: int, frames: FramesDoc | None = None
) -> Picture:
    """An optimised picture from its record, see ``Result.record``; ``kind`` and ``row`` may stand in it besides.

    ``url``: where the picture is; ``width``, ``height``: in pixels. Raises what ``DAMAGE`` names for what is no record.
    """
    score, spec = record["score"], typed(Mapping[str, Any], record["spec"])
    said = {name: score[name] for name in ("start", "clean", "robust", "under")}
    return Picture(
        id=str(record["id"]),
        kind=str(record.get("kind", "positive")),
        row=int(record.get("row", 0)),
        status=state_of(record["status"]),
        target=str(record["target"]),
        url=url,
        width=width,
        height=height,
        steps=int(record["steps"]),
        seed=int(record["seed"]),
        score=typed(ScoreDoc, said),
        evidence=typed(Mapping[str, Any], record["evidence"]),
        spec=spec,
        versions=typed(Mapping[str, str], record["versions"]),
        arithmetic=str(record.get("arithmetic", "exact")),
        cli=cli_of(spec),
        python=python_of(spec, str(record["fingerprint"])),
        group=group_of(record.get("group")),
        frames=frames,
    )


def group_of(group: Any) -> dict[str, Any] | None:
    """Which of its group a picture is, and how alike it is to the others on average."""
    if not isinstance(group, Mapping):
        return None
    said: dict[str, Any] = {"row": int(group["row"])} if "row" in group else {}
    matrix = group.get("similarity")
    if matrix and "row" in said:
        others = [float(value) for at, value in enumerate(matrix[said["row"]]) if at != said["row"]]
        if others:
            said["similarity"] = round(sum(others) / len(others), 4)
    return said


def _frames(record: Mapping[str, Any], payloads: Payloads) -> FramesDoc | None:
    kept = record.get("frames") or ()
    if not kept or "frames" not in (record.get("payloads") or {}):
        return None
    try:
        strip = payloads.strip(record, "frames", len(kept))
    except StoreError:  # the picture itself is whole
        return None
    if strip is None:
        return None
    return FramesDoc(strip, tuple(int(one["step"]) for one in kept), tuple(one["score"] for one in kept))


def _neighbours(view: View, facts: Facts | None, looks: Sequence[tuple[int, float]]) -> Iterator[Neighbour]:
    found: list[tuple[int, str, float]] = []
    if facts is not None:
        found += [(unit, "fires", value) for unit, value in facts.siblings[:NEAR]]
        pairs = (("shares", facts.sharing), ("weights", facts.twin))
        found += [(one[0], by, one[1]) for by, one in pairs if one is not None]
    if not found:
        found = [(unit, "looks", value) for unit, value in looks]
    for unit, by, value in found[:BESIDE]:
        name = view.network.label(view.layer, unit)
        yield Neighbour(unit, view.unit(unit), name, by, round(float(value), 4), view.layout.tiles.get(unit))
