"""The networks that ship with phosphene."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import torch

from ...spec import ModelSpec
from ..miniception import CARDS, MEAN, SIZE, STD
from .base import Loaded, Source, sources
from .weights import put_weights, read_weights


class Embedded(Source):
    """The networks in the package."""

    form = "miniception, miniception-plain"
    about = "ships with phosphene: 64x64, 100 classes, robust (default) and ordinary training"

    def claims(self, address: str) -> bool:
        return address in CARDS

    def names(self) -> list[str]:
        return list(CARDS)

    def build(self, spec: ModelSpec) -> Loaded:
        from ..miniception.architecture import Miniception

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = Miniception()
        folder = resources.files("phosphene.models.miniception")
        if not spec.untrained:
            with resources.as_file(folder / f"{spec.address}.safetensors") as path:
                weights = {name: t.float() for name, t in read_weights(Path(path)).items()}
                put_weights(module, weights, path.name)
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        return Loaded(module.eval(), SIZE, MEAN, STD, labels, fixed=False)


sources.register("embedded")(Embedded())
