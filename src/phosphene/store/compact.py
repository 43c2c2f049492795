"""Packing: a layer's records into one Parquet file, its pictures into sheets of thumbnails. No torch.

What is new is written and read back before anything old goes; killed at any moment, no record is lost, and the next
time it ends as it would have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ..errors import OutputError, StoreError
from .kinds import picture_in, place_of
from .ledger import Ledger
from .packs import SPRITES, encoded, pack_of, packs_of, parquet_tools, sprites_in, sprites_of, texts_in
from .paths import PACKED, folder_of, hashed, record_of
from .sealed import sealed, unsealed
from .thumbs import TILE, SpriteSheet, is_square, opened

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Step = Callable[[int, int, str], None]  # layers done, layers there are, the layer that is next


@final
@dataclass(frozen=True)
class Compacted:
    """What was packed. ``records``: in the packs written; ``loose`` of them were files before. ``bytes``: of packs and
    sheets written."""

    layers: int = 0
    records: int = 0
    loose: int = 0
    thumbnails: int = 0
    bytes: int = 0

    def __add__(self, other: Compacted) -> Compacted:
        return Compacted(
            self.layers + other.layers,
            self.records + other.records,
            self.loose + other.loose,
            self.thumbnails + other.thumbnails,
            self.bytes + other.bytes,
        )


def compact(ledger: Ledger, *, progress: Step | None = None) -> Compacted:
    """Pack what is loose, layer by layer; what is packed already is left alone.

    Raises StoreError at the first record or picture that is damaged, and OutputError; nothing is lost then. Missing
    pyarrow is a MissingDependency. Two may not compact the same store at the same time.
    """
    todo = [(network, layer) for network in ledger.networks() for layer in ledger.layers(network)]
    if todo:
        parquet_tools()  # before anything is written
    whole = Compacted()
    for done, (network, layer) in enumerate(todo):
        if progress is not None:
            progress(done, len(todo), layer)
        if _wants(ledger, network, layer):
            whole += pack_layer(ledger, network, layer)
    if progress is not None and todo:
        progress(len(todo), len(todo), "")
    return whole


def _wants(ledger: Ledger, network: str, layer: str) -> bool:
    """Whether a layer has loose records, or what is left of a packing that was cut off."""
    packs = packs_of(ledger.place, network, layer)
    if len(packs) > 1 or ledger.loose(network, layer):
        return True
    sheets = {name for name in ledger.place.names(folder_of(PACKED, network, layer)) if name.endswith(SPRITES)}
    used = {f"{name}{SPRITES}" for path in packs for name in sprites_in(ledger.place, path)}
    return bool(sheets - used)


def pack_layer(
    ledger: Ledger, network: str, layer: str, *, loose: bool = True, without: Collection[str] = ()
) -> Compacted:
    """All records of a layer in one pack. ``loose``: also those that are not packed yet; ``without``: ids to leave out,
    which are gone after it if they were packed."""
    place = ledger.place
    names = ledger.loose(network, layer) if loose else []
    packs = packs_of(place, network, layer)
    folder = folder_of(PACKED, network, layer)
    sheets = [f"{folder}/{name}" for name in place.names(folder) if name.endswith(SPRITES)]
    records = _records(ledger, network, layer, names, packs, without)
    written: set[str] = set()
    size = shown = 0
    if records:
        rows, written, size = _with_thumbnails(ledger, network, layer, records)
        shown = sum(row["sprite"] is not None for row in rows)
        data = encoded(rows, TILE)
        path = pack_of(network, layer, hashed(data))
        _write_checked(ledger, path, data)
        written.add(path)
        size += len(data)
    for name in names:
        if name not in without:
            place.remove(record_of(network, layer, name))
    for path in [*packs, *sheets]:  # of before; a pack goes before its sheets, which nobody needs then
        if path not in written:
            place.remove(path)
    return Compacted(1, len(records), len(names), shown, size)


def _records(
    ledger: Ledger, network: str, layer: str, names: Sequence[str], packs: Sequence[str], without: Collection[str]
) -> list[dict[str, Any]]:
    """In order, each once; what is loose is newer than what is packed."""
    found: dict[str, dict[str, Any]] = {}
    wanted = [record_of(network, layer, name) for name in names if name not in without]
    for path, data in ledger.place.read_many(wanted):
        record = unsealed(data, path)
        found[record["id"]] = record
    for path in packs:
        for text in texts_in(ledger.place, path):
            record = unsealed(text.encode(), path)
            if record["id"] not in without:
                found.setdefault(record["id"], record)
    return sorted(found.values(), key=place_of)


def _with_thumbnails(
    ledger: Ledger, network: str, layer: str, records: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], set[str], int]:
    """Rows of a pack; the sheets, which are written here; their bytes."""
    rows = [_row(record) for record in records]
    written: set[str] = set()
    size = 0
    sheet, on_it = SpriteSheet(), list[dict[str, Any]]()

    def finish() -> None:
        nonlocal sheet, size
        if not on_it:
            return
        data = sheet.encoded()
        name = hashed(data)
        for row in on_it:
            row["sprite"] = name
        path = sprites_of(network, layer, name)
        _write_checked(ledger, path, data)
        written.add(path)
        size += len(data)
        sheet = SpriteSheet()
        on_it.clear()

    for record, row in zip(records, rows, strict=True):
        if picture_in(record) is None:
            continue
        picture = _picture(ledger, record)
        if picture is not None and is_square(picture):
            row["x"], row["y"] = sheet.add(picture)
            on_it.append(row)
            if sheet.full:
                finish()
    finish()
    return rows, written, size


def _picture(ledger: Ledger, record: Mapping[str, Any]) -> Picture | None:
    """None for what fits its hash and cannot be drawn all the same."""
    data = ledger.payload(record, "picture")
    try:
        return opened(data, str(record["unit"]))
    except StoreError:
        return None


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    score = record.get("score") or {}
    return {
        "id": record["id"],
        "unit": record["unit"],
        "channel": record["channel"],
        "kind": record["kind"],
        "row": record.get("row", 0),
        "status": record.get("status"),
        "clean": score.get("clean"),
        "robust": score.get("robust"),
        "rank": (record.get("evidence") or {}).get("rank"),
        "picture": (picture_in(record) or {}).get("hash"),
        "sprite": None,
        "x": None,
        "y": None,
        "record": sealed(record).decode().rstrip("\n"),
    }


def _write_checked(ledger: Ledger, path: str, data: bytes) -> None:
    """Written, and read back: what is old goes only if what is new lies there as it should."""
    ledger.place.write(path, data)
    if ledger.place.read(path) != data:
        raise OutputError(f"the store {ledger.place.url} did not keep {path} as it was written; is the disk full?")
