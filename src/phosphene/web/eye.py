"""What networks see in pictures, live: whoever comes last is looked at next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Condition, Lock
from typing import final

from ..errors import ModelError, PhospheneError
from ..models.network import Network
from ..store.scans import Scan
from .documents import LookDoc
from .loaded import meant
from .sight import Sight, copied

ScanOf = Callable[[str], Scan | None]


class Superseded(PhospheneError):
    """A newer picture came while this one waited."""


@final
class Turns:
    """One at a time; of those who wait, only the newest."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._busy, self._newest = False, 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._changed:
            self._newest += 1
            mine = self._newest
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy or self._newest != mine)
            if self._newest != mine:
                raise Superseded("a newer picture came while this one waited; it was left out")
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


@final
class Eye:
    """Looks through ``networks``, by fingerprint. ``scan_of``: the scan of a network, if there is one.

    The networks are copied here and now, before anyone else begins to use them; what looks at a picture never meets
    what makes one.
    """

    def __init__(self, networks: Mapping[str, Network], scan_of: ScanOf | None = None) -> None:
        self._networks, self._scan_of = networks, scan_of
        self._lock = Lock()
        self._copies: dict[str, Network] = {}
        self._sights: dict[str, tuple[Sight, Turns]] = {}
        for network in networks:
            with suppress(ModelError):  # said to whoever looks through it
                self._copies[network] = copied(networks[network])

    def look(self, network: str, data: bytes, layer: str | None, unit: str | None, method: str | None) -> LookDoc:
        """What a network sees in a picture (the content of a PNG, JPEG or WebP file), cropped around its middle.

        ``network``: a fingerprint, or how one begins. ``layer``: whose maps are wanted. ``unit``: what is explained by
        ``method``, which is ``saliency`` unless said. Raises Superseded, UnknownName, UnknownLayer, BadSpec, BadTarget,
        ModelError and whatever else the parts that it names raise.
        """
        sight, turns = self._sight(meant(self._networks, network))
        with turns():
            return sight.look(data, layer, unit, method)

    def close(self) -> None:
        """Forget all networks, each after the look that it is at."""
        with self._lock:
            sights, self._sights = self._sights, {}
        for sight, turns in sights.values():
            with suppress(Superseded), turns():
                sight.close()

    def _sight(self, network: str) -> tuple[Sight, Turns]:
        with self._lock:
            if network not in self._sights:
                own = self._copies.pop(network) if network in self._copies else copied(self._networks[network])
                scan = None if self._scan_of is None else self._scan_of(network)
                self._sights[network] = Sight(network, own, scan), Turns()
            return self._sights[network]
