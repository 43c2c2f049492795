"""What a user said -> a job with every default explicit, checked against the network before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .address import expand
from .build import rest
from .canvas import Ball, balls
from .errors import BadSpec, UnitOutOfRange, UnknownLayer
from .fast import arithmetic
from .files import why
from .filters import Filter, filters
from .images import Image, Pixel, images
from .models.network import Network
from .objectives import Layer, Objective, Sum, from_text, resolve, to_text
from .optimizers import Optimizer, optimizers
from .preconditioners import Decorrelated, Preconditioner, preconditioners
from .presets import Preset, preset
from .spec import Job
from .transforms import Chain, Composite, RandomCrop, transforms
from .transforms import preset as chain_of

LARGEST = 128  # the picture's side when a network takes any size and was made for larger ones


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
    resolved = checked(network, objective)
    if pace.penalties:
        values = image.channels or 1
        for side in image.shape[1:]:
            values *= side  # published strengths are of sums, ours of means
        resolved = resolved - Sum(tuple((weight * values, term) for weight, term in pace.penalties))
    chain = _chain(network, options.transform if options.transform is not None else pace.transform, image)
    gradient = pace.gradient if options.gradient is None else options.gradient
    after = pace.filters if options.filters is None else options.filters
    _check_pairs(options, image, gradient, after, resolved)
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
        filters=tuple(map(filters.describe, after)),
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
    options: Options,
    image: Image,
    gradient: Sequence[Preconditioner],
    after: Sequence[Filter],
    objective: Objective,
) -> None:
    """Refuse what does not go together, before any work."""
    stored = images.name_of(type(image))
    for one in gradient:
        if one.planar and not isinstance(image, Pixel):
            name = preconditioners.name_of(type(one))
            raise BadSpec(f"the preconditioner {name} works on pixels, not on what {stored} stores; use --image pixel")
        if isinstance(one, Decorrelated) and image.colour == "decorrelated":
            raise BadSpec("the preconditioner decorrelated works on plain colours; add --colour plain")
    held = [name for name in ("within", "mask") if getattr(options, name) is not None]
    if held and options.start is None:
        raise BadSpec(f"{held[0]} holds the picture to its start; give the photo with --start")
    if (options.within is not None or after) and not image.encodes:
        raise BadSpec(f"{stored} cannot take up a changed picture, which balls and filters need; use --image fourier")
    if options.start is not None and not image.encodes and not image.begins:
        raise BadSpec(f"{stored} cannot start from a picture; use --image fourier or pixel")
    if objective.compares and options.reference is None:
        raise BadSpec(f"{to_text(objective)} compares with a photo; give it with --photo")
    if image.opacity and (options.start is not None or after):
        raise BadSpec("a picture with an opacity begins from noise and takes no filters; leave --alpha or these out")
    if options.transparency and not objective.layers:
        raise BadSpec("an opacity from gradients needs a target in the network; penalties alone give none")
    if image.opacity and options.transparency:
        raise BadSpec("a picture has either an opacity that is optimised or one from its gradients, not both")
    if any(term.place().head == "opacity" for _, term in objective.terms) and not image.opacity:
        raise BadSpec("the penalty opacity is for pictures that have one; add --alpha")


def default_size(network: Network) -> tuple[int, int]:
    """The network's own size; at most 128 pixels (lucid's default) for one that takes any."""
    _, height, width = network.preprocessing.size
    shrink = 1.0 if network.preprocessing.fixed else min(1.0, LARGEST / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def checked(network: Network, objective: Objective) -> Objective:
    """The objective with names as numbers; every layer exists and every unit is in range, before any work."""
    objective = resolve(objective, network.class_number, read_direction)
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
    return objective


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
