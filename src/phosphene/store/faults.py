"""What is wrong with one file of a store: a reason, or None. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import StoreError
from ..spec import digest
from .index import line_of
from .paths import hashed, object_of
from .place import Place
from .plan import VERSION
from .scans import RECORD, Scan, folder_of
from .sealed import sealed, unsealed

_PAYLOAD = re.compile(r"(?:objects/(?P<two>[0-9a-f]{2})|packed/.*)/(?P<hash>[0-9a-f]{32})\.\w+")


def object_fault(name: str, data: bytes) -> str | None:
    """Of a file that is called by its hash; empty for a name that is not ours."""
    found = _PAYLOAD.fullmatch(name)
    if found is None or (found["two"] or found["hash"][:2]) != found["hash"][:2]:
        return ""
    return None if hashed(data) == found["hash"] else "its content does not fit its hash"


def sealed_fault(data: bytes, name: str, wanted: Mapping[str, str] | None) -> str | None:
    """Of a sealed file; ``wanted``: what it must say, such as its id."""
    try:
        record = unsealed(data, name)
    except StoreError:
        return "its content does not fit its seal"
    if sealed(record) != data:  # other bytes may say the same
        return "it is not as it was written"
    wrong = [key for key, value in (wanted or {}).items() if record.get(key) != value]
    return f"its {wrong[0]} is not that of its name" if wrong else None


def record_fault(data: bytes, network: str, layer: str, name: str) -> tuple[dict[str, Any] | None, str | None]:
    """The record, or what is wrong with it; of its payloads nothing is said."""
    wanted = {"id": name, "fingerprint": network, "layer": layer}
    reason = sealed_fault(data, name, wanted)
    if reason is not None:
        return None, reason
    record = unsealed(data, name)
    try:
        line_of(record)
        list(payloads_of(record))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return None, f"it is not a record of a picture ({type(error).__name__}: {error})"
    spec = record.get("spec")
    # the job as it was written: one that a newer phosphene reads may have more in it, and another id
    if spec is not None and digest({"job": spec, "fingerprint": network}) != name:
        return None, "its id is not that of its job and network"
    return record, None


def payloads_of(record: Mapping[str, Any]) -> Iterator[str]:
    """The names of the files that a record needs."""
    return (object_of(str(one["hash"]), str(one["kind"])) for one in record["payloads"].values())


def scan_fault(place: Place, name: str) -> tuple[str | None, int]:
    """Of a finished scan: what is wrong, and the bytes that were read; none for one that is not finished."""
    path = f"{folder_of(name)}/{RECORD}"
    if not place.has(path):
        return None, 0
    data = place.read(path)
    size = len(data)
    if _newer(data):
        return None, size
    scan = Scan(place, name)
    try:
        layers = scan.record["layers"]
        if scan.plan.id != name:
            return f"the id in {RECORD} is not that of its plan", size
    except (StoreError, KeyError, TypeError, ValueError, AttributeError) as error:
        return f"{RECORD} cannot be read: {error}" if not isinstance(
            error, StoreError
        ) else f"{RECORD} is damaged", size
    for layer, entry in layers.items():
        try:
            content = place.read(f"{folder_of(name)}/{entry['file']}")
        except StoreError:
            return f"the file of its layer {layer} is not there", size
        except (KeyError, TypeError):
            return f"{RECORD} is damaged", size
        size += len(content)
        if hashed(content) != entry.get("hash"):
            return f"the file of its layer {layer} does not fit its hash", size
    return None, size


def _newer(data: bytes) -> bool:
    """Whether a newer phosphene wrote a scan, which this one cannot judge."""
    try:
        return int(json.loads(data)["plan"]["version"]) > VERSION
    except (ValueError, KeyError, TypeError):
        return False
