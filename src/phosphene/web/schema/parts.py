"""What the application is put together from. It knows these alone, so a part may be missing: torch, say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from .documents import LayerDoc, NetworkDoc, SiteDoc, UnitDoc
from .live_documents import Ask, ChoicesDoc, Completion, JobDoc, TargetDoc
from .look_documents import LookDoc

Event = tuple[str, Any]  # what happened, and to what
Told = Callable[[Event], None]


@runtime_checkable
class ShelfPart(Protocol):
    """Documents of a store. ``network``: a fingerprint, or how one begins; ``live``: fingerprints of those of which new
    pictures can be made. Raises StoreError, UnknownName, UnknownLayer, UnitOutOfRange."""

    def site(self, live_ids: Collection[str], live: bool, /) -> SiteDoc: ...

    def network(self, network: str, live: Collection[str], /) -> NetworkDoc: ...

    def layer(self, network: str, layer: str, live: Collection[str], /) -> LayerDoc: ...

    def unit(self, network: str, layer: str, channel: int, live: Collection[str], /) -> UnitDoc: ...

    def sheet(self, network: str, layer: str, name: str, /) -> bytes: ...

    def object(self, name: str, /) -> bytes: ...


@runtime_checkable
class DeskPart(Protocol):
    """Work that is asked for. ``listen`` calls with ``("job", JobDoc)``, ``("gone", id)``, ``("layer", (network,
    layer))`` from any thread, until the function that it returns is called."""

    def ask(self, ask: Ask, /) -> JobDoc: ...

    def jobs(self) -> Sequence[JobDoc]: ...

    def job(self, job: str, /) -> JobDoc: ...

    def pause(self, job: str, /) -> JobDoc: ...

    def resume(self, job: str, /) -> JobDoc: ...

    def stop(self, job: str, /) -> JobDoc: ...

    def remove(self, job: str, /) -> None: ...

    def picture(self, job: str, name: str, /) -> bytes: ...

    def listen(self, told: Told, /) -> Callable[[], None]: ...

    def close(self) -> None: ...


@runtime_checkable
class JournalPart(Protocol):
    """Jobs as they were put down, where there is no desk."""

    def jobs(self) -> Sequence[JobDoc]: ...

    def job(self, job: str, /) -> JobDoc: ...

    def picture(self, job: str, name: str, /) -> bytes: ...


@runtime_checkable
class EyePart(Protocol):
    """What a network sees in a picture."""

    def look(
        self, network: str, data: bytes, layer: str | None, unit: str | None, method: str | None, /
    ) -> LookDoc: ...


@runtime_checkable
class WordsPart(Protocol):
    """Targets while they are typed, and what else there is to choose."""

    def choices(self, network: str, /) -> ChoicesDoc: ...

    def complete(self, network: str, text: str, /) -> Sequence[Completion]: ...

    def target(self, network: str, text: str, /) -> TargetDoc: ...


@dataclass(frozen=True)
class Parts:
    """``live``: the fingerprints of the networks that are loaded."""

    shelf: ShelfPart
    desk: DeskPart | None = None
    eye: EyePart | None = None
    words: WordsPart | None = None
    live: frozenset[str] = field(default_factory=frozenset)
    journal: JournalPart | None = None

    @property
    def kept(self) -> JournalPart | None:
        """Where jobs are read."""
        return self.journal if self.desk is None else self.desk
