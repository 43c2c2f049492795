"""How far a plan is: what of it is in the store, and what could not be made. No torch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

from ..store.ledger import Ledger
from .plan import Line, Plan, Task


@final
@dataclass(frozen=True)
class State:
    """A layer of a plan: its tasks, those that are made, those that were given up."""

    line: Line
    tasks: int
    made: int
    failed: int

    @property
    def left(self) -> int:
        return self.tasks - self.made - self.failed


@final
class Known:
    """What the store has of a plan. One layer's ids are in memory at a time: tasks come layer by layer."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan, self.ledger = plan, ledger
        self._of_line = lru_cache(maxsize=1)(self._looked_up)

    def _looked_up(self, line: int) -> tuple[set[str], set[str]]:
        layer = self.plan.lines[line].layer
        there = self.ledger.ids(self.plan.fingerprint, layer)
        return there, set(self.ledger.failed(self.plan.fingerprint, layer))

    def state(self, task: Task) -> str:
        """``made``, ``failed`` or ``left``; what is made did not fail, whatever was put down before."""
        there, failed = self._of_line(task.line)
        if all(name in there for name in task.ids):
            return "made"
        return "failed" if task.id in failed else "left"

    def left(self, shard: tuple[int, int] = (1, 1)) -> Iterator[Task]:
        """The tasks that are to do."""
        return (task for task in self.plan.tasks(shard) if self.state(task) == "left")

    def again(self, ids: Collection[str]) -> Iterator[Task]:
        """The tasks with these ids that are not made."""
        return (task for task in self.plan.tasks() if task.id in ids and self.state(task) != "made")

    def failures(self) -> list[dict[str, Any]]:
        """What of the plan was given up and is not made since, as it was put down."""
        return [one for place in range(len(self.plan.lines)) for one in self._failures(place)]

    def _failures(self, place: int) -> list[dict[str, Any]]:
        line = self.plan.lines[place]
        found = []
        for one in self.ledger.failures(self.plan.fingerprint, line.layer):
            if one["kind"] not in self.plan.recipe.kinds or not any(a <= one["channel"] < b for a, b in line.units):
                continue
            task = self.plan.task(place, one["kind"], one["channel"])
            if task.id == one["id"] and self.state(task) == "failed":
                found.append(one)
        return found

    def states(self, shard: tuple[int, int] = (1, 1)) -> list[State]:
        """Layer by layer."""
        counts = [{"made": 0, "failed": 0, "left": 0} for _ in self.plan.lines]
        for task in self.plan.tasks(shard):
            counts[task.line][self.state(task)] += 1
        return [
            State(line, sum(count.values()), count["made"], count["failed"])
            for line, count in zip(self.plan.lines, counts, strict=True)
        ]
