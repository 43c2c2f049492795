"""The only bridge from data to tensors: what a user said -> a job with every default explicit -> live parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .address import expand
from .canvas import Ball, Canvas, balls
from .errors import BadSpec, OutOfMemory, UnitOutOfRange, UnknownLayer
from .fast import arithmetic
from .files import why
from .filters import Filter, filters
from .images import Image, Pixel, images
from .memory import SLACK, free, taken
from .models.network import Network, out_of_memory
from .objectives import Group, Layer, Objective, PerRow, Sum, from_text, groups, resolve, to_text
from .optimizers import Optimizer, optimizers
from .preconditioners import Preconditioner, preconditioners
from .presets import Preset, preset
from .rng import Stream
from .spec import Batch, Job
from .transforms import Chain, Composite, RandomCrop, transforms
from .transforms import preset as chain_of

LARGEST = 128  # the picture's side when a network takes any size and was made for larger ones
TOGETHER = 64  # pictures in one forward pass at most


@dataclass(frozen=True)
class Options:
    """What may be said about a picture besides its target; None: the preset's, or what suits the network."""

    image: Image | None = None
    transform: str | Chain | None = None
    preset: str = "standard"
    optimizer: Optimizer | None = None
    steps: int | None = None
    seed: int = 0
    redirect: int = 16
    robust: int = 16
    start: str | None = None
    arithmetic: str | None = None
    views: int | None = None
    gradient: tuple[Preconditioner, ...] | None = None
    filters: tuple[Filter, ...] | None = None
    within: Ball | None = None
    mask: str | None = None
    reference: str | None = None
    transparency: bool = False
    keep: str | None = None
    octaves: Mapping[str, Any] | None = None
    tile: int | None = None


def targets_of(target: str | Objective) -> list[Objective]:
    """A target as objectives: one, or one per channel of a range."""
    return [target] if isinstance(target, Objective) else [from_text(text) for text in expand(target)]


def declare(network: Network, objective: Objective, options: Options) -> Job:
    """The job that makes one picture: names resolved, defaults explicit, units checked against the network."""
    pace = preset(options.preset)
    image = _image(network, options.image or pace.image, pace)
    resolved = resolve(objective, network.class_number, read_direction)
    if pace.penalties:
        values = image.channels or 1
        for side in image.shape[1:]:
            values *= side  # published strengths are of sums, ours of means
        resolved = resolved - Sum(tuple((weight * values, term) for weight, term in pace.penalties))
    _check_units(network, resolved)
    chain = _chain(network, options.transform if options.transform is not None else pace.transform, image)
    gradient = pace.gradient if options.gradient is None else options.gradient
    _check_pairs(options, image, gradient, resolved)
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
        views=options.views if options.views is not None else pace.views,
        gradient=tuple(map(preconditioners.describe, gradient)),
        filters=tuple(map(filters.describe, pace.filters if options.filters is None else options.filters)),
        within=None if options.within is None else balls.describe(options.within),
        mask=options.mask,
        reference=options.reference,
        keep=options.keep or pace.keep,
        transparency=options.transparency,
        octaves=options.octaves,
        tile=options.tile,
    )


def _image(network: Network, image: Image, pace: Preset) -> Image:
    """The image with every default made explicit."""
    if isinstance(image, Pixel) and image.level == "rest":
        image = replace(image, level=tuple(rest(network).flatten().tolist()))
    size = (pace.size, pace.size) if pace.size is not None else default_size(network)
    image = image.filled(size, network.preprocessing.size[0])
    if image.channels != network.preprocessing.size[0]:
        raise BadSpec(f"{network.name} takes {network.preprocessing.size[0]} channels, the image has {image.channels}")
    return image


def _chain(network: Network, said: str | Chain, image: Image) -> Chain:
    """The chain with defaults explicit: crops are shown at the network's own size, an opacity needs a background."""
    chain = chain_of(said) if isinstance(said, str) else said
    _, height, width = network.preprocessing.size
    small = min(height, image.shape[1]), min(width, image.shape[2])
    steps = [
        replace(step, size=small) if isinstance(step, RandomCrop) and step.size is None else step
        for step in chain.steps
    ]
    if image.opacity and not any(isinstance(step, Composite) for step in steps):
        steps.insert(0, Composite())
    return Chain(tuple(steps))


def _check_pairs(
    options: Options, image: Image, gradient: Sequence[Preconditioner], objective: Objective
) -> None:  # fmt: skip
    """Refuse what does not go together, before any work."""
    stored = images.name_of(type(image))
    for one in gradient:
        if one.planar and not isinstance(image, Pixel):
            name = preconditioners.name_of(type(one))
            raise BadSpec(f"the preconditioner {name} works on pixels, not on what {stored} stores; use --image pixel")
    held = [name for name in ("within", "mask") if getattr(options, name) is not None]
    if held and options.start is None:
        raise BadSpec(f"{held[0]} holds the picture to its start; give the photo with --start")
    if (options.within is not None or options.filters) and not image.encodes:
        raise BadSpec(f"{stored} cannot take up a changed picture, which balls and filters need; use --image fourier")
    if options.start is not None and not image.encodes and not image.begins:
        raise BadSpec(f"{stored} cannot start from a picture; use --image fourier or pixel")
    if objective.compares and options.reference is None:
        raise BadSpec(f"{to_text(objective)} compares with a photo; give it with --photo")
    if image.opacity and options.transparency:
        raise BadSpec("a picture has either an opacity that is optimised or one from its gradients, not both")
    if any(term.place().head == "opacity" for _, term in objective.terms) and not image.opacity:
        raise BadSpec("the penalty opacity is for pictures that have one; add --alpha")


def rest(network: Network) -> Tensor:
    """``(c, 1, 1)``: the colour that means nothing to a network, the mean of its data; grey where it is not known."""
    channels = network.preprocessing.size[0]
    mean = network.preprocessing.mean
    values = torch.full((channels,), 0.5) if mean is None else torch.tensor(mean)
    return values.clamp(0, 1).view(-1, 1, 1).to(network.device)


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
    canvas: Canvas
    chain: Chain
    optimizer: Optimizer
    gradient: tuple[Preconditioner, ...]
    stream: Stream


@dataclass(frozen=True, eq=False)
class Given:
    """Pictures that come with a job, ``(1, c, h, w)``: where it starts, where it may differ from that ``(1, 1, h, w)``,
    what it is compared with."""

    start: Tensor | None = None
    mask: Tensor | None = None
    reference: Tensor | None = None


def assemble(batch: Batch, network: Network, given: Given | None = None) -> Parts:
    """Jobs -> live parts through the registries."""
    first, given = batch.jobs[0], given or Given()
    canvas = Canvas(
        image=images.make(first.image),
        rest=rest(network),
        start=given.start,
        mask=given.mask,
        within=None if first.within is None else balls.make(first.within),
        filters=tuple(map(filters.make, first.filters)),
    )
    return Parts(
        objective=objective_of(batch.jobs),
        canvas=canvas,
        chain=Chain(tuple(transforms.make(step) for step in first.transform)),
        optimizer=optimizers.make(first.optimizer),
        gradient=tuple(map(preconditioners.make, first.gradient)),
        stream=Stream.of([job.seed for job in batch.jobs], network.device),
    )


def objective_of(jobs: Sequence[Job]) -> PerRow:
    """What the rows of a batch are scored by."""
    return PerRow(tuple(from_text(job.target) for job in jobs), group_of(jobs[0]))


def group_of(job: Job) -> Group | None:
    """What couples a job with others."""
    if job.group is None:
        return None
    made: Group = groups.make({key: value for key, value in job.group.items() if key != "members"})
    return made


def rows_that_fit(network: Network, jobs: Sequence[Job]) -> int:
    """How many of the pictures of a batch one forward and backward pass can hold; OutOfMemory when not even one fits.

    From what a small picture was measured to take, by area, and the memory that is free now.
    """
    job, objective = jobs[0], objective_of(jobs)
    channels, rows, columns = images.make(job.image).shape
    _, height, width = network.preprocessing.size
    only = network.preprocessing.fixed
    canvas = (height, width) if only else Chain(tuple(map(transforms.make, job.transform))).canvas((rows, columns))
    if job.tile is not None:
        canvas = min(canvas[0], job.tile), min(canvas[1], job.tile)
    try:
        measured = taken(network, objective.layers, job.arithmetic, objective.channels)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise OutOfMemory(f"not even pictures of {height} x {width} through {network.name} fit in memory") from error
    each = measured * canvas[0] * canvas[1] / (height * width) * job.views
    need = SLACK * each + 64.0 * channels * rows * columns
    there = free(network.device)
    if need > there:
        raise OutOfMemory(
            f"a picture of {rows} x {columns} through {network.name} needs about {need / 2**30:,.1f} GiB, "
            f"{there / 2**30:,.1f} GiB are free; choose a smaller --size"
        )
    fit = max(1, min(TOGETHER // min(TOGETHER, job.views), int(0.6 * there / need)))
    if job.group is not None and len(jobs) * need > there:
        raise OutOfMemory(
            f"the {len(jobs)} pictures of the group need about {len(jobs) * need / 2**30:,.1f} GiB together, "
            f"{there / 2**30:,.1f} GiB are free; choose fewer, or a smaller --size"
        )
    return len(jobs) if job.group is not None else fit


def picture_tensor(start: Any, shape: tuple[int, int, int], device: torch.device, what: str = "start") -> Tensor:
    """A picture that comes with a job (path, PIL image, array in 0-255 or [0, 1]) as ``(1, c, h, w)``.

    Photographs are turned upright, cropped around their centre to the shape and resized; arrays must fit.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    channels, height, width = shape
    if isinstance(start, str | Path):
        start = opened(Path(start), what)
    if isinstance(start, Pillow.Image):
        upright = ImageOps.exif_transpose(start).convert("L" if channels == 1 else "RGB")
        start = ImageOps.fit(upright, (width, height), Pillow.Resampling.LANCZOS)
    values = np.asarray(start)
    values = values.astype(np.float32) / (255.0 if np.issubdtype(values.dtype, np.integer) else 1.0)
    if values.ndim == 2:
        values = values[:, :, None]
    if values.shape != (height, width, channels):
        raise BadSpec(f"the {what} picture has shape {values.shape}; this image is {(height, width, channels)}")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise BadSpec(f"the {what} picture's values must lie in [0, 1], or be whole numbers from 0 to 255")
    return torch.from_numpy(values).permute(2, 0, 1)[None].to(device)


def mask_tensor(mask: Any, image: Image, device: torch.device) -> Tensor:
    """Where a picture may differ from its start, ``(1, 1, h, w)``: white where it may; of the picture's size."""
    from PIL import Image as Pillow

    _, height, width = image.shape
    if isinstance(mask, str | Path):
        mask = opened(Path(mask), "mask")
    if isinstance(mask, Pillow.Image):
        mask = np.asarray(mask.convert("L"))
    if np.asarray(mask).shape[:2] != (height, width):
        size = " x ".join(map(str, np.asarray(mask).shape[:2]))
        raise BadSpec(f"the mask has {size} pixels, the picture {height} x {width}; make them alike")
    return picture_tensor(mask, (1, height, width), device, "mask")


def photographs(folder: Path, size: int, skipped: list[str]) -> Iterator[Tensor]:
    """The middles of all pictures under a folder, ``(c, size, size)`` in [0, 1]; what cannot be read goes to
    ``skipped``."""
    if not folder.is_dir():
        raise BadSpec(f"there is no folder {folder}")
    kinds = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    if not paths:
        raise BadSpec(f"no pictures in {folder}; looked for {' '.join(kinds)}")
    for path in paths:
        try:
            yield picture_tensor(path, (3, size, size), torch.device("cpu"), "photo")[0]
        except BadSpec as error:
            skipped.append(str(error))


def opened(path: Path, what: str = "start") -> Any:
    """A photograph, decoded; BadSpec for what is missing, damaged or no picture."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with Pillow.open(path) as opened:
            opened.load()
            return opened
    except UnidentifiedImageError as error:
        raise BadSpec(f"cannot read the {what} picture {path}: it is no picture that Pillow knows") from error
    except (OSError, SyntaxError, ValueError, EOFError, Pillow.DecompressionBombError) as error:
        raise BadSpec(f"cannot read the {what} picture {path}: {why(error)}") from error
