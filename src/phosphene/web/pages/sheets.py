"""Thumbnails: which picture stands for a unit, on which sheet, and the sheets themselves, made when they are asked for.

A sheet is called by a hash of what is on it, which is known before any picture is decoded. No torch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingDependency, StoreError
from ...spec import digest
from ...store.ledger import Ledger
from ...store.packs import corners_in, packs_of, sprites_of
from ...store.paths import hashed, object_of
from ...store.thumbs import COLUMNS, TILE, SpriteSheet, fitted, opened
from ..schema.documents import Tile
from ..schema.paths import sheet_url
from .kept import Recent
from .payloads import size_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ON_A_SHEET = 256  # tiles; fewer than packs have, for what a sweep adds makes its sheet anew
VERSION = 1  # raised whenever the same pictures would be drawn otherwise
DRAWN, SMALL, MADE, LAID = 4096, 8192, 24, 4096  # tiles, smaller ones, sheets, names of sheets that are remembered


@final
@dataclass(frozen=True)
class Thumb:
    """A picture that stands for a unit. ``part``: 1, or the share of a strip's height that its first picture is
    wide. ``record``: whose picture it is."""

    digest: str
    kind: str
    part: float | None
    record: str


@final
@dataclass(frozen=True)
class Layout:
    """Where the thumbnails of a layer stand: by channel; and the sheets by address: width, height."""

    tiles: Mapping[int, Tile] = field(default_factory=dict)
    sheets: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def sheets_of(self, tiles: Iterable[Tile | None]) -> dict[str, tuple[int, int]]:
        """Those on which some tiles stand."""
        return {tile.sheet: self.sheets[tile.sheet] for tile in tiles if tile is not None}


@final
class Sheets:
    """The sheets of a store."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.place = ledger, ledger.place
        self._drawn: Recent[tuple[str, float | None], Picture] = Recent(DRAWN)
        self._small: Recent[tuple[str, float | None, int], NDArray[np.uint8]] = Recent(SMALL)
        self._made: Recent[str, bytes] = Recent(MADE)
        self._laid: Recent[str, tuple[Thumb, ...]] = Recent(LAID)
        self._busy: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def layout(self, network: str, layer: str, shown: str, thumbs: Mapping[int, Thumb]) -> Layout:
        """Where the thumbnails of a layer stand; on the sheets of its packs, if all are on them."""
        if not thumbs:
            return Layout()
        return self._packed(network, layer, shown, thumbs) or self._own(network, shown, thumbs)

    def _packed(self, network: str, layer: str, shown: str, thumbs: Mapping[int, Thumb]) -> Layout | None:
        try:
            packs = packs_of(self.place, network, layer)
            corners = {name: one for path in packs for name, one in corners_in(self.place, path).items()}
        except (StoreError, MissingDependency):
            return None
        if any(thumb.part is not None or thumb.record not in corners for thumb in thumbs.values()):
            return None
        many: dict[str, int] = {}
        for sprite, x, y in corners.values():
            at = y // TILE * COLUMNS + x // TILE
            many[sprite] = max(many.get(sprite, 0), at + 1)
        tiles = {}
        for channel, thumb in thumbs.items():
            sprite, x, y = corners[thumb.record]
            tiles[channel] = Tile(sheet_url(network, shown, sprite), x, y)
        used = {corners[thumb.record][0] for thumb in thumbs.values()}
        return Layout(tiles, {sheet_url(network, shown, one): _size(many[one]) for one in sorted(used)})

    def _own(self, network: str, shown: str, thumbs: Mapping[int, Thumb]) -> Layout:
        tiles: dict[int, Tile] = {}
        sheets: dict[str, tuple[int, int]] = {}
        channels = sorted(thumbs)
        for begin in range(0, len(channels), ON_A_SHEET):
            some = channels[begin : begin + ON_A_SHEET]
            own = tuple(thumbs[channel] for channel in some)
            name = digest([VERSION, TILE, [[thumb.digest, thumb.part] for thumb in own]])
            self._laid.put(name, own)
            address = sheet_url(network, shown, name)
            sheets[address] = _size(len(own))
            for at, channel in enumerate(some):
                row, column = divmod(at, COLUMNS)
                tiles[channel] = Tile(address, column * TILE, row * TILE)
        return Layout(tiles, sheets)

    def sheet(self, network: str, layer: str, name: str) -> bytes:
        """A sheet as WebP. StoreError when there is none of this name, or not any more."""
        thumbs = self._laid.get(name)
        if thumbs is None:
            return self._sprites(network, layer, name)
        with self._lock:
            busy = self._busy.setdefault(name, threading.Lock())
        try:
            with busy:  # who asks for the same waits; others do not
                found = self._made.get(name)
                return found if found is not None else self._draw(name, thumbs)
        finally:
            with self._lock:
                self._busy.pop(name, None)

    def _sprites(self, network: str, layer: str, name: str) -> bytes:
        found = self._made.get(name)
        if found is not None:
            return found
        try:
            data = self.place.read(sprites_of(network, layer, name))
        except StoreError:
            data = b""
        if hashed(data) != name:
            raise StoreError(f"no sheet {name} of {layer}; load the page again")
        return self._made.put(name, data)

    def _draw(self, name: str, thumbs: Sequence[Thumb]) -> bytes:
        from PIL import Image

        sheet, whole = SpriteSheet(), True
        for thumb in thumbs:
            try:
                sheet.tiles.append(self.drawn(thumb))
            except StoreError:  # what is repaired later has the same name
                sheet.tiles.append(Image.new("RGBA", (TILE, TILE)))
                whole = False
        data = sheet.encoded()
        return self._made.put(name, data) if whole else data

    def drawn(self, thumb: Thumb) -> Picture:
        """A thumbnail; StoreError when its picture is missing or damaged."""
        key = thumb.digest, thumb.part
        found = self._drawn.get(key)
        if found is not None:
            return found
        path = object_of(thumb.digest, thumb.kind)
        data = self.place.read(path)
        if hashed(data) != thumb.digest:
            raise StoreError(f"{path} is damaged: its content does not fit its hash; phosphene verify puts it aside")
        if size_of(data, thumb.kind) is None:
            raise StoreError(f"{path} is no picture of the kind that its name says")
        picture = opened(data, path)
        if thumb.part is not None:
            width = max(1, min(picture.width, round(picture.height * thumb.part)))
            picture = picture.crop((0, 0, width, picture.height))
        return self._drawn.put(key, fitted(picture, TILE))

    def small(self, thumb: Thumb, side: int) -> NDArray[np.uint8] | None:
        """A thumbnail as ``(side, side, 3)`` on grey; None when its picture is missing or damaged."""
        from PIL import Image

        key = thumb.digest, thumb.part, side
        found = self._small.get(key)
        if found is not None:
            return found
        try:
            picture = self.drawn(thumb)
        except StoreError:
            return None
        if picture.mode == "RGBA":
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, (128, 128, 128, 255)), picture)
        return self._small.put(key, np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.BOX)))


def _size(tiles: int) -> tuple[int, int]:
    return min(tiles, COLUMNS) * TILE, -(-tiles // COLUMNS) * TILE
