"""torchvision's classification models, with the preprocessing and labels that their weights state."""

from __future__ import annotations

import pickle
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch

from ...errors import DownloadFailed, UnknownModel, closest
from ...spec import ModelSpec
from ..network import first_line
from .base import Loaded, Source, missing, sources


def _library() -> Any:
    try:
        import torchvision.models as models
    except ImportError:
        return None
    return models


class TorchVision(Source):
    """Networks by torchvision name."""

    form = "NAME or torchvision/NAME[@WEIGHTS]"
    about = "torchvision's classifiers, weights downloaded by torchvision"
    package = "torchvision"
    bare = True

    def claims(self, address: str) -> bool:
        if address.startswith("torchvision/"):
            return True
        if "/" in address or ":" in address:
            return False
        return address.partition("@")[0] in self.names()

    def names(self) -> list[str]:
        models = _library()
        return [] if models is None else list(models.list_models(module=models))

    def build(self, spec: ModelSpec) -> Loaded:
        models = _library()
        if models is None:
            raise missing("torchvision", spec.address)
        name, _, wanted = spec.address.removeprefix("torchvision/").partition("@")
        if name not in self.names():
            raise UnknownModel(f"torchvision has no classifier {name!r}; {closest(name, self.names())}")
        choices = models.get_model_weights(name)
        by_name = {entry.name: entry for entry in choices}
        if wanted and wanted not in by_name:
            raise UnknownModel(f"{name} has no weights {wanted!r}; there are: {', '.join(by_name)}")
        weights = by_name[wanted] if wanted else choices.DEFAULT
        mean, std, size = _recipe(weights)
        module = _untrained(models, name) if spec.untrained else _trained(models, name, weights)
        return Loaded(module.eval(), size, mean, std, weights.meta.get("categories"))


def _recipe(weights: Any) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, int, int]]:
    preset = weights.transforms()
    crop = preset.crop_size
    side = int(crop[0] if isinstance(crop, list | tuple) else crop)
    return tuple(preset.mean), tuple(preset.std), (len(preset.mean), side, side)


def _untrained(models: Any, name: str) -> torch.nn.Module:
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: torch.nn.Module = models.get_model(name, weights=None, **options)
    return module


def _trained(models: Any, name: str, weights: Any) -> torch.nn.Module:
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        module: torch.nn.Module = models.get_model(name, weights=weights)
    except (OSError, HTTPException) as error:
        raise DownloadFailed(
            f"{name} needs {weights.url}, and the download failed ({error}).\n"
            f"get that file where there is a network and put it at {file}, or look at the random network: --untrained"
        ) from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DownloadFailed(
            f"{file} is damaged or not the file of {weights.url} ({first_line(error)}); remove it and try again"
        ) from error
    return module


sources.register("torchvision")(TorchVision())
