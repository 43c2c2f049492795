"""Where networks come from. A source says which addresses are its own and builds them; nothing else knows it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import BadSpec, MissingDependency, ModelError, UnknownModel, closest
from ...registry import Registry
from ...spec import ModelSpec
from ..network import Network, Preprocessing
from .labels import read_labels
from .weights import SUFFIXES, put_weights, read_weights

sources: Registry[Source] = Registry("source")

SIDES = (224, 64, 32, 28, 128, 256, 299, 384)  # tried for a network whose input size nobody told

ODD = 37  # added to see whether a network takes any size: multiples of its patches are not enough


@dataclass(frozen=True)
class Loaded:
    """A built module and what its source says about it, None where it does not know; ``network_of`` checks it."""

    module: nn.Module
    size: Any = None
    mean: Any = None
    std: Any = None
    labels: Any = None
    output: str | int | None = None
    fixed: bool | None = None


class Source(ABC):
    """One kind of address."""

    form: str  # how its addresses look
    about: str  # one line for ``phosphene models``
    package: str | None = None  # what must be installed
    bare: bool = False  # whether its names may stand alone

    @abstractmethod
    def claims(self, address: str) -> bool: ...

    @abstractmethod
    def build(self, spec: ModelSpec) -> Loaded: ...

    def names(self) -> list[str]:
        """Addresses that can be listed; empty when there are too many or the package is missing."""
        return []


def network_of(loaded: Loaded, spec: ModelSpec) -> Network:
    """A network from what its source knows; what the user said wins; what neither knows is measured."""
    given = spec.input_size if spec.input_size is not None else loaded.size
    size = _measure_size(loaded.module, spec.address) if given is None else _checked_size(given)
    mean = _numbers("mean", spec.mean if spec.mean is not None else loaded.mean, size[0])
    std = _numbers("std", spec.std if spec.std is not None else loaded.std, size[0])
    if (mean is None) != (std is None):
        raise BadSpec("mean and std belong together; give both")
    if std is not None and not all(value > 0 for value in std):
        raise BadSpec(f"std must be above 0, not {std}")
    larger = (size[0], size[1] + ODD, size[2] + ODD)
    fixed = loaded.fixed if loaded.fixed is not None else _failure(loaded.module, larger, spec.address) is not None
    output = spec.output if spec.output is not None else loaded.output
    preprocessing = Preprocessing(size, mean, std, fixed)
    return Network(loaded.module, preprocessing, spec=spec, labels=_names(loaded.labels), output=output)


def _checked_size(size: Any) -> tuple[int, int, int]:
    if not isinstance(size, tuple | list) or len(size) != 3 or not all(isinstance(n, int) and n > 0 for n in size):
        raise BadSpec(f"the input size is channels, height, width, such as (3, 224, 224), not {size!r}")
    return size[0], size[1], size[2]


def _numbers(name: str, values: Any, channels: int) -> tuple[float, ...] | None:
    """A mean or std: one finite number, or one per channel."""
    if values is None:
        return None
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise BadSpec(f"{name} is one number per channel, such as (0.5, 0.5, 0.5), not {values!r}") from None
    if len(numbers) not in (1, channels):
        raise BadSpec(f"{name} has {len(numbers)} values for {channels} channels")
    if not all(math.isfinite(number) for number in numbers):
        raise BadSpec(f"{name} must be finite, not {numbers}")
    return numbers


def _names(labels: Any) -> Sequence[str] | None:
    if labels is not None and (
        not isinstance(labels, tuple | list) or not all(isinstance(name, str) for name in labels)
    ):
        raise BadSpec(f"labels are a list of names in the order of the outputs, not {type(labels).__name__}")
    return labels


def _failure(module: nn.Module, size: tuple[int, int, int], address: str) -> ModelError | None:
    """Why the module does not run on a picture of this size, or None if it does."""
    probe = Network(module, Preprocessing(size), spec=ModelSpec(address))
    try:
        with probe.frozen(), torch.no_grad():
            probe.run(torch.full((1, *size), 0.5, device=probe.device))
    except ModelError as error:
        return error
    return None


def _measure_size(module: nn.Module, address: str) -> tuple[int, int, int]:
    """The first common input size that the module accepts."""
    first = [m.in_channels for m in module.modules() if isinstance(m, nn.Conv2d)][:1]
    sizes = [(channels, side, side) for channels in dict.fromkeys([*first, 3, 1]) for side in SIDES]
    failures = []
    for size in sizes:
        failure = _failure(module, size, address)
        if failure is None:
            return size
        failures.append(failure)
    raise ModelError(
        f"{failures[0]}; so on all common sizes, 28 to 384 pixels\n"
        "say what it takes: --input-size C,H,W or input_size=(c, h, w)"
    ) from failures[0]


def is_address(text: str) -> bool:
    """Whether a network could be loaded from the text, here or in another process."""
    return any(source.claims(text) for _, source in sources.items())


def load(spec: ModelSpec, device: str | None = None) -> Network:
    """The network at an address. Raises UnknownModel, MissingDependency, WeightsError, DownloadFailed, ModelError."""
    source = next((source for _, source in sources.items() if source.claims(spec.address)), None)
    if source is None:
        raise UnknownModel(_unknown(spec.address))
    where = usable(device) if device is not None else None
    weights = None if spec.weights is None else read_weights(Path(spec.weights))
    # weights of one's own take the place of the published ones, so those need not be fetched
    loaded = source.build(spec if weights is None else replace(spec, untrained=True))
    if weights is not None:
        put_weights(loaded.module, weights, str(spec.weights))
    if spec.labels is not None:
        loaded = relabelled(loaded, spec.labels)
    if where is not None:
        loaded.module.to(where)
    return network_of(loaded, spec)


def _unknown(address: str) -> str:
    """The message for an address that no source claims."""
    if Path(address).suffix in SUFFIXES:
        return f"{address} holds weights, no network; give both: path/to/file.py:factory with --weights {address}"
    known = [name for _, candidate in sources.items() for name in candidate.names()]
    absent = [c.package for _, c in sources.items() if c.bare and c.package and find_spec(c.package) is None]
    more = f" ({absent[0]}'s names are not among them: pip install {absent[0]})" if absent else ""
    return f"no model {address!r}; {closest(address, known)}{more}\nlist what can be loaded: phosphene models"


def relabelled(loaded: Loaded, labels: str) -> Loaded:
    return replace(loaded, labels=read_labels(labels))


def usable(device: str) -> torch.device:
    """A device that is there; BadSpec says which are."""
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise BadSpec(f"no device {device!r}; use cpu, cuda, cuda:1 or mps") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(wanted.type, False):
        raise BadSpec(f"the device {device} is not there; found: {', '.join(k for k, v in there.items() if v)}")
    return wanted


def missing(package: str, address: str) -> MissingDependency:
    return MissingDependency(f"{address} needs the package {package}; install it: pip install {package}")
