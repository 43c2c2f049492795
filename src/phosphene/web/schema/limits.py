"""How much may be asked for, and what is said when that is too much. No torch."""

from __future__ import annotations

from ...errors import BadSpec, PhospheneError

MOST_SIZE = 512  # pixels of a side
MOST_STEPS = 4096
MOST_COUNT = 16  # pictures from one target to another
MOST_WORK = MOST_SIZE * MOST_SIZE * MOST_STEPS  # pixels that go through the network, over all steps
MOST_SEED = 2**32 - 1
MOST_JOBS = 1000  # that are kept, finished ones too
PICTURE_BYTES = 12 * 1000 * 1000  # of a picture that is sent


class Later(PhospheneError):
    """Not now. ``wait``: seconds until it is worth asking again."""

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


class Full(Later):
    """Too many jobs wait."""


class Superseded(Later):
    """A newer picture came while this one waited."""


def within(what: str, value: int, least: int, most: int) -> int:
    """A number that may be asked for; BadSpec for any other."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadSpec(f"{what} is a whole number from {least} to {most}, not {value!r}")
    return value
