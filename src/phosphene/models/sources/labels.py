"""Class names from a file: one a line, or a JSON list, or JSON objects with a name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...errors import BadSpec, MissingDependency
from ...files import why


def read_labels(where: str) -> list[str]:
    """``imagenet`` (needs torchvision) or a ``.txt`` or ``.json`` file -> names in the order of the outputs."""
    if where == "imagenet":
        try:
            from torchvision.models import ResNet18_Weights
        except ImportError as error:
            raise MissingDependency("--labels imagenet needs torchvision; or give a file with a name a line") from error
        return list(ResNet18_Weights.DEFAULT.meta["categories"])
    path = Path(where)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpec(f"cannot read the labels in {path}: {why(error)}") from error
    if path.suffix != ".json":
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        entries = json.loads(text)
        if not isinstance(entries, list):
            raise TypeError
        return [_name(entry) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise BadSpec(f"{path} is not a JSON list of names or of objects with a name") from error


def _name(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(entry["name"])
