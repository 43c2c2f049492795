"""Live jobs on disk: what was asked for, how far it is, its pictures. No torch.

live/ID/job.json      the job, sealed as records are; written after the pictures that it names
live/ID/STEP.png      the pictures after a step, side by side
live/ID/final.png     what came out; final-0.png and so on where it is several
live/ID/start.png     where it branched off
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import final

from ...errors import StoreError
from ...store.place import Place
from ...store.sealed import sealed, unsealed
from ..pages.payloads import size_of
from ..pages.texts import cli_of, python_of
from ..schema.documents import Picture
from ..schema.live_documents import JobDoc
from ..schema.paths import job_url
from ..schema.typed import typed

LIVE = "live"
_ID = re.compile(r"[0-9a-f]{12}")
_RESULT = re.compile(r"final(?:-\d{1,2})?")
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
        """A PNG by its name, such as ``16`` or ``final.png``; StoreError when there is none, or it is something else.

        A link in a store that leads out of it is not followed: it would show any file of whoever looks at that store.
        """
        path = _file_of(job, name)
        root = self.place.local
        if root is not None and not (root / path).resolve().is_relative_to(root.resolve()):
            raise StoreError(f"{path} leads out of the store; it is not followed")
        data = self.place.read(path)
        if size_of(data, "png") is None:
            raise StoreError(f"{path} is no PNG, or damaged")
        return data

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


def names_of(job: JobDoc) -> list[str]:
    """The names of all pictures of a job: of the steps that were kept, then what came out."""
    results = [_result(job.id, one) for one in job.pictures]
    return list(dict.fromkeys([*map(str, job.frames), *results]))


def _job(data: bytes, path: str, job: str) -> Noted:
    record = unsealed(data, path)
    try:
        doc: JobDoc = typed(JobDoc, record["job"])
        noted = Noted(replace(doc, pictures=tuple(_own(doc, one) for one in doc.pictures)), int(record["turn"]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise StoreError(f"{path} is no job of this phosphene ({type(error).__name__}: {error})") from error
    if noted.doc.id != job:
        raise StoreError(f"{path} is the job {noted.doc.id[:40]!r}; it was moved")
    return noted


def _own(job: JobDoc, picture: Picture) -> Picture:
    """A picture as the job's record may say it: its address is its own, and what is offered for copying is made of
    what the job was, never taken from there. ValueError."""
    if picture.frames is not None:
        raise ValueError("live pictures have no strip of frames")
    url = job_url(job.id, _result(job.id, picture))
    return replace(picture, url=url, cli=cli_of(picture.spec), python=python_of(picture.spec, job.ask.network))


def _result(job: str, picture: Picture) -> str:
    """The name of what came out. ValueError for an address of anything else."""
    name = picture.url.rpartition("/")[2].removesuffix(".png")
    if not _RESULT.fullmatch(name) or picture.url != job_url(job, name):
        raise ValueError(f"{picture.url[:80]!r} is no picture of the job {job}")
    return name
