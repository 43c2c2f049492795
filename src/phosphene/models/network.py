"""A network as phosphene sees it: pictures in [0, 1] in, activations out; eval, frozen, and given back untouched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import ModelError, PhospheneError, UnitOutOfRange, UnknownClass, UnknownLayer, closest
from ..shapes import Images
from ..spec import ModelSpec
from .layers import Layer, walk
from .outputs import select
from .state import digest, state_of, tensors

if TYPE_CHECKING:
    from .support import Box


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a picture in [0, 1] before the module sees it: ``(x - mean) / std`` per channel.

    ``size``: channels, height, width that the network was made for; ``fixed``: it takes no other height and width.
    """

    size: tuple[int, int, int]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    fixed: bool = False

    def __str__(self) -> str:
        if self.mean is None or self.std is None:
            scaling = "values in [0, 1] go in as they are"
        else:
            low = ", ".join(f"{value:g}" for value in self.mean)
            high = ", ".join(f"{value:g}" for value in self.std)
            scaling = f"(x - [{low}]) / [{high}] from [0, 1]"
        channels, height, width = self.size
        return f"{channels} x {height} x {width} ({'this size only' if self.fixed else 'any size'}); {scaling}"


class Network:
    """A module with its preprocessing, labels and layers.

    ``network(pictures)`` gives logits ``(b, classes)``. The module changes only inside ``with network.frozen()``, and
    there mode, ``requires_grad`` and buffers are lent and given back.
    """

    def __init__(
        self,
        module: nn.Module,
        preprocessing: Preprocessing,
        *,
        spec: ModelSpec,
        labels: Sequence[str] | None = None,
        output: str | int | None = None,
    ) -> None:
        self.module = module
        self.preprocessing = preprocessing
        self.spec = spec
        self.labels = tuple(labels) if labels is not None else None
        self.output = output
        self._fingerprint: tuple[Any, str] | None = None
        self._walked: dict[tuple[int, int], dict[str, tuple[Layer, ...]]] = {}
        self.taken: dict[Any, float] = {}  # memory that a picture takes up to some layers, as far as it was measured
        self.fields: dict[Any, Any] = {}  # what units see of a picture, as far as it was measured, with the state
        self.programs: Any = None  # fast paths that were made, with the state they were made from
        if isinstance(module, torch.jit.ScriptModule):
            raise ModelError(f"{self.name} is TorchScript, which cannot be looked into; "
                             "load the Python module that it was made from")  # fmt: skip
        if any(is_lazy(t) for t in tensors(self.module)):
            raise ModelError(
                f"{self.name} has lazy layers without weights yet; run it once on a picture before loading"
            )
        if any(t.is_inference() for t in tensors(self.module)):
            raise ModelError(f"{self.name}: the weights were made inside torch.inference_mode(); make them outside")

    @property
    def name(self) -> str:
        return self.spec.address

    @property
    def state(self) -> tuple[Any, ...]:
        """Changes when a module, a plain setting of one, or the content of a weight or buffer does."""
        return state_of(self.module)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "programs": None}  # laid-out weights cannot be copied, and need not be

    @property
    def device(self) -> torch.device:
        tensor = next(tensors(self.module), None)
        return tensor.device if tensor is not None else torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """The float type that the module computes in: that of its first weights."""
        tensor = next((t for t in tensors(self.module) if t.is_floating_point()), None)
        return tensor.dtype if tensor is not None else torch.float32

    @contextmanager
    def frozen(self) -> Iterator[Network]:
        """Eval mode, no parameter gradients, gradients enabled; all put back on leaving, whatever happens."""
        modes = [(module, module.training) for module in self.module.modules()]
        grads = [(p, p.requires_grad) for p in self.module.parameters()]
        buffers = [(module, dict(module._buffers)) for module in self.module.modules()]
        values = [
            (buffer, buffer.detach().clone()) for _, own in buffers for buffer in own.values() if buffer is not None
        ]
        try:
            self.module.eval()
            for parameter, _ in grads:
                parameter.requires_grad_(False)
            with torch.inference_mode(False), torch.enable_grad():
                yield self
        finally:
            for module, training in modes:
                module.training = training
            for parameter, wanted in grads:
                parameter.requires_grad_(wanted)
            for module, own in buffers:
                module._buffers.clear()
                module._buffers.update(own)
            with torch.no_grad():
                for buffer, before in values:
                    if not torch.equal(buffer, before):
                        buffer.copy_(before)

    def prepare(self, pictures: Images) -> Images:
        """Pictures in [0, 1] as the module wants them; never the same tensor, so that it may work in place."""
        if self.preprocessing.mean is None or self.preprocessing.std is None:
            return pictures.to(self.dtype, copy=True)
        mean, std = (value.to(pictures.device, pictures.dtype) for value in self.normalisation)
        return ((pictures - mean) / std).to(self.dtype)

    @property
    def normalisation(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation that pictures are normalised with, ``(c, 1, 1)``; 0 and 1 if there are none."""
        channels, mean, std = self.preprocessing.size[0], self.preprocessing.mean, self.preprocessing.std
        if mean is None or std is None:
            mean, std = (0.0,) * channels, (1.0,) * channels
        return torch.tensor(mean, device=self.device)[:, None, None], torch.tensor(std, device=self.device)[
            :, None, None
        ]

    def run(self, pictures: Images) -> Any:
        """The module's raw output; ModelError for whatever it raises, except when memory is short."""
        try:
            return self.module(self.prepare(pictures))
        except (PhospheneError, MemoryError):
            raise
        except Exception as error:  # the user's own code may raise anything; it is named and shown
            raise self.failed(pictures, error) from error

    def failed(self, pictures: Images, error: Exception) -> Exception:
        """What to raise for an error inside the module: the error itself when memory is short."""
        if out_of_memory(error):
            return error
        channels, height, width = pictures.shape[1:]
        return ModelError(
            f"{self.name} failed on a float picture of {channels} x {height} x {width}: "
            f"{type(error).__name__}: {first_line(error)}"
        )

    def __call__(self, pictures: Images) -> Tensor:
        return self.logits(self.run(pictures), len(pictures))

    def logits(self, output: Any, rows: int | None = None) -> Tensor:
        """The logits in what the module returned for ``rows`` pictures."""
        logits = select(output, self.output, self.name)
        if logits.ndim != 2 or rows not in (None, len(logits)):
            raise ModelError(f"{self.name}: the output has shape {tuple(logits.shape)}, not (pictures, classes); "
                             "aim at a layer, or name another output")  # fmt: skip
        return logits

    @cached_property
    def runs(self) -> dict[str, tuple[Layer, ...]]:
        """Every named module with a tensor output, in the order of the forward, once for each of its runs."""
        try:
            return self.runs_at(self.preprocessing.size[1:])
        except ModelError as error:
            raise ModelError(
                f"{error}\nif it takes another size, say so: --input-size C,H,W or input_size=(c, h, w)"
            ) from error

    def runs_at(self, size: tuple[int, int]) -> dict[str, tuple[Layer, ...]]:
        """The same on a picture of ``size``; ModelError when the network does not take it."""
        if size not in self._walked:
            with self.frozen():
                probe = torch.full((1, self.preprocessing.size[0], *size), 0.5, device=self.device)
                self._walked[size] = walk(self.module, self.run, probe)
        return self._walked[size]

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The same, each layer once: its last run."""
        return {name: runs[-1] for name, runs in self.runs.items()}

    def find(self, layer: str) -> tuple[Layer, int]:
        """A layer's run and its number; UnknownLayer names the nearest."""
        name, _, call = layer.partition("#")
        known = {} if name in self.runs else dict(self.module.named_modules(remove_duplicate=False))
        if name in known:  # a module with two names is listed under the first
            name = next(first for first, module in self.module.named_modules() if module is known[name])
        if name not in self.runs:
            if name in known and name:
                raise UnknownLayer(
                    f"{name} is in {self.name} but gives no activations: it does not run in a forward, or its output "
                    "is not one float vector, map or list of tokens for each picture"
                )
            raise UnknownLayer(
                f"no layer {name!r} in {self.name}; {closest(name, self.runs)}\nlist all: phosphene layers {self.name}"
            )
        runs = self.runs[name]
        if call and not (call.isdecimal() and int(call) < len(runs)):
            times = "once" if len(runs) == 1 else f"{len(runs)} times"
            raise UnknownLayer(f"no {layer}: {name} runs {times} in a forward; the last is {name}#{len(runs) - 1}")
        index = int(call) if call else len(runs) - 1
        return runs[index], index

    def sees(self, layer: str, position: tuple[int, ...], size: tuple[int, int] | None = None) -> Box:
        """The part of a picture of ``size`` that a position of a layer sees; see ``models.support.sees``."""
        from .support import sees

        return sees(self, layer, position, size)

    @cached_property
    def classes(self) -> int:
        """How many classes the output has."""
        with self.frozen(), torch.no_grad():
            return int(self(torch.full((1, *self.preprocessing.size), 0.5, device=self.device)).shape[1])

    def class_number(self, label: int | str) -> int:
        """The index of a class by index or name; spaces, case and punctuation do not matter."""
        if isinstance(label, int):
            if not 0 <= label < self.classes:
                raise UnitOutOfRange(
                    f"no class {label}: {self.name} has {self.classes} classes, 0 to {self.classes - 1}"
                )
            return label
        if self.labels is None:
            raise UnknownClass(
                f"{self.name} came without labels, so {label!r} means nothing; "
                f"use an index (logit:0 to logit:{self.classes - 1}) or give --labels FILE"
            )
        if len(self.labels) != self.classes:
            raise UnknownClass(
                f"{self.name} has {self.classes} classes but {len(self.labels)} labels, so {label!r} may mean another "
                "class; use an index, or give --labels FILE with a name for each"
            )
        found = [index for index, name in enumerate(self.labels) if name == label]
        if len(found) != 1:
            wanted = plain(label)
            found = [index for index, name in enumerate(self.labels) if wanted and plain(name) == wanted] or found
        if len(found) > 1:
            raise UnknownClass(
                f"{label!r} is {len(found)} classes of {self.name}: {', '.join(map(str, found))}; "
                f"say which: logit:{found[0]}"
            )
        if not found:
            raise UnknownClass(f"no class {label!r} in {self.name}; {closest(label, self.labels)}")
        return found[0]

    def class_name(self, index: int) -> str | None:
        """The name that ``class_number`` reads back as ``index``; None when there is none."""
        if self.labels is None or index >= len(self.labels):
            return None
        name = self.labels[index]
        shared = sum(plain(other) == plain(name) for other in self.labels) > 1
        return None if shared or name.isdigit() else name

    @property
    def fingerprint(self) -> str:
        """32 hex digits: a hash of the weights, the modules' types and the preprocessing; new when a weight changes."""
        state = self.state
        if self._fingerprint is None or self._fingerprint[0] != state:
            settings = [self.preprocessing.mean, self.preprocessing.std, self.output]
            self._fingerprint = state, digest(self.module, settings)
        return self._fingerprint[1]


def plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short, as torch says it."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def first_line(error: BaseException) -> str:
    """What an error says, short."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
