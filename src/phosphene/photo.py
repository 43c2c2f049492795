"""What networks make of a photo: dreams on it, accentuations, what a layer keeps of it, its caricature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .build import Given, rows_that_fit
from .declare import Options, declare, default_size, read_direction
from .errors import BadSpec
from .front import hashed, load, make, render_batch
from .images import Fourier, Pixel, images
from .models.network import Network
from .objectives import Activations, Caricature, Invert, Near, Objective, PerRow, TotalVariation, resolve
from .optimizers import SGD
from .pictures import opened, picture_tensor
from .preconditioners import MeanAbs
from .produce import Watch
from .result import Result
from .rng import Stream
from .tap import Tap
from .together import compared_layer, one_of
from .transforms import Chain, Roll, fit

TILE = 512  # pixels to a side that a network is shown at once
SMALLEST = 32  # no octave has a shorter side


def dream(
    network: Network | str,
    target: str | Objective,
    photo: Any,
    *,
    octaves: int = 4,
    scale: float = 1.4,
    steps: int = 10,
    rate: float = 1.5,
    roll: int = 32,
    tile: int = TILE,
    size: tuple[int, int] | int | None = None,
    seed: int = 0,
    frames: Sequence[int] = (),
    progress: Any = None,
) -> Result:
    """DeepDream on a photo of any size (Mordvintsev 2015): ``steps`` of gradient ascent in each of ``octaves`` sizes.

    ``scale``: from one size to the next. ``rate``: how far the mean value moves in a step, of 255. ``roll``: pixels by
    which the photo is moved round in each step, so that seams between pieces of ``tile`` pixels average out; memory
    grows with the photo's pixels alone, not with what the network makes of them. ``size``: instead of the photo's own.
    """
    network = load(network) if isinstance(network, str) else network
    objective = one_of(target)
    if octaves < 1 or steps < 1 or scale <= 1 or rate <= 0:
        raise BadSpec("a dream has one octave and one step or more, a scale above 1 and a rate above 0")
    if not all(term.reads for _, term in objective.terms) or objective.compares:
        raise BadSpec(f"{objective} cannot be dreamt of: a dream takes layers, units and classes")
    if any(term.pointed for _, term in objective.terms):
        raise BadSpec(f"{objective} aims at one position, and a dream is seen in pieces; aim at the whole channel")
    height, width = _sides(photo, size)
    least = network.preprocessing.size[1:] if network.preprocessing.fixed else (SMALLEST, SMALLEST)
    if height < least[0] or width < least[1]:
        raise BadSpec(f"the photo is {height} x {width}; {network.name} needs {least[0]} x {least[1]} pixels or more")
    if tile < SMALLEST:
        raise BadSpec(f"a dream is seen in pieces of {SMALLEST} pixels or more, not {tile}")
    while octaves > 1 and min(height / least[0], width / least[1]) < scale ** (octaves - 1) * 1.02:
        octaves -= 1
    options = Options(
        image=Pixel((height, width), colour="plain", bound="box"),
        preset="deepdream",
        optimizer=SGD(rate / 255),
        transform=Chain((Roll(roll),)),
        gradient=(MeanAbs(),),
        steps=steps * octaves,
        seed=seed,
        robust=1,
        start="given",
        octaves={"count": octaves, "scale": scale},
        tile=tile,
    )
    job = declare(network, objective, options)
    rows_that_fit(network, [job])
    given = Given(start=picture_tensor(photo, images.make(job.image).shape, network.device))
    return make([hashed(job, given)], network, given=given, watch=Watch(progress, tuple(frames)))[0]


def accentuate(
    network: Network | str,
    target: str | Objective,
    photo: Any,
    *,
    layer: str | None = None,
    weight: float = 1.0,
    size: tuple[int, int] | int | None = None,
    seed: int = 0,
    **options: Any,
) -> Result:
    """The photo, changed so that the target fires more and ``layer`` still sees much the same (Hamblin 2024).

    The distance at ``layer`` (the target's own by default) counts ``weight`` times what balances its gradient with the
    target's, measured once beside the start. ``found`` holds that balance. Options are those of ``render``.
    """
    network = load(network) if isinstance(network, str) else network
    objective = resolve(one_of(target), network.class_number, read_direction)
    where = layer or compared_layer(network, objective)
    network.find(where)
    size = size if size is not None else default_size(network)
    image = Fourier(size)
    shape = declare(network, objective, Options(image=image, start="given")).image
    start = picture_tensor(photo, images.make(shape).shape, network.device)
    balance = _balance(network, objective, Near(where), start)
    whole = objective - float(f"{weight * balance:.6g}") * Near(where)
    made = render_batch(
        network,
        [whole],
        preset="accentuation",
        image=image,
        size=size,
        start=photo,
        reference=photo,
        seed=seed,
        **options,
    )[0]
    return replace(made, found={"accentuation": {"layer": where, "balance": balance, "weight": weight}})


def _balance(network: Network, objective: Objective, near: Near, start: Tensor) -> float:
    """How much larger the target's gradient is than the distance's: sums of magnitudes, a little beside the start,
    where alone the distance has a gradient."""
    noise = Stream.of([0], network.device).fold("balance").normal(*start.shape[1:])
    sizes = []
    with network.frozen(), Tap(network, (*objective.layers, near.layer)) as tap:
        with torch.no_grad():
            reference = tap(fit(start, tap.only_size))
        for term in (objective, near):
            leaf = (start + 0.02 * noise).clamp(0, 1).requires_grad_()
            acts = Activations(tap(fit(leaf, tap.only_size), redirect=True), leaf, {}, reference)
            (gradient,) = torch.autograd.grad(PerRow((term,)).score(acts).sum(), leaf)
            sizes.append(float(gradient.abs().sum()))
    return sizes[0] / max(sizes[1], 1e-12)


def invert(network: Network | str, layer: str, photo: Any, *, smooth: float = 0.05, **options: Any) -> Result:
    """What ``layer`` keeps of a photo: a picture from noise that it cannot tell from it (Mahendran & Vedaldi 2015).

    ``smooth``: strength of the total variation that settles what the layer does not say.
    """
    target = Invert(layer) - smooth * TotalVariation()
    return render_batch(network, [target], **{"transform": "none", **options, "reference": photo})[0]


def caricature(network: Network | str, layer: str, photo: Any, **options: Any) -> Result:
    """The photo's features at ``layer``, exaggerated, from noise (Olah 2018)."""
    return render_batch(network, [Caricature(layer)], **{**options, "reference": photo})[0]


def _sides(photo: Any, size: tuple[int, int] | int | None) -> tuple[int, int]:
    """A photo's own height and width, turned upright; or those that were said."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    if isinstance(size, tuple):
        return size
    if isinstance(photo, str | Path):
        photo = opened(Path(photo), "photo")
    if isinstance(photo, Pillow.Image):
        width, height = ImageOps.exif_transpose(photo).size
    else:
        height, width = photo.shape[:2]
    if size is None:
        return height, width
    return round(height * size / min(height, width)), round(width * size / min(height, width))
