"""What tells a module's state from another: a cheap mark, and a hash of all its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def tensors(module: nn.Module) -> Iterator[Tensor]:
    """Its weights and buffers."""
    yield from module.parameters()
    yield from module.buffers()


def state_of(module: nn.Module) -> tuple[Any, ...]:
    """Changes when a module, a plain setting of one, or the content of a weight or buffer does."""
    parts = [
        (name, id(part), type(part), tuple((key, value) for key, value in vars(part).items() if _setting(value)))
        for name, part in module.named_modules()
    ]
    return (*parts, *(_content(tensor) for tensor in tensors(module)))


def digest(module: nn.Module, settings: Sequence[Any]) -> str:
    """32 hex digits: a hash of the modules' types, the weights and buffers, and settings that JSON can hold."""
    state = hashlib.blake2b(digest_size=16)
    for name, part in module.named_modules():
        state.update(f"{name}={type(part).__name__};".encode())
    for name, tensor in sorted(module.state_dict().items()):
        if isinstance(tensor, Tensor):
            data = tensor.detach().cpu().contiguous()
            state.update(f"{name}:{data.dtype}:{tuple(data.shape)};".encode())
            state.update(data.reshape(-1).view(torch.uint8).numpy().tobytes())
    state.update(json.dumps(settings).encode())
    return state.hexdigest()


def _setting(value: Any) -> bool:
    """Whether a value is a setting that can be compared: numbers, text, and tuples of them."""
    if isinstance(value, tuple):
        return all(map(_setting, value))
    return value is None or isinstance(value, bool | int | float | str | bytes)


@torch.no_grad()
def _content(tensor: Tensor) -> tuple[Any, ...]:
    """What tells a tensor's content from another's, cheaply."""
    values = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    return tensor.shape, tensor.dtype, tensor.device, float(values.sum()), float(values.float().norm())
