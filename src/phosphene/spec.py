"""What is to be made, as plain frozen data: a job says everything that decides a picture, and has a hash.

No torch here: a job can be planned, stored, sent and compared where no network can run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from .errors import BadSpec
from .registry import freeze

RECIPE = 1  # raised whenever the same job would give another picture
Part = Mapping[str, Any]  # a registered kind as data: {"name": ..., its options}


@dataclass(frozen=True)
class ModelSpec:
    """Where a network comes from and what was said about it.

    ``address``: see ``phosphene models``. ``weights``: a file for ``path.py:factory``. ``untrained``: random weights.
    ``labels``: a file, ``imagenet``, or None for the source's own. ``output``: which of several outputs holds the
    logits. ``input_size``: channels, height, width. ``mean`` and ``std``: per channel, in [0, 1].
    """

    address: str
    weights: str | None = None
    untrained: bool = False
    labels: str | None = None
    output: str | int | None = None
    input_size: tuple[int, int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


ARITHMETICS = ("exact", "fp32", "bf16")


@dataclass(frozen=True)
class Job:
    """One picture to make. ``target`` is canonical text; image, transform and optimizer are described parts."""

    model: ModelSpec
    target: str
    image: Part
    transform: tuple[Part, ...]
    optimizer: Part
    steps: int = 512
    seed: int = 0
    redirect: int = 16  # first steps in which blocked rows get a redirected ReLU gradient
    robust: int = 16  # fresh transforms over which the final score is averaged
    start: str | None = None  # hash of the picture that it starts from
    arithmetic: str = "exact"  # of the ascent: exact, or the fast path in fp32 or bf16
    views: int = 1  # of each picture in each step, under transforms of their own
    gradient: tuple[Part, ...] = ()  # preconditioners, in order
    filters: tuple[Part, ...] = ()  # what is done to the picture after steps
    within: Part | None = None  # a ball around the start
    mask: str | None = None  # hash of where the picture may differ from its start
    reference: str | None = None  # hash of the photo that it is compared with
    group: Part | None = None  # what couples it with the others of its batch, and who they are
    octaves: Part | None = None  # sizes to climb through, from a smaller start
    tile: int | None = None  # the network sees pieces of this size, one after the other
    keep: str = "last"  # the picture after the last step, or the best one on the way
    transparency: bool = False  # opacity from the gradients that each pixel has had
    recipe: int = RECIPE

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("seed", 0), ("redirect", 0), ("robust", 1), ("views", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise BadSpec(f"{name} must be a whole number from {least} up, not {value!r}")
        if self.arithmetic not in ARITHMETICS:
            raise BadSpec(f"arithmetic is {', '.join(ARITHMETICS)}, not {self.arithmetic!r}")
        if self.keep not in ("last", "best"):
            raise BadSpec(f"what is kept is the last picture or the best, not {self.keep!r}")

    @property
    def grouped(self) -> int:
        """How many pictures its group has; 0 where nothing couples it with others."""
        return 0 if self.group is None else len(self.group["members"])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Job:
        """The inverse of ``to_dict``, also after JSON; BadSpec for a record of another recipe or with strange keys."""
        known = {field.name for field in fields(cls)}
        if data.get("recipe") != RECIPE:
            raise BadSpec(f"the record was made by recipe {data.get('recipe')!r}; this phosphene makes recipe {RECIPE}")
        if set(data) - known or not {"model", "target", "image", "transform", "optimizer"} <= set(data):
            raise BadSpec("the record's spec is incomplete or has unknown keys; was it edited?")
        many = ("transform", "gradient", "filters")
        parts = [data["image"], data["optimizer"], *(part for name in many for part in data.get(name, ()))]
        parts += [data[name] for name in ("within", "group") if data.get(name) is not None]
        if not all(isinstance(part, Mapping) and "name" in part for part in parts):
            raise BadSpec("a part of the record's spec has no name; was it edited?")
        try:
            model = ModelSpec(**{key: freeze(value) for key, value in data["model"].items()})
            hash(model)
            lists = {name: tuple(data[name]) for name in many if name in data}
            return cls(**{**data, "model": model, "target": str(data["target"]), **lists})
        except (TypeError, AttributeError) as error:
            raise BadSpec(f"the record's spec cannot be read ({error}); was it edited?") from error

    def id(self, fingerprint: str) -> str:
        """32 hex digits: a hash of the whole job and of the network's weights."""
        return digest({"job": self.to_dict(), "fingerprint": fingerprint})


@dataclass(frozen=True)
class Batch:
    """Jobs that share their forward passes: all alike but for target, seed, and who is in their group.

    Groups stand one after the other, of one size, each whole.
    """

    jobs: tuple[Job, ...]

    def __post_init__(self) -> None:
        first = _in_common(self.jobs[0])
        if any(_in_common(job) != first for job in self.jobs[1:]):
            raise BadSpec("jobs of one batch differ in more than target and seed")
        size = self.jobs[0].grouped
        for at in range(0, len(self.jobs), size) if size else ():
            there = [[job.target, job.seed] for job in self.jobs[at : at + size]]
            if any(there != [list(one) for one in (job.group or {})["members"]] for job in self.jobs[at : at + size]):
                raise BadSpec("the pictures of a group are made together, in their order; some are missing here")


def _in_common(job: Job) -> dict[str, Any]:
    """What jobs of one batch share."""
    group = None if job.group is None else {**job.group, "members": len(job.group["members"])}
    return {**job.to_dict(), "target": "", "seed": 0, "group": group}


def canonical(data: Any) -> str:
    """JSON with sorted keys and no spaces: equal data, equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(data: Any) -> str:
    return hashlib.blake2b(canonical(data).encode(), digest_size=16).hexdigest()
