"""What makes the pictures of a pack and stores them: the same in this process, in others, on other machines."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Literal, final

import torch

from ..data import open_pictures
from ..errors import OutOfMemory, OutputError, PhospheneError, StoreError
from ..evidence import Naturals
from ..examples.shots import pictures_of
from ..front import make
from ..memory import share
from ..models.network import Network, first_line, out_of_memory
from ..models.sources import load as load_spec
from ..produce import Progress, Watch
from ..registry import freeze
from ..result import Result, png
from ..spec import ModelSpec
from ..store.ledger import Ledger, Payload
from ..store.paths import record_of
from ..store.place import Place
from ..store.scans import Scan
from .plan import Pack, Plan, Task
from .real import examples_record, facets_record, row
from .recipe import OF_DATA

Trouble = Literal["memory", "task", "store", "crash"]
VOLATILE = ("seconds",)  # what differs each time a picture is made; records leave it out


@final
@dataclass(frozen=True)
class Fault:
    """Why a pack was not made: it did not fit in ``memory``, a ``task`` cannot be done, the ``store`` does not work, or
    the worker is gone (``crash``)."""

    kind: Trouble
    text: str


@final
@dataclass(frozen=True)
class Report:
    """What became of a pack: a status per task (``ok``, ``dead``, ``diverged``, ``none``), or a fault. ``seconds`` that
    it took; ``stored``: bytes."""

    statuses: tuple[str, ...] = ()
    fault: Fault | None = None
    seconds: float = 0.0
    stored: int = 0


@final
@dataclass(frozen=True)
class Setup:
    """What a worker is told, once. ``data``: where the pictures of the scan are. ``threads``: of the processor;
    ``beside``: workers that share the device's memory."""

    plan: Mapping[str, Any]
    store: str
    data: str | None = None
    device: str | None = None
    threads: int | None = None
    beside: int = 1


@final
class Worker:
    """Loads the network once, then makes pack after pack. ``network``: where it is loaded already."""

    def __init__(self, setup: Setup, network: Network | None = None, data: Any = None) -> None:
        self.setup, self.plan = setup, Plan.from_dict(setup.plan)
        if setup.threads is not None:
            torch.set_num_threads(setup.threads)
        share(setup.beside)
        self.network = load_network(self.plan, setup.device) if network is None else network
        self.ledger = Ledger(Place(setup.store))
        self.data = data if data is not None else setup.data
        self.naturals = Naturals.at(setup.store, self.network)  # opened once: a layer's facts are many bytes
        self.tell: Callable[[Progress], None] | None = None

    def make(self, pack: Pack, *, look: bool = False) -> Report:
        """Make and store what the pack asks for. ``look``: leave out what is there by now.

        Every way in which it cannot be done is a fault in the report, but for Ctrl-C.
        """
        begun = time.monotonic()
        try:
            statuses, stored = self._made(pack, look or self.ledger.place.local is not None)
        except OutOfMemory as error:
            return Report(fault=Fault("memory", str(error)))
        except (OutputError, StoreError) as error:
            return Report(fault=Fault("store", str(error)))
        except PhospheneError as error:
            return Report(fault=Fault("task", str(error)))
        except Exception as error:
            kind: Trouble = "memory" if out_of_memory(error) else "task"
            return Report(fault=Fault(kind, f"{type(error).__name__}: {first_line(error)}"))
        return Report(statuses, None, time.monotonic() - begun, stored)

    def _made(self, pack: Pack, look: bool) -> tuple[tuple[str, ...], int]:
        """A status per task, and the bytes that were stored."""
        there = {task.id for task in pack.tasks if look and self._has(task)}
        left = [task for task in pack.tasks if task.id not in there]
        found = [self._of_data(task) for task in left] if pack.kind in OF_DATA else self._optimised(left)
        made = dict.fromkeys(there, "there") | {task.id: one[0] for task, one in zip(left, found, strict=True)}
        return tuple(made[task.id] for task in pack.tasks), sum(size for _, size in found)

    def _has(self, task: Task) -> bool:
        layer = self.plan.lines[task.line].layer
        return all(self.ledger.place.has(record_of(self.plan.fingerprint, layer, name)) for name in task.ids)

    def _optimised(self, tasks: list[Task]) -> list[tuple[str, int]]:
        """Pictures that are made together; of those that differ, the worst status counts."""
        jobs = [job for task in tasks for job in self.plan.jobs(task)]
        watch = Watch(self.tell, tuple(self.plan.recipe.frames), store=self.naturals)
        results = iter(make(jobs, self.network, watch=watch) if jobs else ())
        found = []
        for task in tasks:
            own = list(islice(results, len(task.ids)))
            stored = sum(self._keep(task, result, number) for number, result in enumerate(own))
            found.append((next((one.status for one in own if one.status != "ok"), "ok"), stored))
        return found

    def _of_data(self, task: Task) -> tuple[str, int]:
        """What real pictures say of a unit."""
        unit, about = self.plan.unit(task), self._about(task, 0)
        if task.kind == "facets":
            record, payloads = facets_record(self.network, self._scan, unit, self.plan, self.setup.store, self.tell)
        else:
            record, payloads = examples_record(self.network, self._scan, unit)
        self.ledger.put(finite({**about, **record}), payloads)
        return str(record["status"]), sum(len(one.data) for one in payloads.values())

    @cached_property
    def _scan(self) -> Scan:
        scan = Scan(self.ledger.place, str(self.plan.scan))
        scan.data = pictures_of(scan, None if self.data is None else open_pictures(self.data))
        return scan

    def _about(self, task: Task, number: int) -> dict[str, Any]:
        """What every record of a sweep says of its place."""
        line = self.plan.lines[task.line]
        return {"id": task.ids[number], "fingerprint": self.plan.fingerprint, "model": self.network.name,
                "layer": line.layer, "unit": self.plan.unit(task), "channel": task.channel, "kind": task.kind,
                "row": number}  # fmt: skip

    def _keep(self, task: Task, result: Result, number: int) -> int:
        """Store one picture; the bytes of it."""
        record = {key: value for key, value in result.record().items() if key not in VOLATILE}
        payloads = {"picture": Payload(png(result.pixels, result.alpha))}
        if result.frames:
            payloads["frames"] = Payload(png(row([frame.pixels for frame in result.frames])))
        self.ledger.put(finite({**record, **self._about(task, number)}), payloads)
        return sum(len(one.data) for one in payloads.values())


def load_network(plan: Plan, device: str | None = None) -> Network:
    """The network of a plan; NotReproducible when it has other weights by now."""
    from ..errors import NotReproducible

    spec = ModelSpec(**{key: freeze(value) for key, value in plan.model.items()})
    network = load_spec(spec, device)
    if network.fingerprint != plan.fingerprint:
        raise NotReproducible(
            f"{network.name} has other weights (fingerprint {network.fingerprint}) than what was planned for "
            f"({plan.fingerprint}); sweep it anew"
        )
    return network


def finite(value: Any) -> Any:
    """Data as JSON can say it: None for what is not a finite number, lists for tuples."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(one) for key, one in value.items()}
    return [finite(one) for one in value] if isinstance(value, list | tuple) else value
