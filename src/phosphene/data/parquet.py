"""Tables of encoded pictures: Parquet, read a few rows at a time (needs ``pyarrow``, the extra ``phosphene[data]``)."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadSpec, MissingDependency, Unreadable
from ..files import why
from .base import Pictures, Raw, class_names, kinds, named
from .decode import shown
from .listing import Names, digest

LABELS = ("label", "labels", "class")
AT_ONCE = 8 << 20  # bytes of pictures that are read at once, however large the row group is
BUFFERED = {"buffer_size": 1 << 20, "pre_buffer": False}  # or pyarrow takes a whole column of a row group at once


@kinds.register("parquet")
class Parquet(Pictures):
    """Rows of Parquet files in their order; pictures as bytes or as Hugging Face's ``{bytes, path}``."""

    about = "a .parquet file, a folder or a pattern of them: columns image and label"
    suffixes = (".parquet",)

    def __init__(self, root: Path, names: Sequence[str], source: str) -> None:
        self.source, self._root, self._files = source, root, Names(names)
        groups: list[tuple[int, int, int, int]] = []  # file, its group, rows, bytes
        sizes: list[str] = []
        self._columns: tuple[str, str | None] | None = None
        for number, name in enumerate(names):
            with _reading(root / name):
                sizes.append(f"{name}\0{os.stat(root / name).st_size}")
                with _arrow().ParquetFile(root / name) as table:
                    columns = _columns(table.schema_arrow, root / name)
                    if self._columns not in (None, columns):
                        raise BadSpec(f"{shown(name)} has other columns than {shown(names[0])}: {columns}")
                    if self._columns is None:
                        self._columns = columns
                        self._classes = _class_names(table.schema_arrow, columns[1]) or class_names(
                            (root / name).parent
                        )
                    for group in range(table.num_row_groups):
                        about = table.metadata.row_group(group)
                        groups.append((number, group, about.num_rows, about.total_byte_size))
        self._groups = np.array(groups, dtype=np.int64).reshape(-1, 4)
        self._starts = np.concatenate([[0], np.cumsum(self._groups[:, 2])])
        if not len(self):
            raise BadSpec(f"no pictures in {shown(source)}: the table has no rows")
        self._fingerprint = digest([*sizes, ",".join(map(str, self._groups[:, 2]))])
        self._labels: Any = None
        self._fresh()

    def _fresh(self) -> None:
        self._lock, self._reader = threading.Lock(), _Reader(-1, iter(()))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_lock", "_reader")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._fresh()

    @classmethod
    def of_files(cls, root: Path, names: Sequence[str], source: str) -> Parquet:
        return cls(root, names, source)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _place(self, index: int) -> tuple[int, int, int]:
        """The file, the row group among all, and the row in the group."""
        if not 0 <= index < len(self):
            raise IndexError(f"no picture {index} of {len(self)}")
        group = int(np.searchsorted(self._starts, index, side="right")) - 1
        return int(self._groups[group, 0]), group, index - int(self._starts[group])

    def name(self, index: int) -> str:
        file, _, _ = self._place(index)
        first = int(self._starts[int(np.searchsorted(self._groups[:, 0], file))])
        return f"{self._files[file]}#{index - first}"

    def label(self, index: int) -> str | None:
        self._place(index)
        if self._columns is None or self._columns[1] is None:
            return None
        if self._labels is None:
            self._labels = self._read_labels(self._columns[1])
        numbers, texts = self._labels
        return named(texts[numbers[index]], self._classes) if numbers[index] >= 0 else None

    def _read_labels(self, column: str) -> tuple[np.ndarray, list[Any]]:
        """For every row the number of its label among the different ones, -1 where it has none; and those."""
        known: dict[Any, int] = {}
        numbers = np.full(len(self), -1, dtype=np.int32)
        done = 0
        for name in self._files:
            with _reading(self._root / name), _arrow().ParquetFile(self._root / name, **BUFFERED) as table:
                for batch in table.iter_batches(columns=[column], batch_size=65536):
                    for value in batch.column(0).to_pylist():
                        if value is not None:
                            numbers[done] = known.setdefault(value, len(known))
                        done += 1
        return numbers, list(known)

    def raw(self, index: int) -> Raw:
        file, group, row = self._place(index)
        path = self._root / self._files[file]
        with self._lock, _reading(path, Unreadable):
            if self._reader.group != group or row < self._reader.start or self._reader.process != os.getpid():
                self._reader = _Reader(group, self._batches(path, group))
            value = self._reader.row(row)
        if isinstance(value, dict):
            value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
            value = path.parent / value if isinstance(value, str) else value
        if value is None:
            raise Unreadable("the row has no picture")
        return value

    def _batches(self, path: Path, group: int) -> Iterator[Any]:
        """The pictures of a row group, some at a time."""
        assert self._columns is not None
        _, number, rows, size = (int(value) for value in self._groups[group])
        many = max(1, min(1024, AT_ONCE * rows // max(1, size)))
        with _arrow().ParquetFile(path, **BUFFERED) as table:
            for batch in table.iter_batches(many, row_groups=[number], columns=[self._columns[0]], use_threads=False):
                yield batch.column(0)

    @property
    def fingerprint(self) -> str:
        return self._fingerprint


class _Reader:
    """Where in a row group the reading stands: going on is cheap, going back begins anew."""

    def __init__(self, group: int, batches: Iterator[Any]) -> None:
        self.group, self.start, self.process = group, 0, os.getpid()
        self._batches, self._batch = batches, next(batches, ())

    def row(self, row: int) -> Any:
        while row >= self.start + len(self._batch):
            self.start += len(self._batch)
            self._batch = ()
            self._batch = next(self._batches)
        return self._batch[row - self.start].as_py()


class _reading:  # noqa: N801  reads as what it does
    """What pyarrow raises inside comes out as one line about the file."""

    def __init__(self, path: Path, kind: type[Exception] = BadSpec) -> None:
        self.path, self.kind, self.errors = path, kind, _arrow_errors()

    def __enter__(self) -> None: ...

    def __exit__(self, _: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, self.errors):
            reason = next(iter(why(error).splitlines()), "") or "it ends too soon"
            raise self.kind(f"cannot read {shown(str(self.path))}: {shown(reason[:200])}") from error


def _arrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency("Parquet needs the package pyarrow; install it: pip install pyarrow") from error
    return pyarrow.parquet


def _arrow_errors() -> tuple[type[BaseException], ...]:
    """What goes wrong when reading; StopIteration where there are fewer rows than the footer says."""
    _arrow()
    import pyarrow

    return pyarrow.ArrowException, OSError, StopIteration


def _columns(schema: Any, path: Path) -> tuple[str, str | None]:
    """The columns of pictures and of labels (None without)."""
    import pyarrow.types as kind

    binary = [field.name for field in schema if _holds_pictures(field.type)]
    if "image" not in binary and len(binary) != 1:
        raise BadSpec(
            f"{shown(path.name)} has no column image of bytes, and {len(binary)} others of bytes; "
            f"its columns: {shown(', '.join(schema.names))}"
        )
    for name in LABELS:
        if name in schema.names:
            what = schema.field(name).type
            what = what.value_type if kind.is_dictionary(what) else what
            if kind.is_integer(what) or kind.is_string(what) or kind.is_large_string(what):
                return "image" if "image" in binary else binary[0], name
    return "image" if "image" in binary else binary[0], None


def _holds_pictures(what: Any) -> bool:
    import pyarrow.types as kind

    if kind.is_struct(what):
        return any(
            what.field(i).name == "bytes" and _holds_pictures(what.field(i).type) for i in range(what.num_fields)
        )
    return bool(kind.is_binary(what) or kind.is_large_binary(what))


def _class_names(schema: Any, label: str | None) -> list[str]:
    """The class names that Hugging Face's datasets leaves in a schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (KeyError, TypeError, ValueError):
        return []
