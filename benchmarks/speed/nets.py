"""The networks of the benchmarks: torchvision's with random weights, and trained ones behind their preprocessing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import phosphene as ph


def network(name: str) -> nn.Module:
    """Random weights, batch norms as a few pictures of noise make them."""
    import torchvision

    torch.manual_seed(0)
    extra = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **extra)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        for _ in range(3):
            model.train()(torch.rand(8, 3, 128, 128))
    return model.eval()


def loaded(model: nn.Module | str, **given: Any) -> ph.Network:
    """For ``ph.render``: by address, or a live network of torchvision's."""
    if isinstance(model, str):
        return ph.load(model)
    return ph.load(model, input_size=(3, 224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), **given)


class Prepared(nn.Module):
    """A trained network that takes pictures in [0, 1], for tools that know ImageNet's mean and nothing else."""

    def __init__(self, trained: ph.Network) -> None:
        super().__init__()
        self.inner = trained.module
        self._trained = [trained]  # not a part of the module

    def forward(self, x: Tensor) -> Any:
        return self.inner(self._trained[0].prepare(x))
