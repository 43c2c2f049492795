"""Captum says the same on networks whose ReLUs are modules."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import phosphene as ph
from phosphene.attribution import attribute

captum = pytest.importorskip("captum.attr")
CAPTUM = {
    "saliency": lambda module: captum.Saliency(module),
    "deconv": lambda module: captum.Deconvolution(module),
    "guided": lambda module: captum.GuidedBackprop(module),
    "gradient_x_input": lambda module: captum.InputXGradient(module),
}


class Deep(nn.Module):
    """Convolutions, batch norms, max-pools with and without overlap, linear layers; every ReLU a module of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(
                nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),
                nn.MaxPool2d(2), nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                nn.Conv2d(24, 24, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 4, 32), nn.ReLU(),
                nn.Linear(32, 7),
            )  # fmt: skip
            nn.init.uniform_(self.net[3].running_mean, -0.2, 0.2)
            nn.init.uniform_(self.net[3].running_var, 0.1, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def captums(method: str, network: ph.Network, pictures: Tensor, target: int) -> Tensor:
    """Captum's map of the module's input, as one of the picture."""
    module = copy.deepcopy(network.module).eval()
    inputs = network.prepare(pictures).requires_grad_()
    how = {"abs": False} if method == "saliency" else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations")
        found = CAPTUM[method](module).attribute(inputs, target=target, **how).detach()
    return found if method == "gradient_x_input" else found / network.normalisation[1]


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("method", CAPTUM)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_deep_networks(method: str, seed: int) -> None:
    network = ph.load(Deep(seed), input_size=(3, 16, 16), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    pictures = torch.from_numpy(np.random.default_rng(seed).uniform(size=(4, 3, 16, 16)).astype(np.float32))
    made = attribute(network, ph.Logit(seed), pictures, method)
    assert made.note is None
    assert relative(made.signed, captums(method, network, pictures, seed)) < 1e-5


@pytest.mark.parametrize("method", CAPTUM)
def test_miniception(method: str) -> None:
    network = ph.load("miniception")
    noise = np.random.default_rng(0).uniform(size=(2, 3, 8, 8)).astype(np.float32)
    pictures = torch.from_numpy(noise).repeat_interleave(8, 2).repeat_interleave(8, 3)
    made = attribute(network, ph.Logit(17), pictures, method)
    assert relative(made.signed, captums(method, network, pictures, 17)) < 1e-5


def test_a_functional_relu_is_met_here_and_missed_there() -> None:
    class Functional(Deep):
        def forward(self, x: Tensor) -> Tensor:
            for layer in self.net:
                x = torch.relu(x) if isinstance(layer, nn.ReLU) else layer(x)
            return x

    size = (3, 16, 16)
    plain, functional = ph.load(Deep(0), input_size=size), ph.load(Functional(0), input_size=size)
    pictures = torch.from_numpy(np.random.default_rng(0).uniform(size=(2, *size)).astype(np.float32))
    ours = attribute(functional, ph.Logit(0), pictures, "guided").signed
    assert torch.equal(ours, attribute(plain, ph.Logit(0), pictures, "guided").signed)
    assert relative(captums("guided", functional, pictures, 0), ours) > 0.1
