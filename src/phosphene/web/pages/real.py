"""What real pictures say of a unit, as documents: examples, facets, facts, neighbours. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ...errors import StoreError
from ...gallery.panel import BARS
from ...store.facts import Facts
from ...store.scans import Scan
from ..schema.documents import ExamplesDoc, FacetDoc, FacetsDoc, FactsDoc, Shot, Strip
from .payloads import Payloads
from .view import state_of

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
ROWS = ("top", "bottom", "spectrum")
OF_A_FACET = ("id", "target", "status", "steps", "seed", "score", "evidence", "versions", "arithmetic")


def source_text(source: str) -> str:
    """A dataset as it is shown: of a folder its name, for where it lies is nobody else's business.

    >>> source_text("/home/me/photos/"), source_text("s3://KEY:SECRET@lab/photos?token=T")
    ('photos', 's3://lab/photos')
    """
    return without_keys(source) if "://" in source else last_part(source)


def without_keys(url: str) -> str:
    """An address without users, passwords and what is asked with it."""
    return re.sub(r"[?#].*", "", re.sub(r"//[^/]*@", "//", url), flags=re.DOTALL)


def last_part(address: str) -> str:
    r"""The name at the end of a path or an address; nothing of where that is.

    >>> last_part("sftp://me:word@host/lab/gallery"), last_part("sftp://me:word@host"), last_part(r"C:\lab\gallery")
    ('gallery', 'host', 'gallery')
    """
    parts = [part for part in re.split(r"[/\\]", without_keys(address)) if part]
    return parts[-1] if parts else "store"


def examples_of(record: Mapping[str, Any], payloads: Payloads) -> ExamplesDoc:
    """Of a record of examples. KeyError, TypeError, ValueError for what is none; StoreError for damaged pictures."""
    real = record["real"]
    shots = {name: tuple(map(_shot, real[name])) for name in ROWS}
    strips = {name: _strip(payloads, record, name, len(shots[name])) for name in ROWS if shots[name]}
    heat = _strip(payloads, record, "heat", sum(map(len, shots.values())))
    return ExamplesDoc(
        source_text(str(real["data"])),
        int(real["pictures"]),
        shots["top"],
        shots["bottom"],
        shots["spectrum"],
        {name: strip for name, strip in strips.items() if strip is not None},
        heat,
    )


def _strip(payloads: Payloads, record: Mapping[str, Any], name: str, count: int) -> Strip | None:
    return payloads.strip(record, name, count) if count and name in record["payloads"] else None


def _shot(said: Mapping[str, Any]) -> Shot:
    position, sees = said.get("position"), said.get("sees")
    box = None if sees is None else (int(sees[0]), int(sees[1]), int(sees[2]), int(sees[3]))
    return Shot(
        float(said["value"]),
        str(said["name"]),
        None if said.get("label") is None else str(said["label"]),
        str(said.get("level", "")),
        None if position is None else tuple(map(int, position)),
        box,
    )


def facets_of(record: Mapping[str, Any], payloads: Payloads) -> FacetsDoc:
    """Of a record of facets; raises as ``examples_of``."""
    if record.get("facets") is None:
        return FacetsDoc(None, None, (), str(record.get("why") or "there are none"))
    said = record["facets"]
    whole = int(said["pictures"])
    count = len(said["facets"])
    found = []
    for index, one in enumerate(said["facets"]):
        shots, made = tuple(map(_shot, one["real"])), one["optimised"]
        more = {"members": int(one["members"]), **{name: made[name] for name in OF_A_FACET if name in made}}
        status = state_of(made.get("status", "ok"))
        real = _strip(payloads, record, f"real{index + 1}", len(shots))
        found.append(FacetDoc(index, int(one["members"]) / whole if whole else None, status, real, shots, more))
    found.sort(key=lambda one: (-(one.share or 0.0), one.index))
    pictures, started = (_strip(payloads, record, name, count) for name in ("picture", "started"))
    return FacetsDoc(pictures, started, tuple(found))


def facts_of(scan: Scan | None, layer: str, channel: int) -> tuple[FactsDoc | None, Facts | None]:
    """Of a scan; None where there is none, or it says nothing of the unit that could be shown."""
    if scan is None:
        return None, None
    try:
        if channel >= scan.track(layer).channels:
            return None, None
        facts = scan.unit(layer, channel)
    except StoreError:
        return None, None
    sketch, average = facts.sketch("max"), facts.average
    if not sketch.total or not math.isfinite(facts.maximum) or not math.isfinite(average):
        return None, None
    shares, ends = sketch.histogram(BARS)
    return FactsDoc(
        scan.id,
        source_text(scan.plan.source),
        facts.pictures,
        facts.state,
        facts.rectified,
        facts.density,
        facts.maximum,
        average,
        tuple(round(float(one), 6) for one in shares),
        tuple(float(one) for one in ends),
        {f"{q:g}": sketch.quantile(q) for q in QUANTILES},
    ), facts
