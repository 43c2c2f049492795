"""Where networks come from. A source says which addresses are its own and builds them; nothing else knows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from ...errors import BadSpec, MissingDependency, ModelError, UnknownModel, closest
from ...registry import Registry
from ...spec import ModelSpec
from ..network import Network, Preprocessing, first_line

sources: Registry[Source] = Registry("source")

SIDES = (224, 64, 32, 28, 128, 256, 299, 384)  # tried for a network whose input size nobody told


@dataclass(frozen=True)
class Loaded:
    """A built module and what its source knows about it; None where it does not know."""

    module: nn.Module
    size: tuple[int, int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: Sequence[str] | None = None
    output: str | int | None = None
    fixed: bool | None = None


class Source(ABC):
    """One kind of address."""

    form: str  # how its addresses look
    about: str  # one line for ``phosphene models``

    @abstractmethod
    def claims(self, address: str) -> bool: ...

    @abstractmethod
    def build(self, spec: ModelSpec) -> Loaded: ...

    def names(self) -> list[str]:
        """Addresses that can be listed; empty when there are too many or the package is missing."""
        return []


def network_of(loaded: Loaded, spec: ModelSpec) -> Network:
    """A network from what its source knows; what the user said wins; what neither knows is measured."""
    size = spec.input_size or loaded.size or _measure_size(loaded.module, spec.address)
    mean = spec.mean if spec.mean is not None else loaded.mean
    std = spec.std if spec.std is not None else loaded.std
    if (mean is None) != (std is None):
        raise BadSpec("mean and std belong together; give both")
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) not in (1, size[0]):
            raise BadSpec(f"{name} has {len(values)} values for {size[0]} channels")
    if std is not None and not all(value > 0 for value in std):
        raise BadSpec(f"std must be above 0, not {std}")
    fixed = loaded.fixed if loaded.fixed is not None else not _takes(loaded.module, size, grow=32)
    output = spec.output if spec.output is not None else loaded.output
    preprocessing = Preprocessing(size, mean, std, fixed)
    return Network(loaded.module, preprocessing, spec=spec, labels=loaded.labels, output=output)


def _takes(module: nn.Module, size: tuple[int, int, int], grow: int = 0) -> bool:
    """Whether the module runs on a picture of this size (made larger by ``grow``)."""
    probe = Network(module, Preprocessing(size), spec=ModelSpec("probe"))
    picture = torch.full((1, size[0], size[1] + grow, size[2] + grow), 0.5, device=probe.device)
    try:
        with probe.frozen(), torch.no_grad():
            probe.run(picture)
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError, AttributeError):
        return False
    return True


def _measure_size(module: nn.Module, address: str) -> tuple[int, int, int]:
    """The first common input size that the module accepts."""
    first = next((m for m in module.modules() if isinstance(m, nn.Conv2d)), None)
    channels = first.in_channels if first is not None else 3
    for side in SIDES:
        if _takes(module, (channels, side, side)):
            return channels, side, side
    probe = Network(module, Preprocessing((channels, 224, 224)), spec=ModelSpec("probe"))
    try:
        with probe.frozen(), torch.no_grad():
            probe.run(torch.full((1, channels, 224, 224), 0.5, device=probe.device))
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError, AttributeError) as error:
        raise ModelError(
            f"{address} fails on float pictures of every common size ({channels} channels, 28 to 384 pixels): "
            f"{first_line(error)}\nsay what it takes: --input-size C,H,W or input_size=(c, h, w)"
        ) from error
    return channels, 224, 224


def load(spec: ModelSpec, device: str | None = None) -> Network:
    """The network at an address. Raises UnknownModel, MissingDependency, WeightsError, DownloadFailed, ModelError."""
    source = next((source for _, source in sources.items() if source.claims(spec.address)), None)
    if source is None:
        known = [name for _, candidate in sources.items() for name in candidate.names()]
        raise UnknownModel(
            f"no model {spec.address!r}; {closest(spec.address, known)}\nlist what can be loaded: phosphene models"
        )
    loaded = source.build(spec)
    if spec.labels is not None:
        loaded = _relabelled(loaded, spec.labels)
    if device is not None:
        loaded.module.to(usable(device))
    return network_of(loaded, spec)


def _relabelled(loaded: Loaded, labels: str) -> Loaded:
    from .labels import read_labels

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
