"""Small pictures: each in a tile, many tiles on one sheet. No torch."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from ..errors import StoreError
from ..files import why

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

TILE, COLUMNS, MOST = 64, 32, 512  # pixels; tiles in a row; tiles on a sheet
LONGEST = 2  # what is longer, in terms of its shorter side, has no thumbnail
QUALITY = 85  # lossless is four times as large; what is lost is colour between neighbouring pixels


def opened(data: bytes, name: str) -> Picture:
    """A payload as a picture; StoreError when it is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = "it is no picture" if isinstance(error, UnidentifiedImageError) else why(error)
        raise StoreError(f"cannot read the picture {name}: {reason}") from error


def fitted(picture: Picture, side: int) -> Picture:
    """As large as fits into a square: small ones by whole multiples, so that every pixel stays one, large ones reduced.

    The sides keep their ratio.
    """
    from PIL import Image

    longest = max(picture.size)
    if longest <= side:
        times = side // longest
        size, way = (picture.width * times, picture.height * times), Image.Resampling.NEAREST
    else:
        width, height = (max(1, round(one * side / longest)) for one in picture.size)
        size, way = (width, height), Image.Resampling.LANCZOS
    return picture if size == picture.size else picture.resize(size, way)


def is_square(picture: Picture) -> bool:
    """Whether it is square enough to be seen in a tile."""
    return max(picture.size) <= LONGEST * min(picture.size)


@final
@dataclass
class SpriteSheet:
    """Tiles in rows, read like text. Between a picture and the edge of its tile nothing is drawn."""

    tile: int = TILE
    tiles: list[Picture] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.tiles) >= MOST

    def add(self, picture: Picture) -> tuple[int, int]:
        """Where the picture's tile begins: x, y."""
        self.tiles.append(fitted(picture, self.tile))
        return self._corner(len(self.tiles) - 1)

    def _corner(self, index: int) -> tuple[int, int]:
        row, column = divmod(index, COLUMNS)
        return column * self.tile, row * self.tile

    def encoded(self) -> bytes:
        """The sheet as WebP; the same tiles give the same bytes."""
        from PIL import Image

        columns, rows = min(len(self.tiles), COLUMNS), -(-len(self.tiles) // COLUMNS)
        sheet = Image.new("RGBA", (columns * self.tile, rows * self.tile))
        for index, picture in enumerate(self.tiles):
            x, y = self._corner(index)
            sheet.paste(picture, (x + (self.tile - picture.width) // 2, y + (self.tile - picture.height) // 2))
        buffer = io.BytesIO()
        sheet.save(buffer, format="WEBP", quality=QUALITY, method=4)
        return buffer.getvalue()
