"""Frames as a film: GIF with what is at hand; MP4 and WebM with imageio-ffmpeg, the extra ``phosphene[movie]``."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import BadSpec, MissingDependency

KINDS = (".gif", ".mp4", ".webm")
EACH, LAST = 0.08, 1.2  # seconds that a frame is shown, and that the last one stays


def check_movie(path: Path) -> None:
    """Refuse, before any work, what cannot be written."""
    if path.suffix.lower() not in KINDS:
        raise BadSpec(f"a movie is .gif, .mp4 or .webm, not {path.suffix or path.name!r}")
    if path.suffix.lower() != ".gif":
        _ffmpeg()


def movie(frames: Sequence[Image.Image], suffix: str) -> bytes:
    """The file's bytes. Frames of other sizes are enlarged to that of the largest."""
    if not frames:
        raise BadSpec("a movie needs frames; the ascent was stopped before the first")
    width, height = (max(frame.size[axis] for frame in frames) for axis in (0, 1))
    width, height = width + width % 2, height + height % 2  # encoders want even sides
    shown = [frame.convert("RGB").resize((width, height), Image.Resampling.NEAREST) for frame in frames]
    if suffix.lower() == ".gif":
        return _gif(shown)
    ffmpeg, rate = _ffmpeg(), round(1 / EACH)
    codec = {".mp4": "libx264", ".webm": "libvpx-vp9"}[suffix.lower()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"movie{suffix.lower()}"
        writer = ffmpeg.write_frames(str(path), (width, height), fps=rate, codec=codec, quality=8, macro_block_size=1)
        writer.send(None)
        for frame in [*shown, *[shown[-1]] * round(LAST * rate)]:
            writer.send(frame.tobytes())
        writer.close()
        return path.read_bytes()


def _gif(frames: Sequence[Image.Image]) -> bytes:
    buffer = io.BytesIO()
    times = [round(1000 * EACH)] * (len(frames) - 1) + [round(1000 * LAST)]
    few = [frame.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    few[0].save(buffer, format="GIF", save_all=True, append_images=few[1:], duration=times, loop=0)
    return buffer.getvalue()


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingDependency(
            "an .mp4 or .webm needs imageio-ffmpeg: pip install 'phosphene[movie]'; or write a .gif"
        ) from error
    return imageio_ffmpeg
