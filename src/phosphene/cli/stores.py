"""What the commands on stores have in common: opening one, showing how far it is."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from ..store.paths import MARKER
from ..store.place import Place

if TYPE_CHECKING:
    from ..store.ledger import Ledger

PAUSE = 10.0  # seconds between two plain lines


def opened(url: str) -> Ledger:
    """The store of this name; StoreError where there is none."""
    from ..store.ledger import Ledger

    place = Place(url)
    if not (place.has(MARKER) or place.names("scans")):  # what lies in other folders is not ours to judge
        raise StoreError(_no_store(place))
    return Ledger(place)


def _no_store(place: Place) -> str:
    url, folder = place.url, place.local
    if folder is not None and folder.is_file():
        return f"the store {url} is a file; name a folder"
    if place.names():
        return f"{url} is no store: it has no {MARKER}, but other things; name another folder"
    return f"there is no store {url}; make one: phosphene sweep MODEL --store {url}"


class Steps:
    """How far it is: a bar on a terminal, a line now and then elsewhere.

    ``with Steps(quiet) as steps: verify(ledger, progress=steps)``
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._what = ""
        self._said = time.monotonic()

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._close()

    def __call__(self, done: int, total: int, what: str) -> None:
        if self.quiet:
            return
        try:
            self._draw(done, total, what) if self.terminal else self._say(done, total, what)
        except BrokenPipeError:  # nobody reads on; the work is wanted all the same
            self.quiet = True

    def _say(self, done: int, total: int, what: str) -> None:
        if time.monotonic() - self._said >= PAUSE:
            self._said = time.monotonic()
            print(f"{what} {done}/{total}", file=sys.stderr)

    def _draw(self, done: int, total: int, what: str) -> None:
        from tqdm import tqdm

        if self._bar is None or self._bar.total != total:
            self._close()
            self._bar = tqdm(total=total, file=sys.stderr, dynamic_ncols=True, leave=False)
        if what and what != self._what:
            self._what = what
            self._bar.set_description(what, refresh=False)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def size(count: int) -> str:
    """Bytes as 812 B, 3.4 MB ..."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def many(count: int, what: str) -> str:
    """``1 record``, ``2 records``"""
    return f"{count} {what}{'' if count == 1 else 's'}"
