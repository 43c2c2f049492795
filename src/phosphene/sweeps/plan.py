"""What a sweep makes: layers x units x recipe, as pure data, in one order. No torch.

A plan holds no list of its tasks: they are counted through, so that a million of them take no more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import groupby
from typing import Any, final

from ..errors import StoreError
from ..registry import freeze
from ..spec import RECIPE, Job, digest
from ..store.kinds import Kind
from .recipe import Recipe

Range = tuple[int, int]  # from, to; the last not included
MANY = {"facets": 1, "examples": 16}  # tasks in a pack of those that do not share forward passes


@final
@dataclass(frozen=True)
class Line:
    """One layer of a plan.

    ``module``: its class. ``units``: the chosen channels, as ranges. ``spelling``: what stands before and after the
    channel's number in a unit, and for ``positive`` and ``negative`` in the job's target. ``compare``: the layer at
    which diverse pictures are told apart.
    """

    layer: str
    module: str
    channels: int
    units: tuple[Range, ...]
    spelling: Mapping[str, tuple[str, str]]
    compare: str

    def __len__(self) -> int:
        return sum(last - first for first, last in self.units)

    @property
    def every(self) -> Iterator[int]:
        """The chosen channels."""
        return (channel for first, last in self.units for channel in range(first, last))

    def spelt(self, what: str, channel: int) -> str:
        before, after = self.spelling[what]
        return f"{before}{channel}{after}"


@final
@dataclass(frozen=True)
class Task:
    """One thing to make of one unit. ``ids``: of the records that it leaves; the first is the task's own."""

    line: int
    kind: Kind
    channel: int
    ids: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.ids[0]


@final
@dataclass(frozen=True)
class Pack:
    """Tasks that are made together: of one layer, and of kinds that share their forward passes."""

    line: int
    kind: Kind
    tasks: tuple[Task, ...]

    def split(self) -> tuple[Pack, Pack]:
        """Two halves."""
        half = len(self.tasks) // 2
        return Pack(self.line, self.kind, self.tasks[:half]), Pack(self.line, self.kind, self.tasks[half:])


@final
@dataclass(frozen=True)
class Plan:
    """Everything that decides what a sweep makes.

    ``model``: the network's spec. ``job``: what all pictures have in common, as a job's data. ``group``: what couples
    diverse ones. ``scan``: the id of the scan of real pictures that facets and examples come from.
    """

    model: Mapping[str, Any]
    fingerprint: str
    recipe: Recipe
    job: Mapping[str, Any]
    group: Mapping[str, Any] | None
    lines: tuple[Line, ...]
    scan: str | None = None

    @cached_property
    def id(self) -> str:
        """32 hex digits: a hash of all of it."""
        return digest(self._data)

    @cached_property
    def _data(self) -> dict[str, Any]:
        return {**asdict(self), "recipe": self.recipe.to_dict()}

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, **self._data}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The inverse of ``to_dict``, also after JSON; StoreError for what is no plan of this phosphene."""
        try:
            lines = tuple(_line(one) for one in data["lines"])
            said: dict[str, Any] = {key: freeze(value) for key, value in data["recipe"].items()}
            names = {field.name for field in fields(cls)}
            rest = {key: value for key, value in data.items() if key in names}
            made = cls(**{**rest, "lines": lines, "recipe": Recipe(**said)})
            if made.id != data["id"]:
                raise ValueError("its id is not that of its content")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(
                f"the plan {data.get('id')} of the store cannot be read ({error}); sweep again with the same command"
            ) from error
        return made

    def __len__(self) -> int:
        """How many tasks there are."""
        return self.units * len(self.recipe.kinds)

    @property
    def units(self) -> int:
        return sum(map(len, self.lines))

    @property
    def pictures(self) -> int:
        """How many pictures are optimised; a facet counts once, for how many a unit has is found on the way."""
        each = {"positive": 1, "negative": 1, "diverse": self.recipe.diverse, "facets": 1, "examples": 0}
        return self.units * sum(each[kind] for kind in self.recipe.kinds)

    def tasks(self, shard: tuple[int, int] = (1, 1)) -> Iterator[Task]:
        """All tasks in order: layer by layer, kind by kind, unit by unit; of ``shard`` (i, n) every n-th."""
        number, of = shard
        count = -1
        for place, line in enumerate(self.lines):
            for kind in self.recipe.kinds:
                for channel in line.every:
                    count += 1
                    if count % of == number - 1:
                        yield self.task(place, kind, channel)

    def count(self, shard: tuple[int, int] = (1, 1)) -> int:
        """How many tasks a shard has."""
        number, of = shard
        return (len(self) - number) // of + 1 if len(self) >= number else 0

    def task(self, line: int, kind: Kind, channel: int) -> Task:
        if kind in ("facets", "examples"):
            return Task(line, kind, channel, (digest(self._of_data(line, kind, channel)),))
        datas = self._job_data(line, kind, channel)
        return Task(line, kind, channel, tuple(digest({"job": d, "fingerprint": self.fingerprint}) for d in datas))

    def unit(self, task: Task) -> str:
        """The unit as text, such as ``mixed4b:11``."""
        return self.lines[task.line].spelt("unit", task.channel)

    def jobs(self, task: Task) -> tuple[Job, ...]:
        """The pictures of a task, as jobs; none for what is made of real pictures."""
        if task.kind in ("facets", "examples"):
            return ()
        return tuple(Job.from_dict(data) for data in self._job_data(task.line, task.kind, task.channel))

    def _job_data(self, place: int, kind: str, channel: int) -> list[dict[str, Any]]:
        line = self.lines[place]
        target = line.spelt("negative" if kind == "negative" else "positive", channel)
        seed = self.recipe.seed
        if kind != "diverse":
            return [{**self.job, "target": target, "seed": seed}]
        seeds = range(seed, seed + self.recipe.diverse)
        group = {**(self.group or {}), "layer": line.compare, "members": [[target, one] for one in seeds]}
        return [{**self.job, "target": target, "seed": one, "group": group} for one in seeds]

    def _of_data(self, place: int, kind: str, channel: int) -> dict[str, Any]:
        line, recipe = self.lines[place], self.recipe
        said: dict[str, Any] = {"task": kind, "layer": line.layer, "channel": channel, "scan": self.scan,
                                "fingerprint": self.fingerprint, "recipe": RECIPE}  # fmt: skip
        if kind == "facets":
            said |= {"count": recipe.facets, "steps": self.job["steps"], "seed": recipe.seed}
        return said


def _line(data: Mapping[str, Any]) -> Line:
    spelling = {key: (str(before), str(after)) for key, (before, after) in data["spelling"].items()}
    units = tuple((int(first), int(last)) for first, last in data["units"])
    return Line(data["layer"], data["module"], data["channels"], units, spelling, data["compare"])


def packs(tasks: Iterable[Task], rows: int, diverse: int = 1) -> Iterator[Pack]:
    """Tasks in packs, in order. ``rows``: pictures that may share a forward pass; ``diverse``: pictures of a group."""

    def family(task: Task) -> tuple[int, Kind]:
        return task.line, "positive" if task.kind == "negative" else task.kind

    for (line, kind), some in groupby(tasks, key=family):
        size = MANY.get(kind, max(1, rows // diverse) if kind == "diverse" else rows)
        held: list[Task] = []
        for task in some:
            held.append(task)
            if len(held) == size:
                yield Pack(line, kind, tuple(held))
                held = []
        if held:
            yield Pack(line, kind, tuple(held))
