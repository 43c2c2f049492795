"""What a caller may see of a batch while it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from .evidence import Naturals
from .result import Frame


@dataclass(frozen=True)
class Progress:
    """Where a batch is: ``step`` of ``steps`` for pictures ``first`` to ``last`` of ``pictures``, their mean score."""

    step: int
    steps: int
    first: int
    last: int
    pictures: int
    score: float


@final
@dataclass(frozen=True, eq=False)
class Shown:
    """A batch after ``step`` of ``steps``; 0 is the start. ``first``: which of all pictures its first one is."""

    step: int
    steps: int
    first: int
    look: Callable[[], list[Frame]] = field(repr=False)

    @cached_property
    def frames(self) -> list[Frame]:
        """Each picture as it is now, with its clean score. Made when first asked for, and only while the batch waits:
        the next step works in place."""
        return self.look()


@dataclass(frozen=True)
class Watch:
    """What a caller wants of a batch while it is made: ``tell`` after each step, ``frames`` at these steps; ``show``:
    called at the start and after each step, costs nothing as long as it does not look at the frames, and may raise what
    is no Exception to drop everything; ``until``: stop there, as Ctrl-C did when the record was made."""

    tell: Callable[[Progress], None] | None = None
    frames: tuple[int, ...] = ()
    every: int = 8  # how often the score is fetched from the device
    jobs_before: int = 0
    jobs_total: int = field(default=0)
    until: int | None = None
    store: str | Naturals | None = None  # where scans of real pictures are; by default the environment's
    show: Callable[[Shown], None] | None = None
