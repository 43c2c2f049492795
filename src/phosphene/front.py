"""The front door: ``load`` a network, ``render`` a picture of what fires it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from .build import Given, rows_that_fit
from .canvas import Ball, balls
from .declare import Options, declare, targets_of
from .errors import BadSpec
from .filters import Filter
from .filters import filters as all_filters
from .images import Image, images
from .models.network import Network
from .models.sources import load as load_spec
from .models.sources import wrap
from .objectives import Objective
from .optimizers import Optimizer
from .pictures import mask_tensor, picture_tensor
from .preconditioners import Preconditioner, preconditioners
from .presets import preset as preset_of
from .prior import is_prior, with_share
from .produce import Progress, Watch, fingerprint_of, produce
from .registry import Registry
from .result import Result
from .spec import Batch, Job, ModelSpec
from .transforms import PRESETS as CHAINS
from .transforms import Chain, transforms
from .transforms import preset as chain_of


def load(
    model: str | nn.Module,
    *,
    weights: str | None = None,
    untrained: bool = False,
    labels: str | Sequence[str] | None = None,
    output: str | int | None = None,
    input_size: tuple[int, int, int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    device: str | None = None,
) -> Network:
    """A network from an address (``miniception``, ``resnet50``, ``path/file.py:factory``) or a live ``nn.Module``.

    ``input_size``: channels, height, width. ``mean`` and ``std``: applied to pictures in [0, 1]; leave them out when
    the model scales its own input. ``labels``: names in the order of the outputs, or a file. ``output``: which output
    holds the logits, when there are several. A live module stays on its device and is left as it is.

    Raises UnknownModel, MissingDependency, DownloadFailed, WeightsError, ModelError.

    >>> load("miniception").find("mixed4b")[0].channels
    192
    """
    spec = ModelSpec(
        address=model if isinstance(model, str) else type(model).__name__,
        weights=weights,
        untrained=untrained,
        labels=labels if isinstance(labels, str) else None,
        output=output,
        input_size=input_size,
        mean=None if mean is None else tuple(mean),
        std=None if std is None else tuple(std),
    )
    names = list(labels) if labels is not None and not isinstance(labels, str) else None
    if isinstance(model, nn.Module):
        if weights is not None or untrained or device is not None:
            raise BadSpec("weights, untrained and device are for addresses; a live module is used as it is")
        return wrap(model, spec, names)
    network = load_spec(spec, device)
    if names is not None:
        network.labels = tuple(names)
    return network


def render(network: Network | str, target: str | Objective, **options: Any) -> Result:
    """One picture of what makes ``target`` fire, with its evidence.

    ``network``: from ``load``, or an address. ``target``: text such as ``"mixed4b:11 + 0.5*mixed4b:30"`` or an
    objective such as ``Channel("mixed4b", 11)``. Options are those of ``render_batch``. A notebook shows the result.

    >>> result = render("miniception", "conv2:3", steps=2)
    >>> result.size, result.steps, result.status
    ((64, 64), 2, 'ok')
    """
    found = targets_of(target)
    if len(found) != 1:
        raise BadSpec(f"{target} names {len(found)} units; render_batch makes one picture for each")
    return render_batch(network, found, **options)[0]


def render_batch(
    network: Network | str,
    targets: str | Sequence[str | Objective],
    *,
    image: Image | str | None = None,
    size: int | tuple[int, int] | None = None,
    transform: str | Chain | None = None,
    preset: str = "standard",
    optimizer: Optimizer | None = None,
    steps: int | None = None,
    seed: int = 0,
    start: Any = None,
    frames: Sequence[int] = (),
    redirect: int = 16,
    robust: int = 16,
    arithmetic: str | None = None,
    views: int | None = None,
    gradient: Sequence[Preconditioner | str] | None = None,
    filters: Sequence[Filter | str] | None = None,
    within: Ball | str | None = None,
    mask: Any = None,
    reference: Any = None,
    transparency: bool = False,
    keep: str | None = None,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[Result]:
    """One picture for each target, made together; a picture is the same as when it is made alone.

    ``targets``: ``"mixed4b:0..63"`` or a list of texts and objectives. ``preset``: everything that is not said
    otherwise: ``standard``, ``fast``, ``draft``, or a published one (``phosphene methods``). ``image``: ``Fourier()``,
    ``Pixel()``, ``Maco()``, ... or its text; ``size``: its side or (height, width), by default what suits the network.
    ``transform``: ``lucid``, ``distill``, ``none``, steps as text, or a ``Chain``. ``views``: how often each picture is
    shown in a step, each time under other transforms. ``gradient``: preconditioners. ``filters``: what is done to the
    picture after steps. ``start``: a picture to begin with (path, PIL image or array); ``within``: a ball around it,
    such as ``linf[.05]``; ``mask``: white where the picture may differ from it. ``reference``: a photo that the targets
    ``near:``, ``invert:`` and ``caricature:`` compare with. ``transparency``: an opacity from the gradients. ``keep``:
    the ``last`` picture or the ``best``. ``frames``: steps at which the picture is kept. ``redirect``: first steps in
    which a blocked ReLU lets the gradient through. ``robust``: fresh transforms that the final score is averaged over.
    ``arithmetic`` of the ascent: ``bf16`` (where the processor has it) or ``fp32`` on the fast path, ``exact`` for the
    module as it is; scores are always exact. ``store``: a store with a scan of real pictures: the record then says
    where the score lies among them (by default the one that the environment variable PHOSPHENE_STORE names).
    ``progress``: called during the ascent.

    Raises BadTarget, BadSpec, UnknownLayer, UnknownClass, UnitOutOfRange, OutOfMemory, ModelError; Stopped on Ctrl-C.
    """
    steps = steps_of(preset, steps, frames)  # refuses before a network is loaded, let alone downloaded
    said: dict[str, Any] = {
        "image": image, "size": size, "transform": transform, "preset": preset, "optimizer": optimizer, "steps": steps,
        "seed": seed, "start": start, "redirect": redirect, "robust": robust, "arithmetic": arithmetic, "views": views,
        "gradient": gradient, "filters": filters, "within": within, "mask": mask, "reference": reference,
        "transparency": transparency, "keep": keep,
    }  # fmt: skip
    options = options_of(**said)
    network = load(network) if isinstance(network, str) else network
    objectives = [one for target in ([targets] if isinstance(targets, str) else targets) for one in targets_of(target)]
    if not objectives:
        return []
    jobs, given = prepare(network, objectives, options, **said)
    return make(jobs, network, given=given, watch=Watch(progress, tuple(frames), store=url(store)))


def url(store: str | Path | None) -> str | None:
    """A store as text."""
    return None if store is None else str(store)


def options_of(
    *,
    preset: str = "standard",
    image: Image | str | None = None,
    size: int | tuple[int, int] | None = None,
    transform: str | Chain | None = None,
    gradient: Sequence[Preconditioner | str] | None = None,
    filters: Sequence[Filter | str] | None = None,
    within: Ball | str | None = None,
    start: Any = None,
    mask: Any = None,
    reference: Any = None,
    **plain: Any,
) -> Options:
    """What ``render_batch`` takes, texts read, as what a job is declared with."""
    told = [None if value is None else "given" for value in (start, mask, reference)]
    return Options(
        image=image_of(preset, image, size), transform=chain_from(transform), preset=preset,
        gradient=parts_of(preconditioners, gradient), filters=parts_of(all_filters, filters),
        within=balls.read(within) if isinstance(within, str) else within,
        start=told[0], mask=told[1], reference=told[2], **plain,
    )  # fmt: skip


def prepare(
    network: Network, objectives: Sequence[Objective], options: Options, *, start: Any = None, mask: Any = None,
    reference: Any = None, **_: Any,
) -> tuple[list[Job], Given]:  # fmt: skip
    """A job per objective, and the pictures that come with them; everything is checked, nothing is made."""
    jobs = [declare(network, objective, options) for objective in objectives]
    if start is None and mask is None and reference is None:
        return jobs, Given()
    rows_that_fit(network, jobs)  # before pictures are made as large as asked
    given = pictures_of(jobs[0], network, start=start, mask=mask, reference=reference)
    return [hashed(job, given) for job in jobs], given


def image_of(preset: str, image: Image | str | None, size: int | tuple[int, int] | None) -> Image | None:
    """The image that was said, or the preset's at the size that was said."""
    made: Image | None = images.read(image) if isinstance(image, str) else image
    if size is None:
        return made
    return replace(made if made is not None else preset_of(preset).image, size=size)


def chain_from(text: str | Chain | None) -> str | Chain | None:
    """A chain from text: a preset's name, or steps with spaces between them: ``pad[12] jitter[8] rotate[-5/0/5]``."""
    if not isinstance(text, str) or text in CHAINS:
        return text
    words = text.split()
    if len(words) == 1 and "[" not in text and text not in transforms.names():
        chain_of(text)  # says what presets there are
    return Chain(tuple(transforms.read(word) for word in words))


def parts_of(registry: Registry[Any], parts: Sequence[Any] | None) -> tuple[Any, ...] | None:
    """Parts, those that are text read by a registry."""
    if parts is None:
        return None
    return tuple(registry.read(part) if isinstance(part, str) else part for part in parts)


def pictures_of(job: Job, network: Network, *, start: Any = None, mask: Any = None, reference: Any = None) -> Given:
    """Files and arrays as the tensors of a job."""
    image, device = images.make(job.image), network.device
    plain = replace(image, opacity=False)
    return Given(
        start=None if start is None else picture_tensor(start, plain.shape, device),
        mask=None if mask is None else mask_tensor(mask, image, device),
        reference=None if reference is None else picture_tensor(reference, plain.shape, device, "reference"),
    )


def hashed(job: Job, given: Given) -> Job:
    """The job, with the hashes of the pictures that come with it."""
    start, mask, reference = (
        None if part is None else fingerprint_of(part) for part in (given.start, given.mask, given.reference)
    )
    return replace(job, start=start, mask=mask, reference=reference)


def steps_of(preset: str, steps: int | None, frames: Sequence[int]) -> int:
    """The steps of a preset, more if a later frame is wanted, unless a number is asked for.

    Refuses what cannot be, and frames that are not among the steps.
    """
    if steps is None:
        steps = max(preset_of(preset).steps, *frames, 1)
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise BadSpec(f"steps must be a whole number from 1 up, not {steps!r}")
    for step in frames:
        if not 0 <= step <= steps:
            raise BadSpec(f"no frame can be kept at step {step}: the steps are 0 to {steps}")
    return steps


def film_of(steps: int, frames: int = 48) -> list[int]:
    """Steps for a film of an ascent: the first ones all, later ones further and further apart, the last."""
    ratio = steps ** (1 / max(1, frames - 1))
    return sorted({0, steps, *(min(steps, round(ratio**k)) for k in range(frames))})


def make(
    jobs: Sequence[Job], network: Network, *, given: Given | None = None, watch: Watch | None = None
) -> list[Result]:
    """The pictures of jobs; those of a learned prior with their share."""
    given, watch = given or Given(), watch or Watch()
    results = produce(Batch(tuple(jobs)), network, given=given, watch=watch)
    return with_share(network, jobs, results, given, watch.tell) if is_prior(jobs[0]) else results
