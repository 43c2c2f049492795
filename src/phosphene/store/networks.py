"""Which network, which layer of a store is meant. No torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..address import OUTPUT
from ..errors import StoreError, UnknownLayer, closest
from .index import index
from .ledger import Ledger
from .scans import shown_layer


def model_of(ledger: Ledger, fingerprint: str) -> str:
    """The address of a network as one of its records says it; its fingerprint where none does."""
    for layer in ledger.layers(fingerprint):
        for line in index(ledger, fingerprint, layer):
            if line.status == "failed":
                continue
            try:
                model = ledger.record(fingerprint, layer, line.id).get("model")
            except StoreError:
                continue
            if model:
                return str(model)
    return fingerprint[:8]


def the_network(ledger: Ledger, beginning: str | None = None, layer: str | None = None) -> str:
    """The fingerprint of the store's only network, or of the one whose fingerprint begins so; of several the only one
    that has pictures of ``layer``.

    StoreError when there is none, or several; UnknownLayer when there are several, and none of them has the layer.
    """
    every = ledger.networks()
    if not every:
        raise StoreError(
            f"the store {ledger.place.url} has no pictures; make some: phosphene sweep MODEL --store {ledger.place.url}"
        )
    named = [one for one in every if beginning is None or one.startswith(beginning)]
    if len(named) > 1 and layer is not None:
        named = _with_layer(ledger, named, layer)
    if len(named) == 1:
        return named[0]
    told = ", ".join(f"{one[:8]} ({model_of(ledger, one)})" for one in named or every)
    if named:
        of_layer = "" if layer is None else f" with the layer {layer}"
        raise StoreError(
            f"{ledger.place.url} has pictures of {len(named)} networks{of_layer}; "
            f"name one with --network, by its beginning: {told}"
        )
    raise StoreError(f"{ledger.place.url} has no network {beginning}; there {_are(every)} {told}")


def _with_layer(ledger: Ledger, networks: list[str], name: str) -> list[str]:
    layers = {one: ledger.layers(one) for one in networks}
    found = [one for one in networks if _as_stored(name, layers[one]) in layers[one]]
    if not found:
        raise _no_layer(ledger, name, {layer for some in layers.values() for layer in some})
    return found


def _as_stored(name: str, layers: Collection[str]) -> str:
    return OUTPUT if name == "logit" and OUTPUT in layers else name


def _no_layer(ledger: Ledger, name: str, layers: Iterable[str]) -> UnknownLayer:
    return UnknownLayer(
        f"the store {ledger.place.url} has no pictures of the layer {name}; "
        f"{closest(name, sorted(map(shown_layer, layers)))}"
    )


def the_layer(ledger: Ledger, fingerprint: str, name: str) -> str:
    """A layer of a network in a store; ``logit`` is its output. UnknownLayer says which there are."""
    layers = ledger.layers(fingerprint)
    found = _as_stored(name, layers)
    if found not in layers:
        raise _no_layer(ledger, name, layers)
    return found


def planned(ledger: Ledger, fingerprint: str, layer: str, kind: str) -> set[int]:
    """The channels of a layer of which sweeps were asked to make a kind of picture; damaged plans count for nothing."""
    plans = [plan for plan in ledger.plans() if not isinstance(plan, StoreError)]
    return {
        channel for plan in plans if plan.get("fingerprint") == fingerprint for channel in _asked(plan, layer, kind)
    }


def _asked(plan: Mapping[str, Any], layer: str, kind: str) -> set[int]:
    try:
        if not plan["recipe"][kind]:
            return set()
        ranges = [one for line in plan["lines"] if line["layer"] == layer for one in line["units"]]
        return {channel for first, last in ranges for channel in range(first, last)}
    except (KeyError, TypeError, ValueError):
        return set()


def _are(found: list[str]) -> str:
    return "is" if len(found) == 1 else "are"
