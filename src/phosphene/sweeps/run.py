"""``sweep``: a whole network into a store, to be stopped and gone on with at any moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from ..data import Pictures, open_pictures
from ..errors import BadSpec, StoreError
from ..examples.run import ScanProgress, scan
from ..examples.run import plan_of as scan_plan
from ..front import load
from ..models.network import Network
from ..store.about import put_about
from ..store.ledger import Ledger
from ..store.place import Place
from ..store.plan import Track
from ..store.scans import Scan, shown_layer
from .described import about_of
from .drive import GRACE, Drive, Event, Stop, Tally
from .plan import Plan, Range
from .planning import asked, chosen, planned, with_steps
from .recipe import Recipe
from .recipe import recipe as recipe_of
from .survey import Known
from .where import Where, executor_of

ROWS, ROWS_CPU = 64, 32  # pictures in a pack; on a processor more do not make it faster, and a kill costs less
SCAN: dict[str, Any] = {"k": 9, "many": 256, "sample": 1024, "batch": 64}  # of the scan that a sweep makes itself


class SweepStopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; ``tally`` says how far it got. What was made is in the store."""

    def __init__(self, tally: Tally) -> None:
        super().__init__("stopped")
        self.tally = tally


def sweep(
    network: Network | str,
    *,
    store: str | Path,
    layers: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    units: Sequence[Range] | None = None,
    recipe: str | Path | Recipe = "default",
    steps: int | None = None,
    data: Any = None,
    limit: int | None = None,
    shard: tuple[int, int] = (1, 1),
    where: Where | None = None,
    batch: int | None = None,
    tries: int = 2,
    progress: Callable[[Event], None] | None = None,
    scanning: Callable[[ScanProgress], None] | None = None,
) -> Tally:
    """Pictures of every unit of a network into a store; goes on where it stopped, in whatever way.

    ``layers``: names and globs; by default what one would look into, and the classes. ``types``: only layers whose
    module's class begins so. ``units``: ranges of channels. ``recipe``: a name (``phosphene recipes``) or a TOML file.
    ``data``: real pictures, which are scanned first. ``limit``: only the first so many units. ``shard``: ``(i, n)``,
    every n-th task. ``where``: who does the work. ``batch``: pictures that share a forward pass, at most. ``tries``:
    of a task that fails, before it is put down as failed; the others go on.

    Raises BadSpec, UnknownLayer, UnknownOption, StoreError, OutputError, SweepError; SweepStopped on Ctrl-C and
    SIGTERM.
    """
    where = where or Where()
    ledger = Ledger(Place(str(store)), write=True)
    network = load(network, device=where.device or fastest()) if isinstance(network, str) else network
    made = prepare(network, ledger, layers=layers, types=types, units=units, recipe=recipe, steps=steps, data=data,
                   limit=limit)  # fmt: skip
    return run(made, network, ledger, shard=shard, where=where, batch=batch, tries=tries, data=data,
               tell=progress, scanning=scanning)  # fmt: skip


def fastest() -> str | None:
    """The device for long work, where none is named."""
    return "cuda" if torch.cuda.is_available() else None


def prepare(
    network: Network,
    ledger: Ledger,
    *,
    layers: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    units: Sequence[Range] | None = None,
    recipe: str | Path | Recipe = "default",
    steps: int | None = None,
    data: Any = None,
    limit: int | None = None,
) -> Plan:
    """The plan of a sweep, checked against the network; nothing is written."""
    one = with_steps(recipe_of(recipe), steps)
    pictures = None if data is None else open_pictures(data)
    scanned = None if pictures is None else "to be found"
    plan = planned(network, one, layers=layers, types=types, units=units, limit=limit, scan=scanned)
    if plan.scan is not None and pictures is not None:
        plan = replace(plan, scan=scan_of(network, ledger.place, pictures, layers_of(network, plan))[0])
    return plan


def layers_of(network: Network, plan: Plan) -> list[Track]:
    """The layers that a plan has units of."""
    return chosen(network, [shown_layer(line.layer) for line in plan.lines], None)


def scan_of(network: Network, place: Place, pictures: Pictures, layers: Sequence[Track]) -> tuple[str, bool]:
    """The id of the scan of these pictures that knows these layers, and whether it is there already."""
    names = {track.name for track in layers}
    own = scan_plan(network, pictures, _scanned_layers(network, layers), **SCAN).id
    for known in sorted(place.names("scans"), key=lambda one: one != own):  # what came later must not change plans
        try:
            there = Scan(place, known).plan
        except StoreError:  # not finished, or damaged
            continue
        whole = (there.fingerprint, there.data, there.pictures) == (
            network.fingerprint, pictures.fingerprint, len(pictures))  # fmt: skip
        if whole and names <= {track.name for track in there.tracks}:
            return known, True
    return own, False


def _scanned_layers(network: Network, layers: Sequence[Track]) -> list[str]:
    """What a sweep scans: its own layers, and all that one would look into, for the next sweep will ask for them."""
    try:
        usual = chosen(network, None, None)
    except BadSpec:  # nothing that one would look into
        usual = []
    return list(dict.fromkeys(asked(track) for track in [*usual, *layers]))


def run(
    plan: Plan,
    network: Network,
    ledger: Ledger,
    *,
    shard: tuple[int, int] = (1, 1),
    where: Where | None = None,
    batch: int | None = None,
    tries: int = 2,
    data: Any = None,
    tell: Callable[[Event], None] | None = None,
    scanning: Callable[[ScanProgress], None] | None = None,
    only: frozenset[str] | None = None,
    grace: float = GRACE,
) -> Tally:
    """What is left of a plan, made. ``only``: instead, of what failed, the tasks with these ids. Raises SweepStopped
    when it was stopped from outside."""
    check(shard, batch, tries)
    where, known, stop = where or Where(), Known(plan, ledger), Stop(grace)
    with heeded(stop):
        if data is not None:
            _scanned(plan, network, ledger.place, data, shard, scanning, stop)
        put_about(ledger.place, about_of(network))
        ledger.plan(plan.to_dict())
        states = known.states(shard)
        left = sum(state.left for state in states) if only is None else len(only)
        tally = Tally(plan.count(shard), sum(state.made for state in states), sum(state.failed for state in states))
        if only is not None:
            tally = Tally(left)
        if not left and tell is not None:  # nobody need be called
            tell(Event("begin", tally))
            tell(Event("end", tally))
        if left:
            rows = rows_of(network, batch, left, where)
            executor = executor_of(where, plan, network, ledger, data, left)
            drive = Drive(plan, ledger, executor, rows=rows, tries=tries, stop=stop, tell=tell, again=only is not None)
            drive.run(known.left(shard) if only is None else known.again(only), tally)
    if tally.ended != "done":
        raise SweepStopped(tally)
    return tally


def check(shard: tuple[int, int], batch: int | None, tries: int) -> None:
    """Refuse numbers that cannot be."""
    if not (isinstance(shard, tuple) and len(shard) == 2 and 1 <= shard[0] <= shard[1]):
        raise BadSpec(f"shard is (i, n), the i-th of n parts, not {shard!r}")
    if batch is not None and batch < 1:
        raise BadSpec(f"batch is pictures that share a forward pass, 1 or more, not {batch}")
    if tries < 1:
        raise BadSpec(f"a task is tried once or more often, not {tries} times")


def rows_of(network: Network, batch: int | None, left: int, where: Where) -> int:
    """Pictures in a pack: what was asked for, or so many that ``left`` tasks keep everybody busy."""
    if batch is not None:
        return batch
    if where.executor == "ray":  # who knows how many there are, and of what kind
        return ROWS if network.device.type != "cpu" or where.gpus else ROWS_CPU
    most = ROWS if network.device.type != "cpu" else ROWS_CPU
    return max(1, min(most, -(-left // (4 * torch.get_num_threads()))))


def _scanned(plan: Plan, network: Network, place: Place, data: Any, shard: tuple[int, int],
             scanning: Callable[[ScanProgress], None] | None, stop: Stop) -> None:  # fmt: skip
    """The scan that a plan needs; made now if it is not there."""
    pictures = open_pictures(data)
    layers = layers_of(network, plan)
    _, there = scan_of(network, place, pictures, layers)
    if there:
        return
    names = _scanned_layers(network, layers)
    spelt = ",".join(names)
    if shard[1] > 1:
        raise BadSpec(
            "the shards of a sweep share one scan, which is not there yet; first: "
            f"phosphene scan {network.name} --data {pictures.source} --store {place.url} --layers '{spelt}'"
        )

    def tell(progress: ScanProgress) -> None:
        if stop.asked is not None:
            raise KeyboardInterrupt
        if scanning is not None:
            scanning(progress)

    try:
        scan(network, pictures, store=place.url, layers=names, progress=tell, **SCAN)
    except KeyboardInterrupt:
        stop.ask("interrupted")
        raise SweepStopped(Tally(plan.count(shard), ended=stop.asked or "interrupted")) from None


@contextmanager
def heeded(stop: Stop) -> Iterator[None]:
    """Inside it, SIGTERM asks the sweep to end and Ctrl-C ends it; signals belong to the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def term(_: int, __: FrameType | None) -> None:
        stop.ask("terminated")

    def interrupt(_: int, __: FrameType | None) -> None:
        stop.ask("interrupted")
        raise KeyboardInterrupt

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, term),
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt),
    }
    try:
        yield
    except KeyboardInterrupt as error:
        if isinstance(error, SweepStopped):
            raise
        raise SweepStopped(Tally(0, ended=stop.asked or "interrupted")) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
