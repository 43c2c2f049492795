"""Finished scans, opened: the network that was scanned, and the scan of a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from .examples.shots import same_network
from .models.network import Network
from .models.sources import load as load_spec
from .registry import freeze
from .spec import ModelSpec
from .store.place import Place
from .store.scans import Scan, the_scan


def open_scan(store: str | Path, layer: str | None = None, *, name: str | None = None) -> Scan:
    """The scan of a store: that of most pictures which has ``layer``; ``name``: the beginning of its id.

    Raises StoreError when there is none, or scans of several networks.
    """
    return the_scan(Place(str(store)), layer, name=name)


def network_of(scan: Scan, *, model: str | None = None, device: str | None = None) -> Network:
    """The network that was scanned, loaded again; ``model``: where it is now. ModelError if its weights differ."""
    data: dict[str, Any] = {key: freeze(value) for key, value in scan.plan.model.items()}
    spec = ModelSpec(**data)
    network = load_spec(spec if model is None else replace(spec, address=model), device)
    same_network(network, scan)
    return network
