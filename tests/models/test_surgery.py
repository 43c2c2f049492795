"""The redirected ReLU: native values, and exactly the stated gradient, however the function is called."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phosphene.models.surgery import RedirectRelu

Z = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0, 5.9, 6.0, 6.5, 9.0])

RELUS = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu input=": lambda z: F.relu(input=z),
    "F.relu in place": lambda z: F.relu(z, inplace=True),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "tensor.relu": lambda z: z.relu(),
    "tensor.relu_": lambda z: z.relu_(),
    "clamp(min=0)": lambda z: z.clamp(min=0),
    "clamp(0)": lambda z: z.clamp(0),
    "torch.clamp": lambda z: torch.clamp(z, min=0.0),
    "clamp_": lambda z: z.clamp_(min=0),
    "clamp_min": lambda z: z.clamp_min(0),
    "clamp_min_": lambda z: z.clamp_min_(0),
    "torch.clamp_min": lambda z: torch.clamp_min(z, 0),
    "clip": lambda z: torch.clip(z, 0),
    "clip_": lambda z: z.clip_(0),
    "threshold": nn.Threshold(0, 0),
    "threshold_": lambda z: F.threshold(z, 0, 0, inplace=True),
}
RELU6S = {
    "nn.ReLU6": nn.ReLU6(),
    "nn.ReLU6 in place": nn.ReLU6(inplace=True),
    "F.relu6": F.relu6,
    "nn.Hardtanh": nn.Hardtanh(0, 6),
    "nn.Hardtanh in place": nn.Hardtanh(0, 6, inplace=True),
    "F.hardtanh": lambda z: F.hardtanh(z, 0.0, 6.0),
    "F.hardtanh_": lambda z: F.hardtanh_(z, 0.0, 6.0),
    "clamp(0, 6)": lambda z: z.clamp(0, 6),
    "torch.clamp(min=0, max=6)": lambda z: torch.clamp(z, min=0, max=6),
    "clamp_(0, 6)": lambda z: z.clamp_(0, 6),
}
OTHERS = {
    "clamp(-1, 1)": lambda z: z.clamp(-1, 1),
    "clamp(max=0)": lambda z: z.clamp(max=0),
    "clamp to tensors": lambda z: z.clamp(torch.zeros(()), torch.ones(())),
    "hardtanh": F.hardtanh,
    "leaky": F.leaky_relu,
    "gelu": F.gelu,
    "threshold at 1": nn.Threshold(1, 0),
}
CASES = [(name, call, math.inf) for name, call in RELUS.items()] + [(name, call, 6.0) for name, call in RELU6S.items()]
every_form = pytest.mark.parametrize(("call", "top"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])


def run(call, g: Tensor) -> tuple[Tensor, Tensor]:
    """Values and the gradient at ``Z`` of the score <g, call(z)>; ``2 * z / 2``, as one may not work in a leaf."""
    z = Z.clone().requires_grad_()
    out = call(2 * z / 2)
    (gradient,) = torch.autograd.grad((out * g).sum(), z)
    return out.detach(), gradient


@every_form
def test_forward_values_are_native(call, top):
    native = call(Z.clone())
    with RedirectRelu():
        assert torch.equal(call(Z.clone()), native)
        assert torch.equal(call(torch.full((2,), torch.nan)).isnan(), torch.tensor([True, True]))


@every_form
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gradient_passes_exactly_where_the_rule_says(call, top, sign):
    g = sign * torch.arange(1.0, len(Z) + 1)
    with RedirectRelu():
        _, found = run(call, g)
    wanted = []
    for z, slope in zip(Z.tolist(), g.tolist(), strict=True):
        inside = 0 < z < top
        back = (z <= 0 and slope > 0) or (z >= top and slope < 0)
        wanted.append(slope if inside or back else 0.0)
    assert found.tolist() == wanted


@every_form
def test_outside_the_context_nothing_is_redirected(call, top):
    _, native = run(call, torch.ones(len(Z)))
    with RedirectRelu():
        run(call, torch.ones(len(Z)))
    assert torch.equal(run(call, torch.ones(len(Z)))[1], native)
    assert native[0] == 0


@pytest.mark.parametrize("call", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_relu_is_left_alone(call):
    values, gradient = run(call, torch.ones(len(Z)))
    with RedirectRelu():
        again = run(call, torch.ones(len(Z)))
    assert torch.equal(again[0], values)
    assert torch.equal(again[1], gradient)


@every_form
def test_in_place_forms_change_their_input_and_the_others_do_not(call, top):
    native, redirected = Z.clone(), Z.clone()
    same = call(native) is native
    with RedirectRelu():
        out = call(redirected)
    assert torch.equal(redirected, native)
    assert (out is redirected) == same


def test_a_blocked_network_gets_a_gradient_that_opens_it():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 1, 1))
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.1)
    nn.init.constant_(net[0].bias, -2.0)
    x = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
    assert not torch.autograd.grad(net(x).sum(), x)[0].any()
    with RedirectRelu():
        assert (torch.autograd.grad(net(x).sum(), x)[0] > 0).all()
        assert not torch.autograd.grad(-net(x).sum(), x)[0].any()
