"""Packs made by a Ray cluster, or by a Ray of our own on this machine. The one file that knows Ray."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, final

import torch

from ..errors import BadSpec, MissingDependency, SweepError
from ..models.network import first_line
from ..store.place import Place
from .executors import Done, Executor
from .maker import Maker
from .plan import Pack
from .shares import Node, all_of, beside, cautions, share_of, spelt, workers_of
from .worker import Fault, Report, Setup

if TYPE_CHECKING:
    from .where import Where

RESTARTS = 3  # of an actor by Ray; then it is replaced by another
DEATHS = 3  # of actors that have not loaded the network yet, one after the other, before the sweep is given up
PATIENCE = 60.0  # seconds without any actor, before the sweep is given up
ANSWER = 20.0  # seconds in which a cluster must answer; Ray itself would try for many minutes
SILENCE = "RAY_DEDUP_LOGS_SKIP_REGEX"
OBJECTS = 80 * 2**20  # bytes for the objects of a Ray of our own, the least it takes: pictures go to the store


@final
@dataclass(eq=False)
class _Hand:
    """An actor, and what it was told to do, as ``ref``."""

    actor: Any
    doing: Literal["up", "load", "make", "nothing"] = "nothing"
    ref: Any = None
    host: str = ""
    pack: Pack | None = None
    since: float = field(default_factory=time.monotonic)

    def tell(self, doing: Literal["up", "load", "make"], *what: Any) -> None:
        method = getattr(self.actor, doing)
        # Ray shall wait for an actor that it starts anew, but not make a pack again: that is decided by the sweep
        self.ref = (method.options(max_task_retries=-1) if doing == "up" else method).remote(*what)
        self.doing, self.since = doing, time.monotonic()


@final
class Ray(Executor):
    """An actor per share of the cluster; they are started as there are packs for them.

    A pack is given only to one that is up. Those that wait for room cost nothing, and join when there is some.
    ``warnings``: what the user should know.
    """

    name = "ray"

    def __init__(self, setup: Setup, where: Where) -> None:
        self.unmade = 0
        self.warnings: list[str] = []
        self._hands: list[_Hand] = []
        self._queue: deque[tuple[Pack, bool]] = deque()
        self._deaths, self._alone = 0, time.monotonic()  # when the last actor was up
        self._ray = _imported()
        self._ours = not self._ray.is_initialized()
        address = where.address or os.environ.get("RAY_ADDRESS") or "local"
        if self._ours:
            _begin(self._ray, address)
        try:
            self._prepare(setup, where, address)
        except BaseException:
            self.stop()
            raise

    def _prepare(self, setup: Setup, where: Where, address: str) -> None:
        nodes = _nodes(self._ray)
        self.gpus, self.cpus = share_of(where, nodes)
        self.slots = self.workers = workers_of(where.workers, nodes, self.gpus, self.cpus)
        store = Place(setup.store)
        self.setup = replace(
            setup,
            store=setup.store if store.local is None else str(store.local.resolve()),
            device="cuda" if self.gpus else setup.device,  # Ray says which one, by what it lets the process see
            threads=max(1, int(self.cpus)),
            beside=beside(self.workers, nodes, self.gpus, self.cpus),
        )
        here = {"localhost", "127.0.0.1", "::1", socket.gethostname(), self._ray.util.get_node_ip_address()}
        hosts = {node.host for node in nodes} | ({_host(address)} if ":" in address else set())
        mode = os.environ.get("RAY_AUTH_MODE", "disabled")
        self.warnings += cautions(hosts - here, mode, None if store.local is None else self.setup.store)

    def submit(self, pack: Pack, *, look: bool) -> None:
        self._queue.append((pack, look))
        self.unmade += 1
        self._hand_out()

    def _hand_out(self) -> None:
        """Packs to those that have nothing to do; another actor if there are more packs than actors on their way."""
        for hand in self._hands:
            if hand.doing == "nothing" and self._queue:
                hand.pack, look = self._queue.popleft()
                hand.tell("make", hand.pack, look)
        coming = sum(hand.doing in ("up", "load") for hand in self._hands)
        while len(self._queue) > coming and len(self._hands) < self.workers:
            self._hands.append(self._hired())
            coming += 1

    def _hired(self) -> _Hand:
        kind = self._ray.remote(Maker).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_restarts=RESTARTS, max_task_retries=0,
            scheduling_strategy="SPREAD",
        )  # fmt: skip
        hand = _Hand(kind.remote())
        hand.tell("up")
        return hand

    def wait(self, seconds: float) -> list[Done]:
        hands = {hand.ref: hand for hand in self._hands if hand.ref is not None}
        self._ray.wait(list(hands), num_returns=1, timeout=seconds)
        ended, _ = self._ray.wait(list(hands), num_returns=len(hands), timeout=0)
        done = [one for ref in ended for one in self._heard_from(hands[ref])]
        self._hand_out()
        self._take_stock()
        return done

    def _heard_from(self, hand: _Hand) -> list[Done]:
        doing, pack = hand.doing, hand.pack
        ref, hand.ref, hand.pack, hand.doing = hand.ref, None, None, "nothing"
        try:
            found = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            return self._lost(hand, doing, pack, error)
        if doing == "up":
            hand.host = found
            hand.tell("load", self.setup, os.getcwd())
        elif doing == "load":
            if found is not None:
                raise SweepError(f"a worker on {hand.host} cannot begin: {found}")
            self._deaths = 0
        elif pack is not None:
            self.unmade -= 1
            if found is None:  # it died while it had nothing to do, and this one has not loaded the network
                hand.tell("load", self.setup, os.getcwd())
                found = Report(fault=Fault("crash", f"the worker on {hand.host} was started anew"))
            return [(pack, found)]
        return []

    def _lost(self, hand: _Hand, doing: str, pack: Pack | None, error: Exception) -> list[Done]:
        """An actor is gone; Ray starts it anew, or it is replaced."""
        problem = self._ray.exceptions
        text = " ".join(first_line(error).split())
        if isinstance(error, problem.RuntimeEnvSetupError | problem.RayTaskError) or "creation task" in str(error):
            last = [line for line in str(error).strip().splitlines() if line.strip()][-1].strip()
            raise SweepError(f"a worker cannot begin on the cluster: {last}; is the same phosphene installed on all "
                             "its nodes?") from error  # fmt: skip
        if doing == "make":
            hand.tell("up")
        else:
            self._deaths += doing == "load" or not hand.host  # one that was up before is only worn out
            if self._deaths >= DEATHS:
                place = f" on {hand.host}" if hand.host else ""
                raise SweepError(f"{DEATHS} workers died while they loaded the network, the last{place} ({text}); "
                                 "try fewer --workers if memory is short")  # fmt: skip
            self._drop(hand)
        if pack is None:
            return []
        self.unmade -= 1
        kind: Literal["memory", "crash"] = "memory" if isinstance(error, problem.OutOfMemoryError) else "crash"
        return [(pack, Report(fault=Fault(kind, f"the worker that made it on {hand.host} died ({text})")))]

    def _drop(self, hand: _Hand) -> None:
        self._hands.remove(hand)
        try:
            self._ray.kill(hand.actor, no_restart=True)
        except Exception as error:  # it is gone already, or the cluster is
            logging.getLogger(__name__).debug("an actor could not be ended: %s", error)

    def _take_stock(self) -> None:
        """Count who is there: for the others no pack is taken, and without any the sweep ends."""
        now = time.monotonic()
        late = sum(hand.doing == "up" and now - hand.since > PATIENCE for hand in self._hands)
        self.slots = max(1, self.workers - late)
        if not self._hands or any(hand.doing != "up" for hand in self._hands):
            self._alone = now
        elif now - self._alone > PATIENCE:
            free = self._ray.available_resources()
            raise SweepError(
                f"no worker came up in {PATIENCE:g} s: each wants {spelt(self.gpus, self.cpus)}, and free are "
                f"{spelt(free.get('GPU', 0), free.get('CPU', 0))} of {all_of(_nodes(self._ray))}\n"
                "end what else the cluster does, or ask for less; what was made is kept"
            )

    def drain(self) -> None:
        self.unmade -= len(self._queue)
        self._queue.clear()

    def stop(self) -> None:
        while self._hands:
            self._drop(self._hands[-1])
        self._queue.clear()
        self.unmade = 0
        if self._ours:
            self._ours = False
            self._ray.shutdown()


def _imported() -> Any:
    # Ray prints on standard output what became of actors; the sweep says that itself. It is read at the first import
    before = os.environ.get(SILENCE)
    os.environ[SILENCE] = before or "Maker|A worker died or was killed|killed due to memory|has been marked dead"
    try:
        import ray
    except ImportError as error:
        raise MissingDependency("the executor ray needs another package: pip install 'phosphene[ray]'") from error
    finally:
        os.environ.pop(SILENCE)
        if before is not None:
            os.environ[SILENCE] = before
    return ray


def _begin(ray: Any, address: str) -> None:
    """A Ray of our own, or the one at the address. Ray puts its own answer to SIGTERM, which is taken back."""
    said: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        said |= {"num_cpus": torch.get_num_threads(), "include_dashboard": False, "object_store_memory": OBJECTS}
    else:
        _answers(address)
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, **said)
    except SystemExit:  # what Ray does at SIGTERM
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)
        raise KeyboardInterrupt from None
    except Exception as error:
        ray.shutdown()
        raise SweepError(f"cannot use Ray at {address}: {' '.join(first_line(error).split())}") from error
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def _answers(address: str) -> None:
    """Raise SweepError unless a Ray answers at the address: first a look at the port, then another process tries,
    for Ray cannot be told to give up."""
    if address != "auto":
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise BadSpec(f"an address of Ray is auto, local, host:port or ray://host:port, not {address!r}")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER / 4).close()
        except OSError as error:
            raise SweepError(f"nothing answers at {address} ({error.strerror or error}); is the Ray cluster up? "
                             "on its head: ray status") from error  # fmt: skip
    code = "import logging, sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.FATAL)"
    try:
        done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, timeout=ANSWER)
    except subprocess.TimeoutExpired as error:
        raise SweepError(f"what is at {address} did not answer as Ray does in {ANSWER:g} s; the port is that of the "
                         "cluster's head, 6379 unless it was chosen, not the dashboard's") from error  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise SweepError(f"cannot use Ray at {address}: {said[-1].strip()}")


def _host(address: str) -> str:
    return address.removeprefix("ray://").rpartition(":")[0].strip("[]")


def _nodes(ray: Any) -> list[Node]:
    """Those that live."""
    return [Node(one["NodeManagerAddress"], one["Resources"].get("CPU", 0.0), one["Resources"].get("GPU", 0.0))
            for one in ray.nodes() if one["Alive"]]  # fmt: skip
