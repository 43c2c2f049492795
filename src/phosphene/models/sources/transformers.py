"""Image classifiers of the transformers library, by hub name or local folder, safetensors only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ...errors import DownloadFailed, ModelError
from ...spec import ModelSpec
from ..network import first_line
from .base import Loaded, Source, missing, sources


class Transformers(Source):
    """Networks by hub name or folder."""

    form = "hf/ORG/NAME or hf/FOLDER"
    about = "transformers image classifiers (pip install transformers), by hub name or local folder"
    package = "transformers"

    def claims(self, address: str) -> bool:
        return address.startswith("hf/")

    def build(self, spec: ModelSpec) -> Loaded:
        try:
            import transformers
        except ImportError as error:
            raise missing("transformers", spec.address) from error
        name = spec.address.removeprefix("hf/")
        try:
            module = _untrained(transformers, name) if spec.untrained else _trained(transformers, name)
        except (OSError, RuntimeError, SafetensorError) as error:
            if Path(name).is_dir():
                raise ModelError(f"{name} is no whole model folder: {first_line(error)}") from error
            raise DownloadFailed(
                f"there is no folder {name}, and transformers could not fetch that name ({first_line(error)}); "
                "fetch it where there is a network and give the folder: hf/FOLDER"
            ) from error
        except ValueError as error:
            raise ModelError(f"{name} is no image classifier: {first_line(error)}") from error
        labels = getattr(module.config, "id2label", None) or {}
        mean, std, size = _preprocessing(transformers, name, module.config)
        names = [str(labels[index]) for index in sorted(labels)] or None
        return Loaded(module.eval(), size, mean, std, names, output="logits")


def _untrained(library: Any, name: str) -> Any:
    config = library.AutoConfig.from_pretrained(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return library.AutoModelForImageClassification.from_config(config).float()


def _trained(library: Any, name: str) -> Any:
    """The model in single precision; ModelError when the file lacks weights, for transformers would invent them."""
    kind = library.AutoModelForImageClassification
    module, found = kind.from_pretrained(name, use_safetensors=True, output_loading_info=True, dtype=torch.float32)
    lacking = sorted(found["missing_keys"])
    if lacking:
        raise ModelError(
            f"{name} is no image classifier: it has no weights for {lacking[0]} ({len(lacking)} missing in all)"
        )
    return module


def _preprocessing(
    library: Any, name: str, config: Any
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None, tuple[int, int, int] | None]:
    """What the image processor that travels with the model states; the config's size when there is none."""
    channels = int(getattr(config, "num_channels", 3))
    try:
        processor = library.AutoImageProcessor.from_pretrained(name).to_dict()
    except (OSError, ValueError, ImportError):
        side = getattr(config, "image_size", None)
        return None, None, (channels, side, side) if isinstance(side, int) else None
    normal = processor.get("do_normalize", True) and processor.get("image_mean") and processor.get("image_std")
    mean = tuple(processor["image_mean"]) if normal else None
    std = tuple(processor["image_std"]) if normal else None
    crop = processor.get("crop_size") if processor.get("do_center_crop") else processor.get("size")
    crop = crop or processor.get("size") or {}
    high: Any = crop.get("height") or crop.get("shortest_edge") or getattr(config, "image_size", 224)
    return mean, std, (channels, int(high), int(crop.get("width") or high))


sources.register("transformers")(Transformers())
