"""A network in a file, small recipes, and what a sweep leaves, for the tests of sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import phosphene as ph
from phosphene.models.network import Network
from phosphene.store.ledger import Ledger
from phosphene.store.place import CUT_OFF, Place
from phosphene.sweeps.recipe import Recipe
from phosphene.sweeps.run import sweep
from phosphene.sweeps.where import Where

NET = '''
import os
import signal
import time

import torch
from torch import nn

HERE = os.path.dirname(__file__)


class Tiny(nn.Module):
    """Two convolutions with ReLUs and a head."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.relu1 = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()
            self.second, self.relu2 = nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ReLU()
            self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.relu2(self.second(self.relu1(self.first(x)))).mean((2, 3)))


def note(what):
    """A line in the file beside this one, by whichever process."""
    with open(os.path.join(HERE, "noted"), "a") as file:
        file.write(f"{what}\\n")


class Small(Tiny):
    """More than three pictures do not fit."""

    def forward(self, x):
        if len(x) > 3:
            note(len(x))
            raise torch.OutOfMemoryError(f"tried to allocate room for {len(x)} pictures")
        return super().forward(x)


class Judged(torch.autograd.Function):
    """Passes everything on, unless some picture climbs one channel alone; when memory is measured, all are climbed."""

    @staticmethod
    def forward(ctx, x, number, fate):
        ctx.number, ctx.fate = number, fate
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        climbed = gradient.flatten(2).any(2)
        if (climbed[:, ctx.number] & (climbed.sum(1) == 1)).any():
            ctx.fate()
        return gradient, None, None


def raised():
    raise ValueError("channel five is cursed\\nand says so at length")


def killed():
    note("killed")
    os.kill(os.getpid(), signal.SIGKILL)


class Poisoned(Tiny):
    """One channel of ``first`` cannot be climbed."""

    def __init__(self, fate, number=5):
        super().__init__()
        self.first.register_forward_hook(lambda _, __, x: Judged.apply(x, number, fate))


class Cursed(Tiny):
    """Nothing can be climbed."""

    def __init__(self):
        super().__init__()
        for layer in (self.first, self.second):
            layer.register_forward_hook(self.judged)

    def judged(self, _, __, x):
        for number in range(x.shape[1]):
            x = Judged.apply(x, number, raised)
        return x


class Slow(Tiny):
    """Takes its time."""

    def forward(self, x):
        if x.requires_grad:
            time.sleep(0.02)
        return super().forward(x)


SHAPE = {"input_size": (3, 16, 16), "labels": ["one", "two", "three", "four"]}


def build():
    return Tiny(), SHAPE


def small():
    return Small(), SHAPE


def poisoned():
    return Poisoned(raised), SHAPE


def deadly():
    return Poisoned(killed), SHAPE


def cursed():
    return Cursed(), SHAPE


def slow():
    return Slow(), SHAPE
'''
SERIAL = Where("serial")
LAYERS = ["first", "second"]


def written(folder: Path, factory: str = "build") -> str:
    """The address of a network in a file of this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.py").write_text(NET)
    return f"{folder / 'net.py'}:{factory}"


def loaded(folder: Path, factory: str = "build") -> Network:
    return ph.load(written(folder, factory))


def tiny(**said: Any) -> Recipe:
    """A picture of each unit in two steps."""
    return Recipe("tiny", **{"examples": False, "steps": 2, "robust": 2, "redirect": 1, **said})


def swept(network: Network | str, store: Path | str, **said: Any) -> Any:
    """A small sweep here and now."""
    return sweep(network, **{"store": store, "layers": LAYERS, "recipe": tiny(), "where": SERIAL, **said})


def files(store: Path, *below: str) -> dict[str, bytes]:
    """Every file below these folders of a store, but for what is left of writes that were cut off."""
    found = [path for what in below or ("records", "objects", "failed") for path in sorted((store / what).rglob("*"))]
    return {str(path.relative_to(store)): path.read_bytes() for path in found
            if path.is_file() and not path.name.startswith(CUT_OFF)}  # fmt: skip


def same(one: Path, other: Path) -> bool:
    """Whether two stores hold the same records, pictures and failures, byte for byte."""
    return files(one) == files(other)


def ledger(store: Path | str) -> Ledger:
    return Ledger(Place(str(store)))


def all_records(one: Ledger) -> Iterator[dict[str, Any]]:
    """Every record of a store, each with its payloads whole."""
    for network in one.networks():
        for layer in one.layers(network):
            for record in one.records(network, layer):
                for name, entry in record["payloads"].items():
                    assert len(one.payload(record, name)) == entry["bytes"]
                yield record


def all_failures(one: Ledger) -> list[dict[str, Any]]:
    return [failure for network in one.networks() for layer in one.layers(network)
            for failure in one.failures(network, layer)]  # fmt: skip


def noted(folder: Path) -> list[str]:
    """What the network in this folder has noted."""
    path = folder / "noted"
    return path.read_text().splitlines() if path.exists() else []
