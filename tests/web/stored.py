"""A store with everything, made of a network whose units mean something; and how its documents are looked through."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from examples.planted import network, write
from PIL import Image
from store.shelf import failure, fill, record
from sweep.made import swept, tiny

from phosphene.store.ledger import Ledger
from phosphene.store.place import Place
from phosphene.web.pages.shelf import Shelf

LAYERS = ["colour", "check", "logit"]
EVERYTHING = tiny(negative=True, diverse=2, facets=2, examples=True, frames=(0, 2))
HOSTILE = ["blocks/0.conv", "..", ".", "a~2Fb", "ünïcode ☃", "%2e%2e", "<script>", "sp ace", "a#1", 'quo"te', "~", "*"]


def turned(folder: Path) -> Path:
    """Each planted picture four times, turned about: enough of each kind for facets."""
    made = write(folder)
    for path in sorted(made.rglob("*.png")):
        with Image.open(path) as one:
            one.rotate(180).save(path.with_stem(f"{path.stem}-turned"))
            one.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path.with_stem(f"{path.stem}-mirrored"))
            one.transpose(Image.Transpose.ROTATE_90).save(path.with_stem(f"{path.stem}-up"))
    return made


def whole(folder: Path) -> Path:
    """A store of all kinds of pictures, with a scan: three layers, seven units."""
    store = folder / "store"
    tally = swept(network(), store, layers=LAYERS, recipe=EVERYTHING, data=turned(folder / "pictures"))
    assert tally.failed == 0
    return store


def plain(store: Path | str, layers: Iterator[str] | list[str] = HOSTILE) -> Ledger:
    """Records that nobody optimised, of layers of any name, with a failure."""
    ledger = Ledger(Place(str(store)), write=True)
    for layer in layers:
        fill(ledger, layer, range(4))
    ledger.fail(failure(next(iter(layers)), 6))
    return ledger


def shelf(store: Path | str) -> Shelf:
    return Shelf(Ledger(Place(str(store))))


def copied(store: Path, to: Path) -> Path:
    shutil.copytree(store, to)
    return to


def documents(one: Shelf) -> dict[str, Any]:
    """Every document of a shelf as JSON, which knows no NaN."""
    found: dict[str, Any] = {"site": one.site()}
    for line in one.site().networks:
        doc = found[line.id] = one.network(line.id)
        for layer in doc.layers:
            units = found[f"{line.id}/{layer.name}"] = one.layer(line.id, layer.name)
            for unit in units.units:
                found[f"{line.id}/{layer.name}/{unit.channel}"] = one.unit(line.id, layer.name, unit.channel)
    return {key: json.loads(json.dumps(asdict(doc), allow_nan=False)) for key, doc in found.items()}


def named(data: Any) -> Iterator[str]:
    """Every text in a document that is an address of a picture, wherever it stands."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from named(key)
            yield from named(value)
    elif isinstance(data, list):
        for value in data:
            yield from named(value)
    elif isinstance(data, str) and data.startswith(("objects/", "sheets/", "jobs/")):
        yield data


def without_sheets(data: Any) -> Any:
    """A document but for where the store and its thumbnails lie."""
    if isinstance(data, dict):
        return {
            key: without_sheets(value) for key, value in data.items() if key not in ("tile", "sheets", "cover", "store")
        }
    return [without_sheets(value) for value in data] if isinstance(data, list) else data


__all__ = ["HOSTILE", "LAYERS", "copied", "documents", "named", "plain", "record", "shelf", "whole", "without_sheets"]
