"""How a wait looks: a bar with the score on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..produce import Progress

LINES = 8  # plain lines per batch at most


class Bar:
    """``with Bar(quiet) as bar: render(..., progress=bar)``"""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._first = -1
        self._said = 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if self.quiet:
            return
        try:
            self._show(progress)
        except BrokenPipeError:  # nobody reads on; the picture is wanted all the same
            self.quiet = True

    def _show(self, progress: Progress) -> None:
        if progress.first != self._first:
            self._first, self._said = progress.first, 0
        if self.terminal:
            self._draw(progress)
        elif progress.step * LINES >= (self._said + 1) * progress.steps:
            self._said = progress.step * LINES // progress.steps
            print(
                f"{_what(progress)}step {progress.step}/{progress.steps}  score {progress.score:.3f}", file=sys.stderr
            )

    def _draw(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self._bar is None or self._bar.total != progress.steps or progress.step < self._bar.n:
            if self._bar is not None:
                self._bar.close()
            wide = os.get_terminal_size(sys.stderr.fileno()).columns  # 0 where a terminal does not know its width
            self._bar = tqdm(
                total=progress.steps,
                unit="step",
                file=sys.stderr,
                dynamic_ncols=wide > 0,
                ncols=None if wide > 0 else 80,
                nrows=None if wide > 0 else 24,
            )
        self._bar.set_description(f"{_what(progress)}score {progress.score:.3f}", refresh=False)
        self._bar.update(progress.step - self._bar.n)


def _what(progress: Progress) -> str:
    if progress.pictures == 1:
        return ""
    return f"pictures {progress.first + 1}-{progress.last} of {progress.pictures}  "
