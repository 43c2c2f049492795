"""Networks that are loaded: which one is meant. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..errors import UnknownName

T = TypeVar("T")


def meant(networks: Mapping[str, T], beginning: str) -> str:
    """The fingerprint that begins so, where there is one alone; UnknownName otherwise."""
    found = [one for one in networks if one.startswith(beginning)] if beginning else []
    if len(found) == 1:
        return found[0]
    there = ", ".join(one[:12] for one in networks) or "none"
    if found:
        raise UnknownName(f"{len(found)} loaded networks begin with {beginning[:40]!r}; there are {there}")
    raise UnknownName(f"no network {beginning[:40]!r} is loaded; there are {there}")
