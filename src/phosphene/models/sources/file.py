"""A network that a user brings: ``path/to/file.py:factory``, and a live ``nn.Module``.

Running the file is running its author's code, as ``python file.py`` is; phosphene does it only when the address is
named. The factory returns a module, or a module and a dict with any of ``labels``, ``mean``, ``std``, ``input_size``
and ``output``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from torch import nn

from ...errors import BadSpec, ModelError, UnknownModel, closest
from ...registry import freeze
from ...spec import ModelSpec
from ..network import Network, first_line
from .base import Loaded, Source, network_of, relabelled, sources

_META = ("labels", "mean", "std", "input_size", "output")


class PythonFile(Source):
    """A Python file with a factory."""

    form = "path/to/file.py:factory"
    about = "your own: a Python file with a function that returns the module; --weights FILE for its weights"

    def claims(self, address: str) -> bool:
        return ".py:" in address or address.endswith(".py")

    def build(self, spec: ModelSpec) -> Loaded:
        if spec.untrained and spec.weights is None:
            raise BadSpec(f"{spec.address} decides about its own weights; leave out --untrained")
        path, factory = _factory(spec.address)
        made = _called(path, factory)
        module, meta = made if isinstance(made, tuple) and len(made) == 2 else (made, {})
        if not isinstance(module, nn.Module) or not isinstance(meta, dict):
            raise ModelError(
                f"{factory.__name__}() in {path} returned {type(made).__name__}; it must return an nn.Module, or an "
                f"nn.Module and a dict with any of {', '.join(_META)}"
            )
        unknown = [key for key in meta if key not in _META]
        if unknown:
            raise ModelError(
                f"{factory.__name__}() in {path} returned meta {unknown[0]!r}; {closest(unknown[0], _META)}"
            )
        return Loaded(module, freeze(meta.get("input_size")), meta.get("mean"), meta.get("std"), meta.get("labels"),
                      meta.get("output"))  # fmt: skip


def from_factory(address: str) -> Any:
    """What the factory of ``path/to/file.py:factory`` returns."""
    return _called(*_factory(address))


def _called(path: Path, factory: Any) -> Any:
    try:
        return factory()
    except (Exception, SystemExit) as error:  # the user's own code may raise anything; it is named and shown
        raise ModelError(
            f"{factory.__name__}() in {path} raised {type(error).__name__}: {first_line(error)}"
        ) from error


def _factory(address: str) -> tuple[Path, Any]:
    where, _, name = address.rpartition(":") if ".py:" in address else (address, "", "")
    path = Path(where)
    if not path.is_file():
        raise UnknownModel(f"no file {path}; a model of your own is path/to/file.py:factory")
    label = f"phosphene_user_{path.stem}"
    found = importlib.util.spec_from_file_location(label, path)
    if found is None or found.loader is None:
        raise UnknownModel(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[label] = module
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's own code may raise anything; it is named and shown
        del sys.modules[label]
        raise ModelError(f"{path} cannot be run: {type(error).__name__}: {first_line(error)}") from error
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == label]
    functions = [key for key in own if callable(getattr(module, key)) and not key.startswith("_")]
    if not name or not callable(getattr(module, name, None)):
        asked = f"no function {name!r} in {path}" if name else f"{path} needs the name of a function: {path}:FACTORY"
        raise UnknownModel(f"{asked}; {closest(name or 'build', functions)}")
    return path, getattr(module, name)


sources.register("file")(PythonFile())


def wrap(module: nn.Module, spec: ModelSpec, labels: list[str] | None) -> Network:
    """A live module as a network; the module itself stays as it is."""
    loaded = Loaded(module, labels=labels)
    return network_of(loaded if spec.labels is None else relabelled(loaded, spec.labels), spec)
