"""What has been made: payloads under their hashes, a record per picture that is written last. No torch.

The records are the truth. Whoever writes first writes payloads, then the record; whoever reads needs nothing else. Two
writers of one record write the same bytes, or both a whole one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from typing import Any, final

from ..errors import StoreError
from .paths import (
    FAILED,
    MARKER,
    PACKED,
    RECORDS,
    SWEEPS,
    failure_of,
    folder_of,
    hashed,
    layer_of,
    object_of,
    record_of,
    sweep_of,
)
from .place import Place
from .sealed import sealed, unsealed

FORMAT = 1


@final
@dataclass(frozen=True)
class Payload:
    """A file that belongs to a record. ``kind``: the ending of its name, such as ``png``."""

    data: bytes
    kind: str = "png"

    @cached_property
    def entry(self) -> dict[str, Any]:
        """What the record says of it."""
        return {"hash": hashed(self.data), "kind": self.kind, "bytes": len(self.data)}


def check_format(place: Place) -> None:
    """Refuse a store that a newer phosphene has written."""
    if not place.has(MARKER):
        return
    try:
        known = json.loads(place.read(MARKER))["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{MARKER} of the store {place.url} is damaged; delete it, its format is {FORMAT}") from error
    if known != FORMAT:
        raise StoreError(
            f"the store {place.url} has format {known}, this phosphene knows {FORMAT}; update phosphene, "
            "or choose another store"
        )


@final
class Ledger:
    """The pictures of a store. Opening refuses newer formats; ``write``: that it can be written to is checked now."""

    def __init__(self, place: Place, *, write: bool = False) -> None:
        self.place = place
        if write:
            place.check()
        check_format(place)
        if write and not place.has(MARKER):
            about = {"format": FORMAT, "phosphene": metadata.version("phosphene")}
            place.write(MARKER, (json.dumps(about) + "\n").encode())

    def put(self, record: Mapping[str, Any], payloads: Mapping[str, Payload]) -> None:
        """Write payloads, then the record, which names them.

        ``record`` has ``id``, ``fingerprint`` and ``layer``. Raises OutputError; then there is no such record.
        """
        for payload in payloads.values():
            name = object_of(payload.entry["hash"], payload.kind)
            self.place.write(name, payload.data)
        whole = {**record, "payloads": {name: payload.entry for name, payload in payloads.items()}}
        self.place.write(record_of(record["fingerprint"], record["layer"], record["id"]), sealed(whole))

    def fail(self, record: Mapping[str, Any]) -> None:
        """Put down what could not be made: ``id``, ``fingerprint``, ``layer``, ``unit``, ``kind``, ``error``,
        ``tries``."""
        self.place.write(failure_of(record["fingerprint"], record["layer"], record["id"]), sealed(record))

    def forget(self, failure: Mapping[str, Any]) -> None:
        """Take a failure back, so that the next sweep tries it again."""
        self.place.remove(failure_of(failure["fingerprint"], failure["layer"], failure["id"]))

    def networks(self) -> list[str]:
        """The fingerprints of the networks of which there are records, packs or failures."""
        return sorted({name for what in (RECORDS, PACKED, FAILED) for name in self.place.names(what)})

    def layers(self, fingerprint: str) -> list[str]:
        """The layers of a network of which there is anything, by name."""
        found = {name for what in (RECORDS, PACKED, FAILED) for name in self.place.names(f"{what}/{fingerprint}")}
        return sorted(map(layer_of, found))

    def loose(self, fingerprint: str, layer: str) -> list[str]:
        """Ids of a layer's records that are files of their own, by name."""
        return _stems(self.place.names(folder_of(RECORDS, fingerprint, layer)))

    def failed(self, fingerprint: str, layer: str) -> list[str]:
        """Ids of what could not be made of a layer."""
        return _stems(self.place.names(folder_of(FAILED, fingerprint, layer)))

    def ids(self, fingerprint: str, layer: str) -> set[str]:
        """Ids of all records of a layer, packed ones too; nothing is read but the packs' ids."""
        from .packs import packed_ids

        return {*self.loose(fingerprint, layer), *packed_ids(self.place, fingerprint, layer)}

    def record(self, fingerprint: str, layer: str, name: str) -> dict[str, Any]:
        """One record by its id. StoreError when it is not there, or damaged."""
        path = record_of(fingerprint, layer, name)
        if self.place.has(path):
            return unsealed(self.place.read(path), path)
        from .packs import packed_record

        return packed_record(self.place, fingerprint, layer, name)

    def records(self, fingerprint: str, layer: str) -> Iterator[dict[str, Any]]:
        """All records of a layer, loose and packed, each once, by id. StoreError at the first damaged one."""
        from .packs import packed_records

        loose = self.loose(fingerprint, layer)
        yield from (
            unsealed(data, path)
            for path, data in self.place.read_many(record_of(fingerprint, layer, name) for name in loose)
        )
        seen = set(loose)
        yield from (one for one in packed_records(self.place, fingerprint, layer) if one["id"] not in seen)

    def failures(self, fingerprint: str, layer: str) -> list[dict[str, Any]]:
        names = [failure_of(fingerprint, layer, name) for name in self.failed(fingerprint, layer)]
        return [unsealed(data, path) for path, data in self.place.read_many(names)]

    def payload(self, record: Mapping[str, Any], name: str) -> bytes:
        """A payload's content. StoreError when the record has none of that name, or it is missing or damaged."""
        entry = record.get("payloads", {}).get(name)
        if entry is None:
            raise StoreError(f"the record {record.get('id')} has no {name}")
        path = object_of(entry["hash"], entry["kind"])
        data = self.place.read(path)
        if hashed(data) != entry["hash"]:
            raise StoreError(f"{path} is damaged: its content does not fit its hash; phosphene verify puts it aside")
        return data

    def plan(self, data: Mapping[str, Any]) -> None:
        """Put down what a sweep was asked for; ``data`` has an ``id``."""
        self.place.write(sweep_of(data["id"]), sealed(data))

    def plans(self) -> list[dict[str, Any] | StoreError]:
        """What sweeps were asked for, by id; the error in place of one that cannot be read."""
        names = [sweep_of(name) for name in _stems(self.place.names(SWEEPS))]
        found: list[dict[str, Any] | StoreError] = []
        for path, data in self.place.read_each(names):
            try:
                found.append(data if isinstance(data, StoreError) else unsealed(data, path))
            except StoreError as error:
                found.append(error)
        return found


def _stems(names: Iterable[str]) -> list[str]:
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]
