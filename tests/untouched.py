"""A check that a network is given back as it was lent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


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
