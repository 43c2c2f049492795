"""A network as phosphene sees it: pictures in [0, 1] in, activations out; eval, frozen, and given back untouched."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError, UnitOutOfRange, UnknownClass, UnknownLayer, closest
from ..shapes import Images
from ..spec import ModelSpec
from .layers import Layer, walk


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
        if any(p.is_inference() for p in module.parameters()):
            raise ModelError(f"{self.name}: the weights were made inside torch.inference_mode(); load it outside")

    @property
    def name(self) -> str:
        return self.spec.address

    @property
    def device(self) -> torch.device:
        tensor = next((t for group in (self.module.parameters(), self.module.buffers()) for t in group), None)
        return tensor.device if tensor is not None else torch.device("cpu")

    @contextmanager
    def frozen(self) -> Iterator[Network]:
        """Eval mode, no parameter gradients, gradients enabled; all put back on leaving, whatever happens."""
        modes = [(module, module.training) for module in self.module.modules()]
        grads = [(p, p.requires_grad) for p in self.module.parameters()]
        buffers = [
            (module, name, buffer, buffer.detach().clone())
            for module in self.module.modules()
            for name, buffer in module.named_buffers(recurse=False)
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
            with torch.no_grad():
                for module, name, buffer, before in buffers:
                    module._buffers[name] = buffer
                    if not torch.equal(buffer, before):
                        buffer.copy_(before)

    def prepare(self, pictures: Images) -> Images:
        """Pictures in [0, 1] as the module wants them; never the same tensor, so that it may work in place."""
        mean, std = self.preprocessing.mean, self.preprocessing.std
        if mean is None or std is None:
            return pictures.clone()
        shift = torch.tensor(mean, device=pictures.device, dtype=pictures.dtype)[:, None, None]
        return (pictures - shift) / torch.tensor(std, device=pictures.device, dtype=pictures.dtype)[:, None, None]

    def run(self, pictures: Images) -> Any:
        """The module's raw output."""
        return self.module(self.prepare(pictures))

    def __call__(self, pictures: Images) -> Tensor:
        logits = self._select(self.run(pictures))
        if logits.ndim != 2:
            raise ModelError(f"{self.name}: the output has shape {tuple(logits.shape)}, not (pictures, classes); "
                             "aim at a layer, or name another output")  # fmt: skip
        return logits

    def _select(self, output: Any) -> Tensor:
        parts: dict[str, Any] = {}
        if isinstance(output, Tensor):
            return output
        if isinstance(output, dict):
            parts = {str(key): value for key, value in output.items()}
        elif hasattr(output, "_fields"):
            parts = dict(zip(output._fields, output, strict=True))
        elif isinstance(output, tuple | list):
            parts = {str(index): value for index, value in enumerate(output)}
        elif hasattr(output, "__dataclass_fields__"):
            parts = {name: getattr(output, name) for name in output.__dataclass_fields__}
        tensors = {name: value for name, value in parts.items() if isinstance(value, Tensor)}
        if not tensors:
            raise ModelError(
                f"{self.name} returns {type(output).__name__}, no tensor; aim at a layer instead of a class"
            )
        if self.output is not None:
            if str(self.output) not in tensors:
                raise ModelError(f"{self.name} has no output {self.output!r}; it returns: {', '.join(tensors)}")
            return tensors[str(self.output)]
        if "logits" in tensors or len(tensors) == 1:
            return tensors.get("logits", next(iter(tensors.values())))
        raise ModelError(f"{self.name} returns several outputs: {', '.join(tensors)}; "
                         "name the one with the logits (--output NAME, or output=NAME in Python)")  # fmt: skip

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """Every named module with a tensor output, in the order of the forward."""
        size = self.preprocessing.size
        with self.frozen():
            probe = torch.full((1, *size), 0.5, device=self.device)
            try:
                return walk(self.module, self.run, probe)
            except (RuntimeError, TypeError, ValueError, IndexError, AssertionError, AttributeError) as error:
                raise ModelError(
                    f"{self.name} failed on a float picture of {size[0]} x {size[1]} x {size[2]}: "
                    f"{first_line(error)}\nif it takes another size, say so: --input-size C,H,W or input_size=(c, h, w)"
                ) from error

    def find(self, layer: str) -> tuple[Layer, int]:
        """A layer's description and which of its runs is meant; UnknownLayer names the nearest."""
        name, _, call = layer.partition("#")
        if name not in self.layers:
            known = dict(self.module.named_modules())
            if name in known and name:
                raise UnknownLayer(f"{name} is in {self.name} but gives no activations (it does not run in a forward)")
            raise UnknownLayer(
                f"no layer {name!r} in {self.name}; {closest(name, self.layers)}\n"
                f"list all: phosphene layers {self.name}"
            )
        info = self.layers[name]
        index = int(call) if call else info.calls - 1
        if index >= info.calls:
            raise UnknownLayer(f"{name} runs {info.calls} times in a forward; the last is {name}#{info.calls - 1}")
        return info, index

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
        wanted = plain(label)
        found = [index for index, name in enumerate(self.labels) if plain(name) == wanted]
        if len(found) > 1:
            raise UnknownClass(
                f"{label!r} is {len(found)} classes of {self.name}: {', '.join(map(str, found))}; say which"
            )
        if not found:
            raise UnknownClass(f"no class {label!r} in {self.name}; {closest(label, self.labels)}")
        return found[0]

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits: a hash of the weights, the modules' types and the preprocessing."""
        state = hashlib.blake2b(digest_size=16)
        for name, module in self.module.named_modules():
            state.update(f"{name}={type(module).__name__};".encode())
        for name, tensor in sorted(self.module.state_dict().items()):
            if isinstance(tensor, Tensor):
                data = tensor.detach().cpu().contiguous()
                state.update(f"{name}:{data.dtype}:{tuple(data.shape)};".encode())
                state.update(data.reshape(-1).view(torch.uint8).numpy().tobytes())
        head = [self.preprocessing.mean, self.preprocessing.std, self.output]
        state.update(json.dumps(head).encode())
        return state.hexdigest()


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.casefold()).strip()


def first_line(error: BaseException) -> str:
    """What an error says, short."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
