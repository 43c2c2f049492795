"""Live jobs on disk: what was asked for, how far it is, its pictures. No torch.

live/ID/job.json      the job, sealed as records are; written after the pictures that it names
live/ID/STEP.png      the pictures after a step, side by side
live/ID/final.png     what came out; final-0.png and so on where it is several
live/ID/start.png     where it branched off
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from types import UnionType
from typing import Any, Literal, Union, final, get_args, get_origin, get_type_hints

from ..errors import StoreError
from ..store.place import Place
from ..store.sealed import sealed, unsealed
from .documents import JobDoc

LIVE = "live"
_ID = re.compile(r"[0-9a-f]{12}")
_PICTURE = re.compile(r"(0|[1-9]\d{0,4}|final(?:-\d{1,2})?|start)(?:\.png)?")


@final
@dataclass(frozen=True)
class Noted:
    """A job as it was put down. ``turn``: those that wait go by it, lowest first."""

    doc: JobDoc
    turn: int


@final
@dataclass(frozen=True)
class Journal:
    """The live jobs of a store. What is damaged is left out and does not hinder the others."""

    place: Place

    def noted(self) -> list[Noted]:
        """All jobs, newest first."""
        names = [name for name in self.place.names(LIVE) if _ID.fullmatch(name)]
        return sorted(self._read(names), key=lambda one: (one.doc.created, one.doc.id), reverse=True)

    def jobs(self) -> list[JobDoc]:
        """The same, as documents."""
        return [one.doc for one in self.noted()]

    def job(self, job: str) -> JobDoc:
        """One job; StoreError when there is none, or it is damaged."""
        path = f"{folder_of(job)}/job.json"
        if not self.place.has(path):
            raise StoreError(f"there is no job {job}; it may have been deleted")
        return _job(self.place.read(path), path, job).doc

    def put(self, doc: JobDoc, turn: int = 0) -> None:
        """Write a job down; what changes by itself, its place in the queue, is left out. Raises OutputError."""
        lasting = replace(doc, position=None, eta=None)
        self.place.write(f"{folder_of(doc.id)}/job.json", sealed({"job": asdict(lasting), "turn": turn}))

    def put_picture(self, job: str, name: str | int, data: bytes) -> None:
        """A PNG of a job. Raises OutputError."""
        self.place.write(_file_of(job, str(name)), data)

    def picture(self, job: str, name: str) -> bytes:
        """A PNG by its name, such as ``16`` or ``final.png``; StoreError when there is none."""
        return self.place.read(_file_of(job, name))

    def remove(self, job: str) -> None:
        """Delete a job: first what makes it one, so that half of it is none."""
        folder = folder_of(job)
        self.place.remove(f"{folder}/job.json")
        self.place.remove(folder)

    def _read(self, names: list[str]) -> Iterator[Noted]:
        paths = {f"{folder_of(name)}/job.json": name for name in names}
        for path, data in self.place.read_each(paths):
            if isinstance(data, StoreError):  # half of one, or another process was faster
                continue
            try:
                yield _job(data, path, paths[path])
            except StoreError:
                continue


def new_id() -> str:
    """12 hex digits that nobody can guess."""
    return secrets.token_hex(6)


def folder_of(job: str) -> str:
    """A job's folder; StoreError for what cannot be the name of one."""
    if not _ID.fullmatch(job):
        raise StoreError(f"there is no job {job[:40]!r}; jobs are called by 12 hex digits")
    return f"{LIVE}/{job}"


def _file_of(job: str, name: str) -> str:
    folder, found = folder_of(job), _PICTURE.fullmatch(name)
    if found is None:
        raise StoreError(f"the job {job} has no picture {name[:40]!r}; they are called by their step, or final")
    return f"{folder}/{found[1]}.png"


def _job(data: bytes, path: str, job: str) -> Noted:
    record = unsealed(data, path)
    try:
        noted = Noted(typed(JobDoc, record["job"]), int(record["turn"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} is no job of this phosphene ({type(error).__name__}: {error})") from error
    if noted.doc.id != job:
        raise StoreError(f"{path} is the job {noted.doc.id}; it was moved")
    return noted


def typed(hint: Any, value: Any) -> Any:
    """JSON as what a type says, dataclasses in it too; the inverse of ``asdict``. Raises TypeError, ValueError."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if value is None else typed(next(one for one in inner if one is not type(None)), value)
    if is_dataclass(hint):
        made: Any = hint
        hints = get_type_hints(hint)
        return made(**{key: typed(hints[key], one) for key, one in value.items()})
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{value!r} is no list")
        each = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return tuple(typed(one, part) for one, part in zip(each, value, strict=True))
    if origin is Literal:
        if value not in inner:
            raise ValueError(f"{value!r} is none of {inner}")
        return value
    wanted: Any = (int, float) if hint is float else Mapping if origin is not None else object if hint is Any else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint in (int, float)):
        raise TypeError(f"{value!r} is no {hint}")
    return value
