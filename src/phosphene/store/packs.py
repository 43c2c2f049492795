"""Many records of a layer in one Parquet file, which any tool can read: what is in it, and how it is read. No torch.

A pack is called by the hash of its content, so that damage shows. Each row carries the whole record as it was sealed,
and columns to sort and select by; ``sprite``, ``x`` and ``y`` say on which sheet, and where, its thumbnail stands.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import MissingDependency, StoreError
from .paths import PACKED, folder_of, hashed
from .place import Place

PACK, SPRITES = ".parquet", ".webp"
AT_A_TIME = 1024  # rows that are decoded together
COLUMNS = {
    "id": "string", "unit": "string", "channel": "int64", "kind": "string", "row": "int64", "status": "string",
    "clean": "float64", "robust": "float64", "rank": "int64", "picture": "string", "sprite": "string", "x": "int64",
    "y": "int64", "record": "string",
}  # fmt: skip


def pack_of(fingerprint: str, layer: str, digest: str) -> str:
    return f"{folder_of(PACKED, fingerprint, layer)}/{digest}{PACK}"


def sprites_of(fingerprint: str, layer: str, digest: str) -> str:
    return f"{folder_of(PACKED, fingerprint, layer)}/{digest}{SPRITES}"


def packs_of(place: Place, fingerprint: str, layer: str) -> list[str]:
    """The names of a layer's packs, in order."""
    folder = folder_of(PACKED, fingerprint, layer)
    return [f"{folder}/{name}" for name in place.names(folder) if name.endswith(PACK)]


def packed_ids(place: Place, fingerprint: str, layer: str) -> list[str]:
    """The ids of a layer's packed records, each once. StoreError when a pack is damaged."""
    return list(dict.fromkeys(name for path in packs_of(place, fingerprint, layer) for name in ids_in(place, path)))


def packed_record(place: Place, fingerprint: str, layer: str, name: str) -> dict[str, Any]:
    """One packed record. StoreError when there is none of the id; for many, ``packed_records`` is quicker."""
    for path in packs_of(place, fingerprint, layer):
        file = _opened(_content(place, path), path)
        ids = _columns(file, "id").column("id").to_pylist()
        if name in ids:
            text = _columns(file, "record").column("record")[ids.index(name)].as_py()
            return record_in(text)
    raise StoreError(f"the store {place.url} has no record {name} of {layer}")


def packed_records(place: Place, fingerprint: str, layer: str) -> Iterator[dict[str, Any]]:
    """All packed records of a layer, each once. StoreError when a pack is damaged."""
    seen: set[str] = set()
    for path in packs_of(place, fingerprint, layer):
        for text in texts_in(place, path):
            record = record_in(text)
            if record["id"] not in seen:
                seen.add(record["id"])
                yield record


def ids_in(place: Place, path: str) -> list[str]:
    """The ids in one pack; nothing else of it is decoded."""
    return list(_columns(_opened(_content(place, path), path), "id").column("id").to_pylist())


def sprites_in(place: Place, path: str) -> set[str]:
    """The hashes of the sheets with the thumbnails of a pack."""
    column = _columns(_opened(_content(place, path), path), "sprite").column("sprite")
    return {name for name in column.to_pylist() if name is not None}


def corners_in(place: Place, path: str) -> dict[str, tuple[str, int, int]]:
    """Where the thumbnails of a pack stand: of each id that has one, its sheet's hash, x, y."""
    table = _columns(_opened(_content(place, path), path), "id", "sprite", "x", "y")
    rows = zip(*(table.column(name).to_pylist() for name in ("id", "sprite", "x", "y")), strict=True)
    return {name: (sprite, x, y) for name, sprite, x, y in rows if sprite is not None}


def texts_in(place: Place, path: str) -> Iterator[str]:
    """The records of one pack as they were sealed, a few in memory at a time. StoreError when it is damaged."""
    file = _opened(_content(place, path), path)
    for some in file.iter_batches(AT_A_TIME, columns=["record"], use_threads=False):
        yield from some.column("record").to_pylist()


def texts_left(place: Place, path: str) -> list[str]:
    """What can still be read of the records of a damaged pack; their seals are yet to be checked.

    A part that is hit says nothing, and nothing is left where the end is, which tells where the parts lie.
    """
    arrow, _ = parquet_tools()
    left: list[str] = []
    try:
        file = _opened(place.read(path), path)
        groups = file.num_row_groups
    except StoreError:
        return []
    for group in range(groups):
        try:
            column = file.read_row_group(group, columns=["record"], use_threads=False).column("record")
            left += [text for text in column.to_pylist() if isinstance(text, str)]
        except (arrow.ArrowException, OSError, ValueError, MemoryError):  # whatever damage makes of a reader
            continue
    return left


def record_in(text: str) -> dict[str, Any]:
    """A record out of a whole pack, whose hash stands for the record's seal."""
    record: dict[str, Any] = json.loads(text)
    record.pop("seal", None)
    return record


def encoded(rows: Sequence[Mapping[str, Any]], tile: int) -> bytes:
    """Rows as a pack; the same rows give the same bytes. ``tile``: pixels of a side of a thumbnail's tile."""
    arrow, parquet = parquet_tools()
    about = {b"phosphene": json.dumps({"format": 1, "tile": tile}).encode()}
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in COLUMNS.items()], metadata=about)
    buffer = io.BytesIO()
    table = arrow.Table.from_pylist(rows, schema=schema)
    parquet.write_table(table, buffer, compression="zstd", row_group_size=AT_A_TIME, write_page_checksum=True)
    return buffer.getvalue()


def _content(place: Place, path: str) -> bytes:
    """A pack's bytes, which fit its name."""
    data = place.read(path)
    if hashed(data) != path.rpartition("/")[2].removesuffix(PACK):
        raise damaged(path)
    return data


def damaged(path: str) -> StoreError:
    return StoreError(f"{path} is damaged: its content does not fit its hash; phosphene verify puts it aside")


def _opened(data: bytes, path: str) -> Any:
    """A pack to be read without threads of pyarrow: neither such as read ahead (``pre_buffer``), nor, wherever it is
    read, such as decode (``use_threads``). One that still lets go of the file, which is Python's, while Python ends
    aborts the process.
    """
    arrow, parquet = parquet_tools()
    try:
        return parquet.ParquetFile(io.BytesIO(data), pre_buffer=False, page_checksum_verification=True)
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise damaged(path) from error


def _columns(file: Any, *names: str) -> Any:
    """Some columns of a pack."""
    return file.read(columns=list(names), use_threads=False)


def parquet_tools() -> tuple[Any, Any]:
    """pyarrow and its Parquet; MissingDependency where it is not installed."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingDependency(
            "packed records need pyarrow: pip install 'phosphene[data]', or pip install pyarrow"
        ) from error
    return arrow, parquet
