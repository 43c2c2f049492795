"""Which of the things that a module returned are the logits."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import Tensor

from ..errors import ModelError


def select(output: Any, wanted: str | int | None, network: str) -> Tensor:
    """The logits in what a module returned; ModelError names the outputs when they cannot be told apart."""
    if isinstance(output, Tensor):
        if wanted in (None, 0, "0", "logits"):
            return output
        raise ModelError(f"{network} has no output {wanted!r}; it returns one tensor, leave the name out")
    parts = _parts(output)
    tensors = {name: value for name, value in parts.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{network} returns {type(output).__name__}, no tensor; aim at a layer instead of a class")
    if wanted is not None:
        name = list(parts)[wanted] if isinstance(wanted, int) and 0 <= wanted < len(parts) else str(wanted)
        if name not in tensors:
            raise ModelError(f"{network} has no output {wanted!r}; it returns: {', '.join(tensors)}")
        return tensors[name]
    if "logits" in tensors or len(tensors) == 1:
        return tensors.get("logits", next(iter(tensors.values())))
    raise ModelError(f"{network} returns several outputs: {', '.join(tensors)}; "
                     "name the one with the logits (--output NAME, or output=NAME in Python)")  # fmt: skip


def _parts(output: Any) -> dict[str, Any]:
    """What a module returned, by name; by number where there are no names."""
    if isinstance(output, dict):
        return {str(key): value for key, value in output.items()}
    if isinstance(output, tuple | list):
        names = getattr(output, "_fields", map(str, range(len(output))))
        return dict(zip(names, output, strict=True))
    if dataclasses.is_dataclass(output):
        return {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    return {}
