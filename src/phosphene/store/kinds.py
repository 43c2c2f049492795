"""The kinds of pictures in a store, and the order in which a layer's pictures are listed. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Kind = Literal["positive", "negative", "diverse", "facets", "examples"]
KINDS: tuple[Kind, ...] = ("positive", "negative", "diverse", "facets", "examples")


def place_in_layer(kind: str, channel: int, row: int, name: str) -> tuple[int, str, int, int, str]:
    """What a layer's pictures are sorted by: kind, channel, row; the id at last, so that no two are equal."""
    number = next((at for at, known in enumerate(KINDS) if known == kind), len(KINDS))
    return number, kind, channel, row, name


def place_of(record: Mapping[str, Any]) -> tuple[int, str, int, int, str]:
    """``place_in_layer`` of a record or a failure."""
    return place_in_layer(str(record["kind"]), int(record["channel"]), int(record.get("row", 0)), str(record["id"]))


def picture_in(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a record says of its picture's file: hash, kind, bytes."""
    found: Mapping[str, Any] | None = (record.get("payloads") or {}).get("picture")
    return found
