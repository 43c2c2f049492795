"""How a pass over a dataset looks: a bar on a terminal, a line now and then elsewhere; the pace and the end."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..examples import ScanProgress

PAUSE = 10.0  # seconds between two plain lines


class Counter:
    """``with Counter(quiet) as counter: scan(..., progress=counter)``"""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._said = time.monotonic()
        self.last: ScanProgress | None = None

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: ScanProgress) -> None:
        self.last = progress
        if self.quiet:
            return
        try:
            self._draw(progress) if self.terminal else self._say(progress)
        except BrokenPipeError:  # nobody reads on; the scan is wanted all the same
            self.quiet = True

    def _say(self, progress: ScanProgress) -> None:
        if time.monotonic() - self._said < PAUSE:  # what is over soon needs no lines
            return
        self._said = time.monotonic()
        left = (progress.total - progress.done) / max(progress.rate, 1e-9)
        skipped = f"  {progress.skipped} skipped" if progress.skipped else ""
        print(
            f"{progress.done}/{progress.total} pictures  {progress.rate:.0f} a second  {clock(left)} left{skipped}",
            file=sys.stderr,
        )

    def _draw(self, progress: ScanProgress) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=progress.total, unit="picture", file=sys.stderr, dynamic_ncols=True)
            self._bar.update(0)
        if progress.skipped:
            self._bar.set_postfix_str(f"{progress.skipped} skipped", refresh=False)
        self._bar.update(progress.done - self._bar.n)


def clock(seconds: float) -> str:
    """Seconds as 0:05, 12:40 or 3:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
