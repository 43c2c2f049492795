"""Who makes packs: this process, one after the other. The reference for all that make several at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

from ..produce import Progress
from .plan import Pack
from .worker import Report, Worker

Done = tuple[Pack, Report]


class Executor(ABC):
    """Takes packs, gives reports. It never tries a pack again: that is decided by whoever hands them out.

    ``slots``: packs that can be under way. ``unmade``: packs that are, and come back with a report each. ``warnings``:
    what a user should know before it begins.
    """

    name: str
    slots: int
    unmade: int
    warnings: Sequence[str] = ()

    @abstractmethod
    def submit(self, pack: Pack, *, look: bool) -> None:
        """Take a pack; only when fewer than ``slots`` are under way. ``look``: some of it may be made by now."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Done]:
        """What became of packs that were under way; empty when nothing ended in so many seconds."""

    @abstractmethod
    def stop(self) -> None:
        """Drop what is under way, and end; what is stored stays whole. Nothing happens the second time."""

    def drain(self) -> None:  # noqa: B027
        """Give up packs that nobody has begun."""

    def hurry(self, due: Callable[[], bool]) -> None:  # noqa: B027
        """Told by ``due``, drop what is under way from within; those that are not in this process are stopped."""


class Late(BaseException):
    """The time for finishing a pack is over; no KeyboardInterrupt, for there is nothing to round off."""


@final
class Serial(Executor):
    """Here and now, with all threads of this process."""

    name = "serial"

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.slots, self.unmade = 1, 0
        self._pack: tuple[Pack, bool] | None = None

    def submit(self, pack: Pack, *, look: bool) -> None:
        self._pack, self.unmade = (pack, look), 1

    def wait(self, seconds: float) -> list[Done]:
        if self._pack is None:
            return []
        pack, look = self._pack
        report = self.worker.make(pack, look=look)
        self._pack, self.unmade = None, 0
        return [(pack, report)]

    def stop(self) -> None:
        self._pack, self.unmade = None, 0

    def hurry(self, due: Callable[[], bool]) -> None:
        def tell(_: Progress) -> None:
            if due():
                raise Late

        self.worker.tell = tell
