"""What a scan is, as frozen data: which network, layers and pictures; its hash is its name in a store. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..errors import BadSpec, StoreError
from ..registry import freeze
from ..spec import digest

VERSION = 1  # of what is on disk; a newer one is refused
SALT = np.uint64(0x9E3779B97F4A7C15)


@final
@dataclass(frozen=True)
class Track:
    """A layer that is scanned: its name (``@output`` for the logits), channels and map size, ``()`` for vectors."""

    name: str
    channels: int
    size: tuple[int, ...]


@final
@dataclass(frozen=True)
class Plan:
    """Everything that decides what a scan finds.

    ``model``: the network's spec as data. ``source``: the dataset, ``pictures`` of it. ``shape``: channels, height,
    width as the network sees them. ``k``: pictures kept at each end of each unit, ``many`` by its maximum. ``sample``:
    pictures whose values are all kept. ``batch``: pictures that go through the network together, always the same ones.
    """

    model: Mapping[str, Any]
    fingerprint: str
    source: str
    data: str
    pictures: int
    shape: tuple[int, int, int]
    tracks: tuple[Track, ...]
    k: int = 9
    many: int = 256
    sample: int = 1024
    batch: int = 64
    version: int = VERSION

    def __post_init__(self) -> None:
        for name, least in (("k", 1), ("many", 1), ("sample", 16), ("batch", 1), ("pictures", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise BadSpec(f"{name} must be a whole number from {least} up, not {value!r}")
        if self.pictures >= 2**32:
            raise BadSpec(f"{self.pictures} pictures are more than a scan can number; use --limit")

    @property
    def id(self) -> str:
        """32 hex digits; the same wherever the data lies and whatever the model is called."""
        return digest({key: value for key, value in asdict(self).items() if key not in ("model", "source")})

    @property
    def units(self) -> int:
        return sum(track.channels for track in self.tracks)

    @property
    def chunks(self) -> int:
        """Batches; batch j is pictures ``j * batch`` and the following."""
        return -(-self.pictures // self.batch)

    def shard(self, number: int, of: int) -> range:
        """The batches of shard ``number``, 1 to ``of``: a run of them."""
        if not (isinstance(number, int) and isinstance(of, int) and 1 <= number <= of):
            raise BadSpec(f"shards are 1/N to N/N, not {number}/{of}")
        return range((number - 1) * self.chunks // of, number * self.chunks // of)

    def chunk(self, number: int) -> range:
        """The pictures of a batch."""
        return range(number * self.batch, min((number + 1) * self.batch, self.pictures))

    @property
    def sampled(self) -> NDArray[np.int64]:
        """The numbers of the sample's pictures, sorted: those with the lowest hash, so every shard knows its own."""
        hashes = mixed(np.arange(self.pictures, dtype=np.uint64))
        return np.sort(np.argsort(hashes, kind="stable")[: self.sample]).astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The inverse of ``to_dict``, also after JSON; StoreError for a newer version."""
        if not isinstance(data.get("version"), int) or data["version"] > VERSION:
            raise StoreError(
                f"this scan is of version {data.get('version')}; this phosphene reads up to {VERSION}: update it"
            )
        try:
            tracks = tuple(Track(t["name"], t["channels"], tuple(t["size"])) for t in data["tracks"])
            rest = {f.name: freeze(data[f.name]) for f in fields(cls) if f.name not in ("tracks", "model")}
            return cls(model=dict(data["model"]), tracks=tracks, **rest)
        except (KeyError, TypeError, ValueError, BadSpec) as error:
            raise StoreError(f"the scan's plan cannot be read ({error!r}); was it edited?") from error


def mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 of whole numbers: looks drawn, and is the same everywhere."""
    with np.errstate(over="ignore"):
        z = numbers * SALT + SALT
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
