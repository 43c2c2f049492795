"""One gallery for the browser's tests: a real sweep of miniception, made once and shared by all who test then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
from data.made import encoded, photo
from PIL import Image

import phosphene as ph
from phosphene.address import OUTPUT
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.place import Place
from phosphene.sweeps.recipe import Recipe
from phosphene.sweeps.where import Where

LAYERS = ("conv1", "mixed4b", "logit")
MADE = range(12)  # units of each layer that have a picture
FRAMES = (0, 2)  # steps that are kept
STEPS = 4
DIVERSE = 2
PHOTOS = 40
DEAD, FAILED, MISSING = 12, 13, 14  # channels of conv1
ERROR = "channel 13 could not be climbed"
PATIENCE = 180.0  # seconds for another process to make it
RECIPE = Recipe("seen", negative=True, diverse=DIVERSE, steps=STEPS, robust=2, redirect=2, frames=FRAMES, preset="fast")
FACETED = ("logit", 2)  # so many units of a layer have facets, which take their time
TESTS = Path(__file__).parents[1]


@final
@dataclass(frozen=True)
class Gallery:
    """``store``: the folder of the store, ``photos`` that of the real pictures. Not to be changed: copy it."""

    store: Path
    photos: Path
    network: str
    fingerprint: str

    @property
    def net(self) -> str:
        """The network as the pages call it."""
        return self.fingerprint[:12]

    def ledger(self) -> Ledger:
        return Ledger(Place(str(self.store)))

    def record(self, layer: str, channel: int, kind: str = "positive", row: int = 0) -> dict[str, Any]:
        """A record of the store; LookupError when there is none."""
        for record in self.records(layer):
            if (record["channel"], record["kind"], record.get("row", 0)) == (channel, kind, row):
                return record
        raise LookupError(f"no {kind} of {layer}:{channel}")

    def records(self, layer: str) -> Iterator[dict[str, Any]]:
        """All of a layer, by the name that is shown."""
        return self.ledger().records(self.fingerprint, OUTPUT if layer == "logit" else layer)


def gallery_of(factory: pytest.TempPathFactory) -> Gallery:
    """The gallery; whoever comes first makes it, others wait. ``factory``: the session's."""
    base = factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "browser-gallery"
    done = root / "done.json"
    try:
        root.mkdir()
    except FileExistsError:
        _wait(done)
    else:
        try:
            words = [sys.executable, "-m", "web.gallery", str(root / "gallery"), str(root / "photos")]
            run = subprocess.run(words, cwd=TESTS, capture_output=True, text=True)  # shapes are not checked there
            told = {"error": run.stderr} if run.returncode else {"fingerprint": run.stdout.strip()}
        except BaseException as error:
            told = {"error": f"{type(error).__name__}: {error}"}
            raise
        finally:
            part = root / "done.part"
            part.write_text(json.dumps(told))
            part.replace(done)
    said = json.loads(done.read_text())
    if "error" in said:
        pytest.fail(f"the gallery could not be made: {said['error']}")
    return Gallery(root / "gallery", root / "photos", "miniception", said["fingerprint"])


def _wait(done: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not done.exists():
        if time.monotonic() > until:
            pytest.fail(f"nobody finished the gallery in {PATIENCE:.0f} s")
        time.sleep(0.2)


def made(store: Path, photos: Path) -> str:
    """A sweep into ``store`` over pictures in ``photos``, with a dead unit and one that failed; the fingerprint."""
    pictures(photos)
    network = ph.load("miniception")
    said: dict[str, Any] = {"store": store, "data": str(photos), "where": Where("serial")}
    ph.sweep(network, layers=list(LAYERS), units=[(MADE.start, MADE.stop)], recipe=RECIPE, **said)
    layer, many = FACETED
    ph.sweep(network, layers=[layer], units=[(0, many)], recipe=replace(RECIPE, facets=2), **said)
    ledger = Ledger(Place(str(store)))
    first = next(one for one in ledger.records(network.fingerprint, "conv1")
                 if (one["kind"], one["channel"]) == ("positive", 0))  # fmt: skip
    unit = f"conv1:{DEAD}"
    payload = {"picture": Payload(encoded(Image.new("RGB", (64, 64), (128, 128, 128))))}
    told = {name: first[name] for name in first if name not in ("payloads", "frames")}
    told |= {"id": "d" * 32, "channel": DEAD, "unit": unit, "target": unit, "status": "dead", "frames": []}
    ledger.put(told, payload)
    ledger.fail({"id": "f" * 32, "fingerprint": network.fingerprint, "layer": "conv1", "channel": FAILED, "row": 0,
                 "unit": f"conv1:{FAILED}", "kind": "positive", "error": ERROR, "tries": 2,
                 "model": network.name})  # fmt: skip
    return network.fingerprint


def many(gallery: Gallery, store: Path, units: int) -> None:
    """A store with a layer of so many units, each with a small picture of a colour of its own."""
    ledger = Ledger(Place(str(store)), write=True)
    first = gallery.record("conv1", 0)
    told = {name: first[name] for name in first if name not in ("payloads", "frames")} | {"frames": [], "layer": "wide"}
    for channel in range(units):
        unit = f"wide:{channel}"
        colour = (channel % 256, channel // 8 % 256, (7 * channel) % 256)
        picture = Payload(encoded(Image.new("RGB", (16, 16), colour)))
        one = {"id": f"{channel:032x}", "channel": channel, "unit": unit, "target": unit, "size": [16, 16]}
        ledger.put(told | one, {"picture": picture})


def pictures(folder: Path, count: int = PHOTOS) -> None:
    """Smooth ones, stripes, discs and noise in all colours: units must have something to tell apart."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[0:64, 0:64] / 63
    for number in range(count):
        drawn = np.random.default_rng(number)
        one, other = drawn.uniform(0, 255, (2, 3))
        turn, often = drawn.uniform(0, np.pi), drawn.uniform(2, 12)
        along = x * np.cos(turn) + y * np.sin(turn)
        share = [
            np.asarray(photo(64, 64, number)).mean(-1) / 255,
            (np.sin(2 * np.pi * often * along) > 0).astype(float),
            (np.hypot(x - drawn.uniform(), y - drawn.uniform()) < drawn.uniform(0.1, 0.5)).astype(float),
            drawn.uniform(0, 1, (64, 64)),
        ][number % 4]
        pixels = one + (other - one) * share[..., None]
        (folder / f"made-{number:02}.png").write_bytes(encoded(Image.fromarray(pixels.clip(0, 255).astype(np.uint8))))


if __name__ == "__main__":
    sys.stdout.write(made(Path(sys.argv[1]), Path(sys.argv[2])))
