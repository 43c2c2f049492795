"""Weight files: safetensors, or ``.pt`` read without running anything that is in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import WeightsError, closest
from ..network import first_line

SUFFIXES = (".safetensors", ".pt", ".pth")


def read_weights(path: Path) -> dict[str, Tensor]:
    """A weight file -> tensors by name. WeightsError for a missing, truncated or hostile file."""
    if not path.is_file():
        raise WeightsError(f"no weight file {path}")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(f"{path} is no whole safetensors file: {first_line(error)}") from error
    if path.suffix not in (".pt", ".pth"):
        raise WeightsError(f"{path}: weights are .safetensors, or .pt and .pth with tensors alone")
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken pickle stream raises nearly anything
        raise WeightsError(
            f"{path} is truncated or holds more than tensors, and phosphene runs no code from a weight file; "
            "save it anew: safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
        ) from error
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(data, Mapping) and isinstance(data.get(key), Mapping):
            data = data[key]
    if not isinstance(data, Mapping) or not all(isinstance(value, Tensor) for value in data.values()):
        raise WeightsError(f"{path} holds no state dict of tensors; save model.state_dict()")
    return {str(name): value for name, value in data.items()}


def put_weights(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Weights into a module; WeightsError names what is missing, extra or of another shape, and changes nothing."""
    own = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    given = {name.removeprefix("module."): value for name, value in weights.items()}
    missing = [name for name in own if name not in given and not name.endswith("num_batches_tracked")]
    extra = [name for name in given if name not in own]
    shapes = [name for name in own if name in given and own[name].shape != given[name].shape]
    if missing:
        found = closest(missing[0], extra) if extra else "the file has nothing else"
        raise WeightsError(f"{origin} lacks {_some(missing)}; {found}")
    if extra:
        raise WeightsError(f"{origin} has {_some(extra)}, which the network has not")
    if shapes:
        name = shapes[0]
        raise WeightsError(f"{origin}: {name} has shape {tuple(given[name].shape)}, the network's is "
                           f"{tuple(own[name].shape)}")  # fmt: skip
    module.load_state_dict(given, strict=False)


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
