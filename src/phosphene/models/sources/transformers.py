"""Image classifiers of the transformers library, by hub name or local folder, safetensors only."""

from __future__ import annotations

from typing import Any

import torch

from ...errors import DownloadFailed, ModelError
from ...spec import ModelSpec
from ..network import first_line
from .base import Loaded, Source, missing, sources


class Transformers(Source):
    """Networks by hub name or folder."""

    form = "hf/ORG/NAME or hf/FOLDER"
    about = "transformers image classifiers (pip install transformers), by hub name or local folder"

    def claims(self, address: str) -> bool:
        return address.startswith("hf/")

    def build(self, spec: ModelSpec) -> Loaded:
        try:
            import transformers
        except ImportError as error:
            raise missing("transformers", spec.address) from error
        name = spec.address.removeprefix("hf/")
        kind = transformers.AutoModelForImageClassification
        try:
            if spec.untrained:
                config = transformers.AutoConfig.from_pretrained(name)
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(0)
                    module = kind.from_config(config)
            else:
                module = kind.from_pretrained(name, use_safetensors=True)
        except OSError as error:
            raise DownloadFailed(
                f"transformers could not fetch {name} ({first_line(error)}); fetch it where there is a network and "
                "give the folder: hf/FOLDER"
            ) from error
        except ValueError as error:
            raise ModelError(f"{name} is no image classifier: {first_line(error)}") from error
        labels = getattr(module.config, "id2label", None) or {}
        mean, std, size = _preprocessing(transformers, name, module.config)
        return Loaded(
            module.eval(), size, mean, std, [str(labels[index]) for index in sorted(labels)] or None, output="logits"
        )


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
    mean = tuple(processor["image_mean"]) if processor.get("do_normalize", True) else None
    std = tuple(processor["image_std"]) if processor.get("do_normalize", True) else None
    crop = processor.get("crop_size") if processor.get("do_center_crop") else processor.get("size")
    crop = crop or processor.get("size") or {}
    high: Any = crop.get("height") or crop.get("shortest_edge") or getattr(config, "image_size", 224)
    return mean, std, (channels, int(high), int(crop.get("width") or high))


sources.register("transformers")(Transformers())
