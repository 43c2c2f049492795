"""A job made: the pictures and units that were asked for, shown to the desk on the way."""

from __future__ import annotations

import io
from typing import Protocol, runtime_checkable

from PIL import Image, UnidentifiedImageError

from ...errors import StoreError
from ...front import hashed, make, pictures_of
from ...models.network import Network
from ...produce import Progress, Watch
from ...result import Result
from ...store.about import put_about
from ...store.ledger import Ledger
from ...sweeps.described import about_of
from ...sweeps.drive import Drive, Event, Stop, Tally
from ...sweeps.executors import Serial
from ...sweeps.survey import Known
from ...sweeps.worker import Setup, Worker, finite
from ...watch import Shown
from ..pages.unit import document_of
from ..schema.documents import Picture
from .asked import Pictures, Units

ROWS = 8  # pictures in a pack: one can pause between packs
TRIES = 2


class Dropped(BaseException):
    """What is under way shall end at once; no Exception, for no network may catch it, and nothing is rounded off."""


@runtime_checkable
class Observer(Protocol):
    """Who is told, and may raise Dropped."""

    def shown(self, shown: Shown) -> None:
        """After each step of pictures."""

    def counted(self, done: int, *, between: bool, layer: bool) -> None:
        """So many units are made. ``between``: nothing is under way now; ``layer``: there are new pictures."""


def make_pictures(
    order: Pictures, network: Network, store: str, start: bytes | None, observer: Observer
) -> list[Result]:
    """The pictures of an order. ``store``: where scans are; ``start``: the PNG that they begin from."""
    jobs, given = list(order.jobs), None
    if start is not None:
        given = pictures_of(jobs[0], network, start=opened(start))
        jobs = [hashed(job, given) for job in jobs]
    return make(jobs, network, given=given, watch=Watch(store=store, show=observer.shown))


def picture_of(result: Result, row: int, url: str) -> Picture:
    """A result as a document. ``row``: which of those that were made together; ``url``: where its picture is."""
    height, width = result.size
    return document_of({**finite(result.record()), "row": row}, url, width, height)


def opened(data: bytes) -> Image.Image:
    """A frame's PNG; StoreError when it is damaged."""
    try:
        picture = Image.open(io.BytesIO(data), formats=["PNG"])
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise StoreError(f"the frame that it starts from is damaged: {error}; start from another") from error
    return picture


def make_units(order: Units, network: Network, ledger: Ledger, observer: Observer) -> str | None:
    """The units of an order, into the store, as a sweep makes them; what could not be made, in one line.

    What is there already is not made again. Raises OutputError, SweepError.
    """
    plan = order.plan
    put_about(ledger.place, about_of(network))
    ledger.plan(plan.to_dict())
    known = Known(plan, ledger)
    states = known.states()
    tally = Tally(plan.count(), sum(state.made for state in states), sum(state.failed for state in states))
    worker = Worker(Setup(plan.to_dict(), ledger.place.url), network)
    last = ""

    def units() -> int:
        return tally.done * plan.units // max(tally.total, 1)

    def progress(_: Progress) -> None:
        observer.counted(units(), between=False, layer=False)

    def tell(event: Event) -> None:
        nonlocal last
        worker.tell = progress  # Dropped may be raised within a pack, too
        last = event.text if event.what == "failed" else last
        observer.counted(units(), between=True, layer=event.what in ("made", "failed"))

    if any(state.left for state in states):
        drive = Drive(plan, ledger, Serial(worker), rows=ROWS, tries=TRIES, stop=Stop(), tell=tell)
        drive.run(known.left(), tally)
    failed = tally.failed_before + tally.failed
    return f"{failed} of {tally.total} could not be made{f'; {last}' if last else ''}" if failed else None
