"""Who does the work of a sweep, and how much of the machine each may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import psutil
import torch

from ..errors import BadSpec
from ..models.network import Network
from ..models.sources import is_address
from ..store.ledger import Ledger
from .executors import Executor, Serial
from .plan import Plan
from .processes import Processes
from .worker import Setup, Worker

NEED = 1.5 * 2**30  # bytes of memory per process, roughly, for a network of usual size


@final
@dataclass(frozen=True)
class Where:
    """Who does the work. ``executor``: ``serial``, ``processes``, ``ray``, or ``auto``: processes where there are
    several processors or devices. ``workers``: how many. ``address``, ``gpus``, ``cpus``: of Ray, the last two per
    worker."""

    executor: str = "auto"
    workers: int | None = None
    device: str | None = None
    address: str | None = None
    gpus: float | None = None
    cpus: float | None = None

    def __post_init__(self) -> None:
        if self.executor not in ("auto", "serial", "processes", "ray"):
            raise BadSpec(f"an executor is auto, serial, processes or ray, not {self.executor!r}")
        if self.workers is not None and self.workers < 1:
            raise BadSpec(f"workers are 1 or more, not {self.workers}")
        for name, value in (("num_gpus", self.gpus), ("num_cpus", self.cpus)):
            if value is not None and value < 0:
                raise BadSpec(f"{name} per worker is 0 or more, not {value}")
        if self.executor != "ray" and (self.address, self.gpus, self.cpus) != (None, None, None):
            raise BadSpec("address, GPUs and processors per worker are for Ray: --executor ray")


def executor_of(where: Where, plan: Plan, network: Network, ledger: Ledger, data: Any, most: int) -> Executor:
    """Whoever shall make the tasks, of which there are ``most``."""
    source = data if isinstance(data, str | Path) else None
    device = where.device or (None if network.device.type == "cpu" else str(network.device))
    setup = Setup(plan.to_dict(), ledger.place.url, None if source is None else str(source), device)
    cards = _cards(where, network)
    movable = is_address(network.name) and (data is None or source is not None)
    if where.executor in ("processes", "ray") and not movable:
        raise BadSpec(f"other processes cannot load {network.name}, or the data, from here: give addresses and paths "
                      "as text, or use the serial executor")  # fmt: skip
    alone = ledger.place.url.partition("://")[0] == "memory"  # what other processes put there, nobody else sees
    if alone and where.executor in ("processes", "ray"):
        raise BadSpec(f"the store {ledger.place.url} is of this process alone; take a folder or a URL that others see, "
                      "or the serial executor")  # fmt: skip
    if where.executor == "ray":
        from .ray import Ray

        return Ray(setup, where)
    workers, threads = layout(where, network, most)
    if where.executor == "serial" or alone or not movable or (where.executor == "auto" and workers == 1):
        return Serial(Worker(setup, network, data))
    devices = [f"cuda:{n % cards}" if cards > 1 else device for n in range(workers)]
    beside = -(-workers // cards)
    return Processes([replace(setup, device=one, threads=threads, beside=beside) for one in devices])


def layout(where: Where, network: Network, most: int) -> tuple[int, int]:
    """How many processes of this machine make ``most`` tasks, and with how many threads each."""
    cores = torch.get_num_threads()
    if network.device.type == "cpu":
        fit = max(1, int(psutil.virtual_memory().available * 0.8 / NEED))
        usual = max(1, min(cores, fit, most))
    else:
        usual = min(_cards(where, network), max(1, most))
    workers = 1 if where.executor == "serial" else where.workers or usual
    return workers, max(1, cores // workers)


def _cards(where: Where, network: Network) -> int:
    """The devices that may be used."""
    if network.device.type != "cuda" or ":" in (where.device or ""):
        return 1
    return torch.cuda.device_count()
