"""How a cluster is shared out: what each worker takes, and how many fit. It knows no Ray, and asks for none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import BadSpec, SweepError

if TYPE_CHECKING:
    from .where import Where


class Node(NamedTuple):
    """A machine of the cluster, as far as it can be asked for."""

    host: str
    cpus: float
    gpus: float


def share_of(where: Where, nodes: Sequence[Node]) -> tuple[float, float]:
    """GPUs and processors of each worker: one GPU if the cluster has any and nobody said otherwise."""
    device = where.device or ""
    gpus = where.gpus
    if gpus is None:
        gpus = float(device.startswith("cuda") or (not device and any(node.gpus >= 1 for node in nodes)))
    if gpus > 1 and gpus != int(gpus):
        raise BadSpec(f"more than one GPU per worker are whole ones, not {gpus:g}")
    if bool(gpus) != device.startswith("cuda") and device:
        raise BadSpec(f"the device {device} does not go with {gpus:g} GPUs per worker")
    return gpus, 1.0 if where.cpus is None else where.cpus


def room(node: Node, gpus: float, cpus: float) -> int:
    """How many workers fit on a node; one where they want nothing. A GPU is shared by those that fit on it."""
    each = []
    if gpus:
        each.append(node.gpus // gpus if gpus >= 1 else int(node.gpus) * math.floor(1 / gpus + 1e-9))
    if cpus:
        each.append(math.floor(node.cpus / cpus + 1e-9))
    return int(min(each, default=1))


def beside(workers: int, nodes: Sequence[Node], gpus: float, cpus: float) -> int:
    """How many workers share the memory of a GPU, or of a node where they have none."""
    most = max(math.floor(1 / gpus + 1e-9), 1) if gpus else max(room(node, gpus, cpus) for node in nodes)
    return min(workers, most)


def workers_of(asked: int | None, nodes: Sequence[Node], gpus: float, cpus: float) -> int:
    """How many workers; SweepError with the numbers where the cluster has not that much."""
    fit = sum(room(node, gpus, cpus) for node in nodes)
    want = spelt(gpus, cpus)
    if not fit:
        raise SweepError(f"each worker wants {want} of one node; the cluster has {all_of(nodes)}; ask for less: "
                         "--num-gpus-per-worker, --num-cpus-per-worker")  # fmt: skip
    if asked is None or not (gpus or cpus):
        return asked or fit
    if asked > fit:
        raise SweepError(f"{asked} workers of {want} want {spelt(asked * gpus, asked * cpus)}; the cluster has "
                         f"{all_of(nodes)}, room for {fit}")  # fmt: skip
    return asked


def cautions(others: set[str], mode: str, folder: str | None) -> list[str]:
    """What may go wrong with a cluster on ``others`` than this machine. ``mode``: of Ray's authentication; ``folder``:
    of the store, if it is one."""
    said = []
    if others and mode.lower() in ("", "disabled"):
        said.append(
            f"the Ray cluster on {', '.join(sorted(others)[:3])} is used without authentication: whoever reaches it "
            "can run code there; turn it on with RAY_AUTH_MODE=token on all its nodes and here"
        )
    if others and folder is not None:
        said.append(f"workers on other machines write to {folder} of their own disk, unless it is a shared folder; or "
                    "use a URL such as s3://")  # fmt: skip
    return said


def _many(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"


def spelt(gpus: float, cpus: float) -> str:
    return " and ".join([*([_many(gpus, "GPU")] if gpus else []), _many(cpus, "CPU")])


def all_of(nodes: Sequence[Node]) -> str:
    """All of it, and node by node, as far as one line can say."""
    each = "; ".join(f"{_many(node.cpus, 'CPU')}, {_many(node.gpus, 'GPU')}" for node in nodes[:4])
    more = f"; and {len(nodes) - 4} more" if len(nodes) > 4 else ""
    total = f"{_many(sum(n.cpus for n in nodes), 'CPU')} and {_many(sum(n.gpus for n in nodes), 'GPU')}"
    return f"{total} ({_many(len(nodes), 'node')}: {each}{more})"
