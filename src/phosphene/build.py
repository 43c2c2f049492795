"""The only bridge from data to tensors: what a user said -> a job with every default explicit -> live parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .address import expand
from .errors import BadSpec, OutOfMemory, UnitOutOfRange, UnknownLayer
from .fast import arithmetic
from .files import why
from .images import Fourier, Image, images
from .memory import SLACK, free, taken
from .models.network import Network, out_of_memory
from .objectives import Layer, Objective, PerRow, from_text, resolve, to_text
from .optimizers import Optimizer, optimizers
from .presets import preset
from .rng import Stream
from .spec import Batch, Job
from .transforms import Chain, transforms
from .transforms import preset as chain_of

LARGEST = 128  # the picture's side when a network takes any size and was made for larger ones
TOGETHER = 64  # pictures in one forward pass at most


@dataclass(frozen=True)
class Options:
    """What may be said about a picture besides its network and target; None: the default that suits the network."""

    image: Image | None = None
    transform: str | Chain = "lucid"
    preset: str = "standard"
    optimizer: Optimizer | None = None
    steps: int | None = None
    seed: int = 0
    redirect: int = 16
    robust: int = 16
    start: str | None = None
    arithmetic: str | None = None


def targets_of(target: str | Objective) -> list[Objective]:
    """A target as objectives: one, or one per channel of a range."""
    return [target] if isinstance(target, Objective) else [from_text(text) for text in expand(target)]


def declare(network: Network, objective: Objective, options: Options) -> Job:
    """The job that makes one picture: names resolved, defaults explicit, units checked against the network."""
    resolved = resolve(objective, network.class_number, read_direction)
    _check_units(network, resolved)
    image = (options.image or Fourier()).filled(default_size(network), network.preprocessing.size[0])
    if image.channels != network.preprocessing.size[0]:
        raise BadSpec(f"{network.name} takes {network.preprocessing.size[0]} channels, the image has {image.channels}")
    pace = preset(options.preset)
    chain = chain_of(options.transform) if isinstance(options.transform, str) else options.transform
    return Job(
        model=network.spec,
        target=to_text(resolved),
        image=images.describe(image),
        transform=tuple(transforms.describe(step) for step in chain.steps),
        optimizer=optimizers.describe(options.optimizer or pace.optimizer),
        steps=options.steps if options.steps is not None else pace.steps,
        seed=options.seed,
        redirect=options.redirect,
        robust=options.robust,
        start=options.start,
        arithmetic=options.arithmetic or arithmetic(network.device),
    )


def default_size(network: Network) -> tuple[int, int]:
    """The network's own size; at most 128 pixels (lucid's default) for one that takes any."""
    _, height, width = network.preprocessing.size
    shrink = 1.0 if network.preprocessing.fixed else min(1.0, LARGEST / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def _check_units(network: Network, objective: Objective) -> None:
    """Every layer exists and every unit is in range, before any work."""
    for _, term in objective.terms:
        check = getattr(term, "channel", None)
        for layer in term.reads:
            if layer.startswith("@"):
                continue
            try:
                info, _ = network.find(layer)
            except UnknownLayer as error:
                meant = [name for name in ("tv", "l1", "l2") if isinstance(term, Layer) and layer.startswith(name)]
                raise (UnknownLayer(f"{error}\npenalties are tv, l1 and l2") if meant else error) from None
            if check is not None and not 0 <= check < info.channels:
                raise UnitOutOfRange(
                    f"{layer}:{check} does not exist: {layer} of {network.name} has {info.channels} channels, "
                    f"0 to {info.channels - 1}"
                )


def read_direction(path: str) -> tuple[float, ...]:
    """A direction's components from a ``.npy`` file (no pickles) or a text file of numbers."""
    file = Path(path)
    try:
        data = np.load(file, allow_pickle=False) if file.suffix == ".npy" else np.loadtxt(file, ndmin=1)
    except (OSError, ValueError, EOFError) as error:
        reason = "there is no such file" if not file.exists() else why(error)
        raise BadSpec(
            f"cannot read a direction from {path}: {reason}\n"
            "after LAYER: comes a channel's number, random#SEED, or a file with a direction (.npy, or numbers as text)"
        ) from error
    if data.ndim != 1 or not np.issubdtype(data.dtype, np.number):
        raise BadSpec(f"{path} has shape {data.shape}; a direction is one number per channel")
    return tuple(float(value) for value in data)


@dataclass(frozen=True)
class Parts:
    """A batch come alive."""

    objective: PerRow
    image: Image
    chain: Chain
    optimizer: Optimizer
    stream: Stream


def assemble(batch: Batch, network: Network) -> Parts:
    """Jobs -> live parts through the registries."""
    first = batch.jobs[0]
    return Parts(
        objective=PerRow(tuple(from_text(job.target) for job in batch.jobs)),
        image=images.make(first.image),
        chain=Chain(tuple(transforms.make(step) for step in first.transform)),
        optimizer=optimizers.make(first.optimizer),
        stream=Stream.of([job.seed for job in batch.jobs], network.device),
    )


def rows_that_fit(network: Network, jobs: Sequence[Job]) -> int:
    """How many of the pictures of a batch one forward and backward pass can hold; OutOfMemory when not even one fits.

    From what a small picture was measured to take, by area, and the memory that is free now.
    """
    job, objective = jobs[0], PerRow(tuple(from_text(job.target) for job in jobs))
    channels, rows, columns = images.make(job.image).shape
    _, height, width = network.preprocessing.size
    only = network.preprocessing.fixed
    canvas = (height, width) if only else Chain(tuple(map(transforms.make, job.transform))).canvas((rows, columns))
    try:
        measured = taken(network, objective.layers, job.arithmetic, objective.channels)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise OutOfMemory(f"not even pictures of {height} x {width} through {network.name} fit in memory") from error
    each = measured * canvas[0] * canvas[1] / (height * width)
    need = SLACK * each + 64.0 * channels * rows * columns
    there = free(network.device)
    if need > there:
        raise OutOfMemory(
            f"a picture of {rows} x {columns} through {network.name} needs about {need / 2**30:,.1f} GiB, "
            f"{there / 2**30:,.1f} GiB are free; choose a smaller --size"
        )
    return max(1, min(TOGETHER, int(0.6 * there / need)))


def picture_tensor(start: Any, image: Image, device: torch.device) -> Tensor:
    """A start picture (path, PIL image, array in 0-255 or [0, 1]) as ``(1, c, h, w)``.

    Photographs are turned upright, cropped around their centre to the image's shape and resized; arrays must fit.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    channels, height, width = image.shape
    if isinstance(start, str | Path):
        start = _opened(Path(start))
    if isinstance(start, Pillow.Image):
        upright = ImageOps.exif_transpose(start).convert("L" if channels == 1 else "RGB")
        start = ImageOps.fit(upright, (width, height), Pillow.Resampling.LANCZOS)
    values = np.asarray(start)
    values = values.astype(np.float32) / (255.0 if np.issubdtype(values.dtype, np.integer) else 1.0)
    if values.ndim == 2:
        values = values[:, :, None]
    if values.shape != (height, width, channels):
        raise BadSpec(f"the start picture has shape {values.shape}; this image is {(height, width, channels)}")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise BadSpec("the start picture's values must lie in [0, 1], or be whole numbers from 0 to 255")
    return torch.from_numpy(values).permute(2, 0, 1)[None].to(device)


def _opened(path: Path) -> Any:
    """A photograph, decoded; BadSpec for what is missing, damaged or no picture."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with Pillow.open(path) as opened:
            opened.load()
            return opened
    except UnidentifiedImageError as error:
        raise BadSpec(f"cannot read the start picture {path}: it is no picture that Pillow knows") from error
    except (OSError, SyntaxError, ValueError, EOFError, Pillow.DecompressionBombError) as error:
        raise BadSpec(f"cannot read the start picture {path}: {why(error)}") from error
