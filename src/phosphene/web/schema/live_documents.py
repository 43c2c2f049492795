"""What is asked of a live microscope, and what it says of its work, as plain data. No torch.

``frontend/src/types.ts`` says the same in TypeScript.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .documents import Picture

JobState = Literal["waiting", "running", "paused", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Start:
    """Where a picture branches off: the frame of another job after ``step`` steps."""

    job: str
    step: int


@dataclass(frozen=True)
class Ask:
    """What one may ask for. ``kind``: ``picture`` makes a target live; ``interpolate`` goes from ``target`` to ``to``
    in ``count`` aligned pictures; ``units`` makes units of ``layer`` (``0:24,31``; all without) by a ``recipe`` into
    the store."""

    network: str
    kind: Literal["picture", "interpolate", "units"] = "picture"
    target: str = ""
    to: str | None = None
    count: int = 5
    preset: str = "fast"
    image: str | None = None
    size: int | None = None
    steps: int | None = None
    seed: int = 0
    start: Start | None = None
    layer: str | None = None
    units: str | None = None
    recipe: str = "draft"


@dataclass(frozen=True)
class JobDoc:
    """A piece of work. ``position``: how many are before it while it waits. ``eta``: seconds until it is done, as far
    as one can tell. ``catching``: it was interrupted and goes through its first steps again. ``frames``: steps of which
    a picture is kept, ``count`` of ``width`` x ``height`` side by side in each. ``curve``: step, score. ``version``
    rises with each change."""

    id: str
    version: int
    created: str
    title: str
    model: str
    ask: Ask
    state: JobState
    step: int
    steps: int
    count: int = 1
    width: int = 0
    height: int = 0
    position: int | None = None
    eta: float | None = None
    catching: bool = False
    score: float | None = None
    curve: tuple[tuple[int, float | None], ...] = ()
    frames: tuple[int, ...] = ()
    error: str | None = None
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Completion:
    """A way to go on with a target's text."""

    text: str
    about: str


@dataclass(frozen=True)
class TargetDoc:
    """A target as it was understood; ``error``: why it was not, in one line."""

    text: str
    target: str | None
    error: str | None


@dataclass(frozen=True)
class Choice:
    """Something that can be chosen by name. ``group``: with which others, where there are many."""

    name: str
    about: str
    group: str | None = None


@dataclass(frozen=True)
class ChoicesDoc:
    """What a job can be asked with. ``size``, ``steps``: the defaults, and the most that is allowed."""

    presets: tuple[Choice, ...]
    images: tuple[Choice, ...]
    recipes: tuple[Choice, ...]
    methods: tuple[Choice, ...]
    most_size: int
    most_steps: int


@dataclass(frozen=True)
class Problem:
    """An error. ``error``: one line: what was asked, what was seen, what to do."""

    error: str
