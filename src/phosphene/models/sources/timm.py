"""timm's models, with the preprocessing that their configuration states."""

from __future__ import annotations

import torch

from ...errors import DownloadFailed, ModelError, UnknownModel, closest
from ...spec import ModelSpec
from ..network import first_line
from .base import Loaded, Source, missing, sources


class Timm(Source):
    """Networks by timm name."""

    form = "timm/NAME"
    about = "timm's models (pip install timm), weights downloaded by timm"
    package = "timm"

    def claims(self, address: str) -> bool:
        return address.startswith("timm/")

    def build(self, spec: ModelSpec) -> Loaded:
        try:
            import timm
        except ImportError as error:
            raise missing("timm", spec.address) from error
        name = spec.address.removeprefix("timm/")
        known = timm.list_models()
        if name.partition(".")[0] not in known:
            raise UnknownModel(f"timm has no model {name!r}; {closest(name, known)}")
        base, _, tag = name.partition(".")
        tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{base}.*")]
        if tag and tag not in tags:
            raise UnknownModel(f"{base} has no weights {tag!r}; there are: {', '.join(tags)}")
        if not tags and not spec.untrained:
            raise UnknownModel(f"timm has no trained weights for {base}; look at the random network: --untrained")
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                module = timm.create_model(name, pretrained=not spec.untrained)
        except (OSError, ConnectionError) as error:
            raise DownloadFailed(
                f"timm could not fetch the weights of {name} ({first_line(error)}); fetch them where there is a "
                "network (they land in the Hugging Face cache), or look at the random network: --untrained"
            ) from error
        except RuntimeError as error:
            raise ModelError(f"timm could not build {name}: {first_line(error)}") from error
        config = timm.data.resolve_model_data_config(module)
        channels, height, width = config["input_size"]
        return Loaded(module.eval(), (channels, height, width), tuple(config["mean"]), tuple(config["std"]),
                      _labels(module))  # fmt: skip


def _labels(module: torch.nn.Module) -> list[str] | None:
    """Names from timm's own tables where it knows the label set."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset(module)
    if not subset:
        return None
    info = ImageNetInfo(subset)
    return [info.index_to_description(index).split(",")[0] for index in range(info.num_classes())]


sources.register("timm")(Timm())
