"""The front door: ``load`` a network, ``render`` a picture of what fires it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from torch import Tensor, nn

from .build import Options, declare, picture_tensor, rows_that_fit, targets_of
from .errors import BadSpec, NotReproducible
from .images import Fourier, Image, images
from .models.network import Network
from .models.sources import load as load_spec
from .models.sources import wrap
from .objectives import Objective
from .optimizers import Optimizer
from .presets import preset as preset_of
from .produce import Progress, Stopped, Watch, fingerprint_of, produce
from .result import Result
from .spec import Batch, Job, ModelSpec
from .transforms import Chain


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
    image: Image | None = None,
    size: int | tuple[int, int] | None = None,
    transform: str | Chain = "lucid",
    preset: str = "standard",
    optimizer: Optimizer | None = None,
    steps: int | None = None,
    seed: int = 0,
    start: Any = None,
    frames: Sequence[int] = (),
    redirect: int = 16,
    robust: int = 16,
    arithmetic: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[Result]:
    """One picture for each target, made together; a picture is the same as when it is made alone.

    ``targets``: ``"mixed4b:0..63"`` or a list of texts and objectives. ``image``: ``Fourier()``, ``Pixel()``; ``size``:
    its side or (height, width), by default what suits the network. ``transform``: ``lucid``, ``distill``, ``lucent``,
    ``none`` or a ``Chain``. ``preset``: steps and optimizer together: ``standard``, ``fast``, ``draft``, ``lucid``;
    ``steps`` and ``optimizer`` take their place. ``start``: a picture to begin with (path, PIL image or array).
    ``frames``: steps at which the picture is kept. ``redirect``: first steps in which a blocked ReLU lets the
    gradient through. ``robust``: fresh transforms that the final score is averaged over. ``arithmetic`` of the
    ascent: ``bf16`` (where the processor has it) or ``fp32`` on the fast path, ``exact`` for the module as it is;
    scores are always exact. ``progress``: called during the ascent.

    Raises BadTarget, BadSpec, UnknownLayer, UnknownClass, UnitOutOfRange, OutOfMemory, ModelError; Stopped on Ctrl-C.
    """
    steps = steps_of(preset, steps, frames)
    if isinstance(network, str):
        network = load(network)
    objectives = [one for target in ([targets] if isinstance(targets, str) else targets) for one in targets_of(target)]
    if not objectives:
        return []
    if size is not None:
        image = replace(image, size=size) if image is not None else Fourier(size)
    options = Options(image, transform, preset, optimizer, steps, seed, redirect, robust, arithmetic=arithmetic)
    jobs = [declare(network, objective, options) for objective in objectives]
    begin = None
    if start is not None:
        rows_that_fit(network, jobs)  # before the start picture is made as large as asked
        begin = picture_tensor(start, images.make(jobs[0].image), network.device)
        jobs = [replace(job, start=fingerprint_of(begin)) for job in jobs]
    return make(jobs, network, start=begin, watch=Watch(progress, tuple(frames)))


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


def make(
    jobs: Sequence[Job], network: Network, *, start: Tensor | None = None, watch: Watch | None = None
) -> list[Result]:
    return produce(Batch(tuple(jobs)), network, start=start, watch=watch)


def replay(
    record: Mapping[str, Any],
    network: Network | None = None,
    *,
    start: Any = None,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """The picture of a record again, bit for bit on the same machine; a partial one up to the step it had reached.

    ``network``: needed when the record was made from a live module. ``start``: the start picture, if there was one.
    Raises NotReproducible when the network's weights or the start picture are not the recorded ones; BadSpec for what
    is no record of this recipe.
    """
    return replay_batch([record], network, start=start, progress=progress)[0]


def replay_batch(
    records: Sequence[Mapping[str, Any]],
    network: Network | None = None,
    *,
    start: Any = None,
    device: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[Result]:
    """The pictures of records again, in order; those that were made together are made together, so that even the
    last bit of their sums is the same. ``device``: for networks that the records name. Otherwise as ``replay``."""
    recorded = [_recorded(record) for record in records]
    results: list[Result] = []
    networks: dict[ModelSpec, Network] = {}
    for key, group in groupby(recorded, key=lambda one: (replace(one[0], target="", seed=0), *one[1:])):
        job, fingerprint, frames, until, ran = key
        used = network if network is not None else networks.get(job.model)
        if used is None:
            used = networks[job.model] = load_spec(job.model, device)
        if used.fingerprint != fingerprint:
            raise NotReproducible(
                f"{used.name} has other weights now (fingerprint {used.fingerprint}) than when the record was made "
                f"({fingerprint})"
            )
        jobs = [replace(one[0], model=used.spec) for one in group]
        begin = None
        if start is not None:
            rows_that_fit(used, jobs)
            begin = picture_tensor(start, images.make(job.image), used.device)
        try:
            made = make(jobs, used, start=begin, watch=Watch(progress, frames, until=until))
        except KeyboardInterrupt as stopped:
            raise Stopped(results + (stopped.results if isinstance(stopped, Stopped) else [])) from None
        if ran is not None and made[0].arithmetic.split()[0] != ran:
            raise NotReproducible(f"the record was made in {ran} arithmetic; here it is {made[0].arithmetic}")
        results += made
    return results


def _recorded(record: Mapping[str, Any]) -> tuple[Job, str, tuple[int, ...], int | None, str | None]:
    """A record's job, the fingerprint of its network, the steps of its frames, the step at which it was stopped, and
    the arithmetic that ran."""
    if not isinstance(record.get("spec"), Mapping):
        raise BadSpec("this is no phosphene record: it has no spec")
    job = Job.from_dict(record["spec"])
    try:
        frames = tuple(int(frame["step"]) for frame in record.get("frames", ()))
        until = int(record["steps"]) if record.get("partial") else None
    except (TypeError, KeyError, ValueError) as error:
        raise BadSpec("the record's steps or frames cannot be read; was it edited?") from error
    ran = record.get("arithmetic")
    return job, str(record.get("fingerprint")), frames, until, ran.split()[0] if isinstance(ran, str) and ran else None
