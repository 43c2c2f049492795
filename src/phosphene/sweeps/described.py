"""A loaded network as plain data, for those who cannot load it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from ..address import OUTPUT
from ..errors import BadSpec, ModelError
from ..models.network import Network
from ..store.about import About, Input, LayerAbout
from .planning import chosen


def about_of(network: Network) -> About:
    """What a network is made of; one dry forward, and none where its layers are known already."""
    size, given = network.preprocessing.size, network.preprocessing
    try:
        usual = {track.name: track for track in chosen(network, None, None)}
    except BadSpec:  # nothing that one would look into
        usual = {}
    layers = [
        LayerAbout(name, one.kind, one.module, one.channels, one.size, one.field, one.calls, name in usual)
        for name, one in network.layers.items()
    ]
    with suppress(ModelError):  # its output is no list of classes
        layers.append(LayerAbout(OUTPUT, "vector", "", network.classes, (), None, 1, OUTPUT in usual))
    return About(
        network.fingerprint,
        network.name,
        asdict(network.spec),
        Input(*size, given.fixed, given.mean, given.std),
        network.labels,
        tuple(layers),
    )
