"""Recipes: what a sweep makes of every unit, as a small TOML file. No torch."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, final

from ..errors import BadSpec, UnknownOption, closest
from ..files import why
from ..store.kinds import KINDS, Kind

OF_DATA = ("facets", "examples")  # what needs real pictures


@final
@dataclass(frozen=True)
class Recipe:
    """What is made of each unit, and how.

    ``positive``, ``negative``: a picture that fires it, one that silences it. ``diverse``: so many that differ, with
    ``strength`` of what a likeness costs. ``facets``: a picture for each kind of real pictures that fire it; true, or
    how many. ``examples``: the real pictures themselves. The last two need a dataset: facets insist on it, examples
    wait for one. The rest is what ``render`` takes; None is the preset's. ``frames``: steps that are kept on the way.
    """

    name: str
    about: str = ""
    positive: bool = True
    negative: bool = False
    diverse: int = 0
    strength: float = 1.0
    facets: bool | int = False
    examples: bool = True
    preset: str = "standard"
    steps: int | None = None
    size: int | tuple[int, int] | None = None
    image: str | None = None
    transform: str | None = None
    views: int | None = None
    gradient: tuple[str, ...] | None = None
    filters: tuple[str, ...] | None = None
    keep: str | None = None
    arithmetic: str | None = None
    seed: int = 0
    redirect: int = 16
    robust: int = 16
    frames: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, wanted, good in _CHECKS:
            value = getattr(self, name)
            if not (value is None and name in _OPTIONAL) and not good(value):
                raise BadSpec(f"{name} of the recipe {self.name} is {wanted}, not {value!r}")
        object.__setattr__(self, "strength", float(self.strength))  # 2 and 2.0 are one recipe
        if not any(getattr(self, kind) for kind in KINDS):
            raise BadSpec(f"the recipe {self.name} makes nothing; set one of {', '.join(KINDS)}")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is made of each unit, in order."""
        return tuple(kind for kind in KINDS if getattr(self, kind))

    def without_data(self) -> Recipe:
        """The recipe where no dataset is at hand; BadSpec if it insists on one."""
        if self.facets:
            raise BadSpec(
                f"the recipe {self.name} makes facets, which are kinds of real pictures; "
                "name some with --data, or take another recipe: phosphene recipes"
            )
        if self.kinds == ("examples",):
            raise BadSpec(f"the recipe {self.name} shows real pictures alone; name some with --data")
        return replace(self, examples=False)

    def to_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @property
    def render(self) -> dict[str, Any]:
        """What ``render_batch`` takes of it."""
        names = ("preset", "steps", "size", "image", "transform", "views", "gradient", "filters", "keep", "arithmetic",
                 "seed", "redirect", "robust")  # fmt: skip
        return {name: getattr(self, name) for name in names}


def _whole(least: int) -> Any:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def _size(value: Any) -> bool:
    sides = value if isinstance(value, tuple) else (value, value)
    return len(sides) == 2 and all(map(_whole(1), sides))


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


_OPTIONAL = ("steps", "size", "image", "transform", "views", "gradient", "filters", "keep", "arithmetic")
_CHECKS: tuple[tuple[str, str, Any], ...] = (
    ("name", "a text", _text),
    ("about", "a text", _text),
    ("positive", "true or false", _truth),
    ("negative", "true or false", _truth),
    ("diverse", "how many pictures, 2 or more (0 for none)", lambda v: _whole(0)(v) and v != 1),
    ("strength", "a number from 0 up", _amount),
    ("facets", "true, false, or how many", lambda v: _truth(v) or (_whole(1)(v) and v <= 20)),
    ("examples", "true or false", _truth),
    ("preset", "a name", _text),
    ("steps", "a whole number from 1 up", _whole(1)),
    ("size", "pixels, one number or two", _size),
    ("image", "a text such as fourier", _text),
    ("transform", "a text such as lucid", _text),
    ("views", "a whole number from 1 up", _whole(1)),
    ("gradient", "a list of texts", _texts),
    ("filters", "a list of texts", _texts),
    ("keep", "last or best", lambda v: v in ("last", "best")),
    ("arithmetic", "exact, fp32 or bf16", lambda v: v in ("exact", "fp32", "bf16")),
    ("seed", "a whole number from 0 up", _whole(0)),
    ("redirect", "a whole number from 0 up", _whole(0)),
    ("robust", "a whole number from 1 up", _whole(1)),
    ("frames", "a list of steps", lambda v: isinstance(v, tuple) and all(map(_whole(0), v))),
)
TABLES = {  # where each field stands in a file
    "make": ("positive", "negative", "diverse", "strength", "facets", "examples"),
    "picture": ("preset", "steps", "size", "image", "transform", "views", "gradient", "filters", "keep", "arithmetic",
                "seed", "redirect", "robust", "frames"),
}  # fmt: skip


def recipe_from(data: Mapping[str, Any], name: str) -> Recipe:
    """A recipe from its tables; BadSpec and UnknownOption name what is wrong."""
    said: dict[str, Any] = {}
    for key, value in data.items():
        if key == "about":
            said[key] = value
        elif key not in TABLES:
            place = next((table for table, names in TABLES.items() if key in names), None)
            hint = f"it goes under [{place}]" if place else closest(key, ["about", *TABLES])
            raise UnknownOption(f"the recipe {name} has {key!r}, which no recipe has there; {hint}")
        elif not isinstance(value, Mapping):
            raise BadSpec(f"{key} of the recipe {name} is a table: [{key}]")
        else:
            said.update(_table(name, key, value))
    return Recipe(name, **said)


def _table(name: str, table: str, data: Mapping[str, Any]) -> dict[str, Any]:
    for key in data:
        if key not in TABLES[table]:
            raise UnknownOption(f"[{table}] of the recipe {name} has no {key!r}; {closest(key, TABLES[table])}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def shipped() -> list[Recipe]:
    """The recipes that come with phosphene, the default first."""
    files = resources.files(__package__).joinpath("recipes").iterdir()
    found = [_parsed(file.read_text(encoding="utf-8"), file.name.removesuffix(".toml")) for file in files
             if file.name.endswith(".toml")]  # fmt: skip
    return sorted(found, key=lambda one: (one.name != "default", one.name))


def recipe(name: str | Path | Recipe) -> Recipe:
    """A recipe by its name, or from a file. Raises BadSpec, UnknownOption."""
    if isinstance(name, Recipe):
        return name
    known = {one.name: one for one in shipped()}
    if str(name) in known:
        return known[str(name)]
    path = Path(name)
    if path.suffix != ".toml":
        raise UnknownOption(f"no recipe {str(name)!r}; {closest(str(name), known)}, or a file that ends in .toml")
    try:
        return _parsed(path.read_text(encoding="utf-8"), path.stem)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpec(f"cannot read the recipe {path}: {why(error)}") from error


def _parsed(text: str, name: str) -> Recipe:
    try:
        return recipe_from(tomllib.loads(text), name)
    except tomllib.TOMLDecodeError as error:
        raise BadSpec(f"the recipe {name} is no TOML: {why(error)}") from error


def text_of(one: Recipe) -> str:
    """A recipe as its file: everything that it says, to be changed."""
    lines = [f"about = {_toml(one.about)}"] if one.about else []
    for table, names in TABLES.items():
        values = [(name, getattr(one, name)) for name in names]
        said = [(name, value) for name, value in values if value is not None and (name, value) != ("frames", ())]
        lines += ["", f"[{table}]", *(f"{name} = {_toml(value)}" for name, value in said)]
    return "\n".join(lines).strip() + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # what else TOML wants, JSON does too
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, tuple) else str(value)


FIELDS = tuple(field.name for field in fields(Recipe))
