"""A store with plausible records, of which nothing was optimised; and a filesystem that dies when it is told to."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from phosphene.spec import Job, ModelSpec, digest
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.place import Place

NETWORK, OTHER = "ab" * 16, "cd" * 16
LAYER = "mixed4b"
BLUR: dict[str, Any] = {"name": "blur"}


def job(layer: str, channel: int, seed: int = 0, model: str = "fake", steps: int = 8) -> Job:
    head = "logit" if layer == "@output" else layer
    return Job(ModelSpec(model), f"{head}:{channel}", {"name": "fourier"}, (BLUR,), {"name": "adam"}, steps, seed)


def png(seed: int, height: int = 16, width: int = 16, mode: str = "RGB") -> bytes:
    """Smooth noise, another one for each seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(buffer, format="PNG")
    return buffer.getvalue()


def record(
    layer: str, channel: int, *, kind: str = "positive", row: int = 0, network: str = NETWORK, model: str = "fake",
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """A picture's record, without its payloads. Numbers are those of the channel."""
    seed = row + 100 * (kind == "negative") + 200 * (kind == "diverse")
    head = "logit" if layer == "@output" else layer
    plain = {"kind": kind, "layer": layer, "unit": f"{head}:{channel}", "channel": channel, "row": row,
             "model": model, "fingerprint": network}  # fmt: skip
    if kind in ("facets", "examples"):
        return {**plain, "id": digest({"task": kind, "layer": layer, "channel": channel, "of": network}), **more}
    one = job(layer, channel, seed, model)
    clean = round(float(np.sin(channel) * 5 + 6), 3)
    natural = {"scan": "s", "pictures": 100, "statistic": "mean", "value": clean, "percentile": 99.5, "extreme": 3.0,
               "ratio": round(clean / 3, 3)}  # fmt: skip
    return {
        **plain, "id": one.id(network), "target": one.target, "status": "ok", "seed": seed, "size": [16, 16],
        "steps": one.steps, "score": {"start": 0.1, "clean": clean, "robust": clean - 0.5, "under": "lucid"},
        "evidence": {"unit": f"{head}:{channel}", "rank": channel % 5 + 1, "siblings": 64, "top": [],
                     "high_frequency": 0.1, "redirected": 0, "silent": 0,
                     "natural": natural if channel % 2 else None},
        "spec": one.to_dict(), "versions": {"phosphene": "0"}, "frames": [], "partial": False, "alpha": False,
        "group": None, "found": None, "arithmetic": "exact", **more,
    }  # fmt: skip


def put(ledger: Ledger, one: dict[str, Any], seed: int | None = None, **picture: Any) -> str:
    """Into the store; its id. Strips for what is made of real pictures, frames for every fourth."""
    number = int(digest(one["id"])[:6], 16) if seed is None else seed
    wide = {"height": 8, "width": 64} if one["kind"] in ("facets", "examples") else {}
    payloads = {"picture": Payload(png(number, **{**wide, **picture}))}
    if one["channel"] % 4 == 0 and not wide:
        payloads["frames"] = Payload(png(number + 1, 8, 32))
    ledger.put(one, payloads)
    return str(one["id"])


def failure(layer: str, channel: int, network: str = NETWORK, tries: int = 1) -> dict[str, Any]:
    return {"id": job(layer, channel).id(network), "fingerprint": network, "layer": layer, "unit": f"{layer}:{channel}",
            "kind": "positive", "channel": channel, "error": "out of memory", "tries": tries}  # fmt: skip


def fill(ledger: Ledger, layer: str = LAYER, channels: Iterable[int] = range(6), **more: Any) -> list[str]:
    """Pictures of a few channels, of all kinds for the first two; their ids."""
    made = []
    for channel in channels:
        made.append(put(ledger, record(layer, channel, **more)))
        if channel < 2:
            made.append(put(ledger, record(layer, channel, kind="negative", **more)))
            made += [put(ledger, record(layer, channel, kind="diverse", row=row, **more)) for row in range(2)]
            made += [put(ledger, record(layer, channel, kind=kind, **more)) for kind in ("facets", "examples")]
    return made


def shelf(url: str | Path, *, networks: Iterable[str] = (NETWORK,)) -> Ledger:
    """A store with two layers of each network, failures and a plan."""
    ledger = Ledger(Place(str(url)), write=True)
    for network in networks:
        fill(ledger, network=network)
        fill(ledger, "@output", range(3), network=network)
        ledger.fail(failure(LAYER, 40, network))
    ledger.plan({"id": digest("plan"), "fingerprint": NETWORK})
    return ledger


def everything(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """All records of a store by id, read the slow way."""
    return {one["id"]: one for network in ledger.networks() for layer in ledger.layers(network)
            for one in ledger.records(network, layer)}  # fmt: skip


class Killed(BaseException):
    """The process is gone; nobody catches that."""


class Dying(MemoryFileSystem):  # type: ignore[misc]
    """Memory that dies at a write or a removal: ``left`` of them go well, then none."""

    protocol = "dying"
    store: dict[str, Any] = {}  # noqa: RUF012  not that of other memories
    pseudo_dirs = [""]  # noqa: RUF012
    cachable = False
    left: int | None = None
    done = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("dying://", "memory://")))

    def _count(self) -> None:
        if Dying.left is not None and Dying.done >= Dying.left:
            raise Killed
        Dying.done += 1

    def pipe_file(self, path: str, value: bytes, **more: Any) -> None:
        self._count()
        super().pipe_file(path, value, **more)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        self._count()
        super().rm(path, recursive=recursive, maxdepth=maxdepth)


def dying() -> Place:
    """A place of its own in memory that can be told to die: ``Dying.left``."""
    fsspec.register_implementation("dying", Dying, clobber=True)
    Dying.left, Dying.done = None, 0
    return Place(f"dying://{uuid.uuid4().hex}/store")


def content(place: Place) -> dict[str, bytes]:
    return {one.name: place.read(one.name) for one in place.below()}


def refill(place: Place, files: dict[str, bytes]) -> None:
    """Exactly these files."""
    for name in content(place):
        place.remove(name)
    for name, data in files.items():
        place.write(name, data)
