"""A record's picture made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from .build import Given, rows_that_fit
from .errors import BadSpec, NotReproducible
from .front import make, pictures_of
from .models.network import Network
from .models.sources import load as load_spec
from .produce import Progress, Stopped, Watch
from .result import Result
from .spec import Job, ModelSpec


def replay(
    record: Mapping[str, Any],
    network: Network | None = None,
    *,
    start: Any = None,
    mask: Any = None,
    reference: Any = None,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """The picture of a record again, bit for bit on the same machine; a partial one up to the step it had reached.

    ``network``: needed when the record was made from a live module. ``start``, ``mask``, ``reference``: the pictures
    that came with it, if there were any. Raises NotReproducible when the network's weights or one of these are not the
    recorded ones; BadSpec for what is no record of this recipe.
    """
    return replay_batch([record], network, start=start, mask=mask, reference=reference, progress=progress)[0]


def replay_batch(
    records: Sequence[Mapping[str, Any]],
    network: Network | None = None,
    *,
    start: Any = None,
    mask: Any = None,
    reference: Any = None,
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
        asked = [replace(one[0], model=used.spec) for one in group]
        jobs = _whole(asked)
        given = Given()
        if start is not None or mask is not None or reference is not None:
            rows_that_fit(used, jobs)
            given = pictures_of(jobs[0], used, start=start, mask=mask, reference=reference)
        try:
            made = make(jobs, used, given=given, watch=Watch(progress, frames, until=until))
        except KeyboardInterrupt as stopped:
            raise Stopped(results + (stopped.results if isinstance(stopped, Stopped) else [])) from None
        if ran is not None and made[0].arithmetic.split()[0] != ran:
            raise NotReproducible(f"the record was made in {ran} arithmetic; here it is {made[0].arithmetic}")
        results += [made[jobs.index(one)] for one in asked] if job.group is not None else made
    known = [record.get("found") or {} for record in records]
    return [replace(one, found={**told, **(one.found or {})} or None) for one, told in zip(results, known, strict=True)]


def _whole(jobs: list[Job]) -> list[Job]:
    """The jobs, or all of their group: one of its pictures cannot be made without the others."""
    group = jobs[0].group
    if group is None:
        return jobs
    return [replace(jobs[0], target=target, seed=seed) for target, seed in group["members"]]


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
