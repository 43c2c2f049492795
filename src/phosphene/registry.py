"""Named kinds: a class registers itself once and so has its name in files, on the command line, in the reference."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from .errors import BadSpec, UnknownOption, closest

T = TypeVar("T")
C = TypeVar("C")


class Registry(Generic[T]):
    """Names for one kind of thing, in order of registration.

    >>> colours = Registry[type]("colour")
    >>> @colours.register("red")
    ... class Red: ...
    >>> colours.get("red").__name__, colours.names()
    ('Red', ['red'])
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[C], C]:
        def enter(entry: C) -> C:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry  # type: ignore[assignment]
            return entry

        return enter

    def get(self, name: str) -> T:
        if name not in self._entries:
            raise UnknownOption(f"no {self.kind} {name!r}; {closest(name, self._entries)}")
        return self._entries[name]

    def names(self) -> list[str]:
        return list(self._entries)

    def items(self) -> Iterator[tuple[str, T]]:
        yield from self._entries.items()

    def name_of(self, entry: object) -> str:
        """The name under which a class is registered."""
        for name, known in self._entries.items():
            if known is entry:
                return name
        raise UnknownOption(f"{entry!r} is not a registered {self.kind}; there are: {', '.join(self._entries)}")

    def fields(self, name: str) -> dict[str, Any]:
        """The options of a registered dataclass with their defaults (``dataclasses.MISSING`` where there is none)."""
        return {field.name: field.default for field in dataclasses.fields(self.get(name))}  # type: ignore[arg-type]

    def describe(self, part: Any) -> dict[str, Any]:
        """A registered frozen dataclass as plain data, every default expanded."""
        return {"name": self.name_of(type(part)), **dataclasses.asdict(part)}

    def read(self, text: str) -> Any:
        """A part from text: ``name``, or ``name[key=value,...]``; the first value may stand without its key.

        Values are numbers, words, ``true`` and ``false``, several with slashes between them, and ``HxW`` for sizes.
        """
        found = re.fullmatch(r"\s*([\w.-]+)\s*(?:\[(.*)\])?\s*", text, re.DOTALL)
        if not found:
            raise BadSpec(f"cannot read the {self.kind} {text!r}; write NAME or NAME[KEY=VALUE,...]")
        name, options = found[1], {}
        known = list(self.fields(name))
        for index, piece in enumerate(filter(None, (found[2] or "").split(","))):
            key, equals, value = piece.partition("=")
            if not equals and (index or not known):
                raise BadSpec(f"cannot read {piece!r} of the {self.kind} {text!r}; write KEY=VALUE")
            key, value = (key.strip(), value) if equals else (self.leading(name), key)
            options[key] = value_of(value.strip())
        return self.make({"name": name, **options})

    def leading(self, name: str) -> str:
        """The option that may be given without its key: the class's ``leading``, or its first field."""
        first: str = getattr(self.get(name), "leading", None) or next(iter(self.fields(name)))
        return first

    def make(self, data: Mapping[str, Any]) -> Any:
        """The inverse of ``describe``; unknown fields are errors."""
        options = {key: value for key, value in data.items() if key != "name"}
        factory: Any = self.get(str(data["name"]))
        known = [field.name for field in dataclasses.fields(factory)]
        for key in options:
            if key not in known:
                raise UnknownOption(f"{self.kind} {data['name']!r} has no option {key!r}; {closest(key, known)}")
        hints = typing.get_type_hints(factory)
        for key, value in options.items():
            if not fits(freeze(value), hints.get(key, Any)):
                raise BadSpec(f"{key} of the {self.kind} {data['name']!r} cannot be {value!r}; {wanted(hints[key])}")
        try:
            return factory(**{key: freeze(value) for key, value in options.items()})
        except TypeError as error:
            raise BadSpec(f"{self.kind} {data['name']!r} cannot be made of {options}: {error}") from error


def value_of(text: str) -> Any:
    """An option's value from its text.

    >>> [value_of(text) for text in ("3", ".5", "true", "96x128", ".9/1/1.1", "photos")]
    [3, 0.5, True, (96, 128), (0.9, 1, 1.1), 'photos']
    """
    if text in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text]
    if re.fullmatch(r"\d+x\d+", text):
        return tuple(int(side) for side in text.split("x"))
    if re.fullmatch(r"[-+.\deE]+(?:/[-+.\deE]+)+", text):
        return tuple(value_of(piece) for piece in text.split("/"))
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def fits(value: Any, hint: Any) -> bool:
    """Whether a value can be what a field's type says; types other than numbers, words and tuples are let be."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return len(each) == len(value) and all(map(fits, value, each))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (bool, str, type(None)) else True


def wanted(hint: Any) -> str:
    """What a field's type says, for people."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(wanted(one) for one in inner if one is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        return f"one of {', '.join(map(str, inner))}"
    if typing.get_origin(hint) is tuple:
        return "numbers with slashes between them" if inner[1:] == (...,) else f"{len(inner)} numbers, such as 96x128"
    return {float: "a number", int: "a whole number", bool: "true or false", str: "a word"}.get(hint, "see its options")


def freeze(value: Any) -> Any:
    """JSON's lists as tuples, so that frozen data stays hashable."""
    return tuple(freeze(item) for item in value) if isinstance(value, list | tuple) else value
