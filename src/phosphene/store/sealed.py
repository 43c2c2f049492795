"""Records as files: JSON that carries the hash of the rest of itself, so that any damage shows. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import StoreError
from ..spec import canonical, digest


def sealed(data: Mapping[str, Any]) -> bytes:
    """A record's file: the same data give the same bytes."""
    return (canonical({**data, "seal": digest(dict(data))}) + "\n").encode()


def unsealed(data: bytes, name: str) -> dict[str, Any]:
    """The record of a file; StoreError when anything in it is not as it was written. ``name``: for the message."""
    try:
        record = json.loads(data)
        del record["seal"]
        whole = sealed(record).rstrip() == data.rstrip(b"\n")  # other bytes may say the same
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise StoreError(f"{name} is damaged: its content does not fit its seal; phosphene verify puts it aside")
    found: dict[str, Any] = record
    return found
