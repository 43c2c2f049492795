"""Where a render's files go, and how they get there: all of them or, when something is wrong, none."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadSpec
from ..files import check_writable, png_of, write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from ..gallery.sheet import Cell
    from ..result import Result


@dataclass(frozen=True)
class Layout:
    """How several pictures lie on their sheet; ``there_and_back``: they are the frames of the movie themselves."""

    columns: int | None = None
    title: str = ""
    cells: Callable[[list[Result]], list[Cell]] | None = None
    there_and_back: bool = False


class Paths:
    """The picture, its record (``.json``, or ``.jsonl`` for several), the strip."""

    def __init__(self, picture: Path) -> None:
        check_writable(picture)
        if picture.suffix.lower() != ".png":
            name = "unit.png" if picture.name.startswith(".") else picture.with_suffix(".png").name
            raise BadSpec(f"pictures are written as PNG; call it {picture.with_name(name)}")
        self.picture = picture
        self.movie: Path | None = None
        self.stripped = True
        self.strip = picture.with_suffix(".timelapse.png")
        for path in (self.record(1), self.record(2), self.strip):
            check_writable(path)

    def record(self, pictures: int) -> Path:
        return self.picture.with_suffix(".json" if pictures == 1 else ".jsonl")

    def film(self, path: Path, *, strip: bool = False) -> None:
        """Write a movie of the frames too; ``strip``: and not instead of the strip."""
        from ..gallery.movie import check_movie

        check_writable(path)
        check_movie(path)
        self.movie, self.stripped = path, strip

    def write(self, results: list[Result], layout: Layout | None = None) -> None:
        """One picture and its record, or a sheet and a line per picture; strip and movie, if there are frames."""
        from ..gallery.movie import movie
        from ..gallery.sheet import cell_of, sheet

        layout = layout or Layout()

        with uninterrupted():
            if self.stripped and any(result.frames for result in results):
                write_atomic(self.strip, png_of(_strip(results)))
            if self.movie is not None:
                write_atomic(
                    self.movie, movie(_round(results) if layout.there_and_back else _film(results), self.movie.suffix)
                )
            if len(results) == 1:
                results[0].save(self.picture)
                return
            cells = [cell_of(result) for result in results] if layout.cells is None else layout.cells(results)
            write_atomic(self.picture, png_of(sheet(cells, columns=layout.columns, title=layout.title)))
            lines = "".join(json.dumps(result.record()) + "\n" for result in results)
            write_atomic(self.record(len(results)), lines.encode())


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits: a picture and its record are written together. Signals belong to the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def default_name(model: str, target: str, seed: int) -> Path:
    """A file name that says what is in the picture: ``miniception_mixed4b-11+0.5xmixed4b-30_seed3.png``"""
    network = model.rpartition("/")[2].replace(".py:", "-")
    unit = re.sub(r"\s*([+*-])\s*", lambda sign: {"*": "x", "-": "_-"}.get(sign[1], sign[1]), target.strip())
    return Path(f"{_slug(network)}_{_slug(unit)}{f'_seed{seed}' if seed else ''}.png")


def _slug(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.")[:80]


def _strip(results: list[Result]) -> Picture:
    """A row of frames per picture."""
    import numpy as np

    from ..gallery.sheet import Cell, sheet

    alone = len(results) == 1
    columns = max(len(result.frames) for result in results)
    cells = []
    for result in results:
        for frame in result.frames:
            step = f"step {frame.step}"
            score = "score -" if frame.score is None else f"score {frame.score:#.3g}"
            cells.append(Cell(frame.pixels, *((step, score) if alone else (result.target, f"{step} · {score}"))))
        missing = columns - len(result.frames)  # a row that was stopped ends early
        cells += [Cell(np.full_like(result.pixels, 255), "")] * missing
    return sheet(cells, columns=columns, title=results[0].target if alone else "")


def _round(results: list[Result]) -> list[Picture]:
    """The results as frames, to the last and back again, each shown for a while."""
    from ..gallery.sheet import enlarged

    frames = [enlarged(result.pixels) for result in results]
    return [frame for frame in frames + frames[-2:0:-1] for _ in range(3)]


def _film(results: list[Result]) -> list[Picture]:
    """A frame per kept step: the picture, or the sheet of all of them."""
    from ..gallery.sheet import Cell, enlarged, sheet

    if len(results) == 1:
        return [enlarged(frame.pixels) for frame in results[0].frames]
    steps = zip(*(result.frames for result in results), strict=False)
    return [sheet([Cell(f.pixels, r.target) for f, r in zip(frames, results, strict=True)]) for frames in steps]
