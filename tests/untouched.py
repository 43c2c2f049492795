"""A check that a network is given back as it was lent, and a small network to lend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

import phosphene as ph
from phosphene.errors import ModelError


def hooks(module: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in module.modules())


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Asserts on leaving, also by an exception, that nothing of the module has changed."""
    parameters = list(module.parameters())
    held = [(p, p.requires_grad, p.grad, p.detach().clone()) for p in parameters]
    buffers = [(m, dict(m._buffers)) for m in module.modules()]
    values = [(b, b.clone()) for _, own in buffers for b in own.values() if b is not None]
    modes = [m.training for m in module.modules()]
    hooked = hooks(module)
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    try:
        yield
    finally:
        assert [m.training for m in module.modules()] == modes
        assert hooks(module) == hooked
        assert all(a is b for a, b in zip(module.parameters(), parameters, strict=True))
        for parameter, wanted, gradient, value in held:
            assert parameter.requires_grad == wanted
            assert parameter.grad is gradient
            assert torch.equal(parameter, value)
        for m, own in buffers:
            assert list(m._buffers) == list(own)
            assert all(m._buffers[name] is buffer for name, buffer in own.items())
        assert all(torch.equal(buffer, value) for buffer, value in values)
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == (grad, inference)


class Net(nn.Module):
    """A convolution, an in-place ReLU, a head; ``end`` says what becomes of features and scores."""

    def __init__(self, end=lambda features, scores: scores) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, 6, 3, padding=1)
            self.bn = nn.BatchNorm2d(6)
            self.relu = nn.ReLU(inplace=True)
            self.drop = nn.Dropout(0.5)
            self.head = nn.Linear(6, 4)
        self.end = end

    def forward(self, x: Tensor):
        features = self.drop(self.relu(self.bn(self.conv(x)))).mean((2, 3))
        return self.end(features, self.head(features))


def load(module: nn.Module, **options) -> ph.Network:
    with untouched(module):  # measuring lends the module too
        return ph.load(module, input_size=(3, 16, 16), **options)


def render(network: ph.Network, target: str, **options) -> ph.Result:
    with untouched(network.module):
        return ph.render(network, target, steps=3, robust=1, transform="none", size=16, **options)


def refused(network: ph.Network, target: str, kind: type[Exception] = ModelError) -> str:
    """The message of a named error of one line or two; the model stays untouched."""
    with pytest.raises(kind) as caught:
        render(network, target)
    assert type(caught.value) is kind
    text = str(caught.value)
    assert 1 <= len(text.splitlines()) <= 2, text
    return text
