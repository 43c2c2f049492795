"""What a network is made of, as far as it was known when it was last at hand: for where it cannot be loaded. No torch.

A file per network, ``networks/FINGERPRINT.json``, sealed as records are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, final

from ..errors import StoreError
from ..registry import freeze
from .paths import NETWORKS, network_of
from .place import Place
from .sealed import sealed, unsealed


@final
@dataclass(frozen=True)
class Input:
    """What a network is shown: see ``Preprocessing``."""

    channels: int
    height: int
    width: int
    fixed: bool
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


@final
@dataclass(frozen=True)
class LayerAbout:
    """A layer: ``kind``, ``size``, ``field``, ``calls`` and ``module`` as a network's ``Layer`` says them. ``usual``:
    one would look into it. The output is called ``@output``."""

    name: str
    kind: str
    module: str
    channels: int
    size: tuple[int, ...]
    field: tuple[int, int] | None
    calls: int
    usual: bool


@final
@dataclass(frozen=True)
class About:
    """A network. ``spec``: where it comes from and what was said about it, see ``ModelSpec``. ``labels``: names of the
    classes. ``layers``: in the order of the forward."""

    fingerprint: str
    model: str
    spec: Mapping[str, Any]
    input: Input
    labels: tuple[str, ...] | None
    layers: tuple[LayerAbout, ...] = field(repr=False)

    @property
    def id(self) -> str:
        """The name of its file."""
        return self.fingerprint

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.fingerprint, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> About:
        """The inverse, also after JSON; what a newer phosphene says besides is left out. StoreError for what is
        none."""
        try:
            layers = tuple(LayerAbout(**_known(LayerAbout, one)) for one in data["layers"])
            labels = None if data["labels"] is None else tuple(map(str, data["labels"]))
            given = Input(**_known(Input, data["input"]))
            return cls(str(data["fingerprint"]), str(data["model"]), _frozen(data["spec"]), given, labels, layers)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(
                f"what is known of the network {data.get('id')} cannot be read ({error!r}); the next sweep writes it"
            ) from error


def _frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: freeze(value) for key, value in data.items()}


def _known(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: freeze(data[key]) for key in kind.__dataclass_fields__}


def put_about(place: Place, about: About) -> None:
    """Write it, unless the same is there. Raises OutputError."""
    path, data = network_of(about.fingerprint), sealed(about.to_dict())
    with suppress(StoreError):
        if place.read(path) == data:
            return
    place.write(path, data)


def about_in(place: Place, fingerprint: str) -> About | None:
    """What the store knows of a network; None if that is nothing. StoreError when it is damaged."""
    path = network_of(fingerprint)
    if not place.has(path):
        return None
    return About.from_dict(unsealed(place.read(path), path))


def described(place: Place) -> list[str]:
    """The fingerprints of the networks of which something is known."""
    return [name.removesuffix(".json") for name in place.names(NETWORKS) if name.endswith(".json")]
