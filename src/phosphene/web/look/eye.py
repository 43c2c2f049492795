"""What networks see in pictures, live: whoever comes last is looked at next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from threading import Condition
from typing import final

from ...errors import ModelError
from ...models.network import Network
from ...store.scans import Scan
from ..loaded import meant
from ..schema.limits import Superseded
from ..schema.look_documents import LookDoc
from .sight import Sight, copied

ScanOf = Callable[[str], Scan | None]


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
                raise Superseded("a newer picture came while this one waited; send it again", 1)
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


@final
class Eye:
    """Looks through ``networks``, by fingerprint. ``scan_of``: the scan of a network, if there is one by now.

    The networks are copied here and now, before anyone else begins to use them; what looks at a picture never meets
    what makes one.
    """

    def __init__(self, networks: Mapping[str, Network], scan_of: ScanOf | None = None) -> None:
        self._sights: dict[str, tuple[Sight, Turns] | ModelError] = {}
        for name, network in networks.items():
            try:
                scan = None if scan_of is None else partial(scan_of, name)
                self._sights[name] = Sight(name, copied(network), scan), Turns()
            except ModelError as error:  # said to whoever looks through it
                self._sights[name] = error

    def look(self, network: str, data: bytes, layer: str | None, unit: str | None, method: str | None) -> LookDoc:
        """What a network sees in a picture (the content of a PNG, JPEG or WebP file), cropped around its middle.

        ``network``: a fingerprint, or how one begins. ``layer``: whose maps are wanted. ``unit``: what is explained by
        ``method``, which is ``saliency`` unless said. Raises Superseded, UnknownName, UnknownLayer, BadSpec, BadTarget,
        ModelError and whatever else the parts that it names raise.
        """
        found = self._sights[meant(self._sights, network)]
        if isinstance(found, ModelError):
            raise ModelError(str(found))
        sight, turns = found
        with turns():
            return sight.look(data, layer, unit, method)

    def close(self) -> None:
        """Give back what the networks' fast paths hold, each after the look that it is at."""
        for found in self._sights.values():
            if not isinstance(found, ModelError):
                sight, turns = found
                with suppress(Superseded), turns():
                    sight.close()
