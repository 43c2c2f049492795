"""JSON as what a type says: what strangers have written is of the right kinds, or refused. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def typed(hint: Any, value: Any) -> Any:
    """JSON as what a type says, dataclasses in it too; the inverse of ``asdict``. Raises TypeError, ValueError."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if value is None else typed(next(one for one in inner if one is not type(None)), value)
    if is_dataclass(hint):
        made: Any = hint
        hints = _hints(made)
        return made(**{key: typed(hints[key], one) for key, one in value.items()})
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{value!r} is no list")
        each = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return tuple(typed(one, part) for one, part in zip(each, value, strict=True))
    if origin is Literal:
        if value not in inner:
            raise ValueError(f"{value!r} is none of {inner}")
        return value
    wanted: Any = (int, float) if hint is float else Mapping if origin is not None else object if hint is Any else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint in (int, float)):
        raise TypeError(f"{value!r} is no {hint}")
    return value
