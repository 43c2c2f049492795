"""The steady convolution against plain autograd and against loops, and the property it exists for."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from phosphene.models.steady import Steady, phases

CASES = [
    # in, out, kernel, stride, padding, height, width
    (3, 4, 3, 1, 1, 9, 7),
    (3, 4, 1, 1, 0, 5, 5),
    (2, 5, 5, 2, 2, 12, 11),
    (3, 4, 3, 2, 0, 9, 10),
    (3, 2, 7, 4, 3, 17, 15),
    (2, 3, 2, 3, 0, 8, 9),
    (4, 2, (3, 1), (1, 2), (1, 0), 6, 7),
    (2, 2, 3, 1, 4, 5, 5),
]


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("inputs", "outputs", "kernel", "stride", "padding", "height", "width"), CASES)
def test_output_and_gradient_equal_autograd(inputs, outputs, kernel, stride, padding, height, width) -> None:
    high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
    x, weight, bias = draw(3, inputs, height, width), draw(outputs, inputs, high, wide, seed=1), draw(outputs, seed=2)
    found = []
    for steady in (False, True):
        leaf = x.clone().requires_grad_()
        if steady:
            with Steady():
                y = F.conv2d(leaf, weight, bias, stride, padding)
        else:
            y = F.conv2d(leaf, weight, bias, stride, padding)
        (gradient,) = torch.autograd.grad(y, leaf, draw(*y.shape, seed=3))
        found.append((y.detach(), gradient))
    assert_close(found[1], found[0], rtol=1e-5, atol=1e-4)


def test_phases_by_loops() -> None:
    """gx[c, s q + a] = sum over j, o of g[o, q - j] w[o, c, a + s j], read off a single one in the gradient."""
    weight, stride = draw(2, 3, 5, 4), (2, 3)
    kernel = phases(weight, stride)
    rows, columns = 3, 2
    assert kernel.shape == (3 * 2 * 3, 2, rows, columns)
    for c in range(3):
        for a in range(2):
            for b in range(3):
                for o in range(2):
                    for j in range(rows):
                        for k in range(columns):
                            y, x = a + 2 * j, b + 3 * k
                            wanted = weight[o, c, y, x] if y < 5 and x < 4 else torch.tensor(0.0)
                            assert kernel[(c * 2 + a) * 3 + b, o, rows - 1 - j, columns - 1 - k] == wanted


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_does_not_depend_on_its_company(threads: int) -> None:
    """Bit for bit, for maps so small that PyTorch itself takes another routine for one picture."""
    net = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    head = nn.Linear(4, 5)
    for parameter in (*net.parameters(), *head.parameters()):
        parameter.requires_grad_(False)
    x = draw(7, 3, 20, 20)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)

    def run(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = x[:rows].clone().requires_grad_()
        with Steady():
            y = head(net(leaf).mean((2, 3)))
        (gradient,) = torch.autograd.grad(y[:, 1].sum(), leaf)
        return y.detach(), gradient

    try:
        all_rows = run(7)
        for rows in range(1, 7):
            some = run(rows)
            assert torch.equal(some[0], all_rows[0][:rows])
            assert torch.equal(some[1], all_rows[1][:rows])
    finally:
        torch.set_num_threads(before)


def test_changed_weights_are_noticed() -> None:
    conv = nn.Conv2d(2, 2, 3, padding=1).requires_grad_(False)
    mode, x = Steady(), draw(1, 2, 5, 5)

    def gradient() -> torch.Tensor:
        leaf = x.clone().requires_grad_()
        with mode:
            y = conv(leaf)
        return torch.autograd.grad(y.sum(), leaf)[0]

    first = gradient()
    conv.weight.mul_(2)
    assert_close(gradient(), 2 * first)


def test_what_is_not_ours_is_left_to_torch() -> None:
    """Trained weights, groups, dilation, same padding and doubles give what torch gives, gradients included."""
    x = draw(2, 4, 8, 8)
    layers = [
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 3, groups=2).requires_grad_(False),
        nn.Conv2d(4, 4, 3, dilation=2).requires_grad_(False),
        nn.Conv2d(4, 4, 3, padding="same").requires_grad_(False),
    ]
    for layer in layers:
        with Steady():
            y = layer(x)
        assert torch.equal(y, layer(x))
    trained = layers[0]
    with Steady():
        trained(x).sum().backward()
    assert trained.weight.grad is not None


@pytest.mark.parametrize(("groups", "stride", "padding"), [(4, 1, 1), (2, 2, 1), (4, 3, 0), (2, (1, 2), 2)])
def test_groups_equal_autograd(groups, stride, padding) -> None:
    x, weight, bias = draw(3, 8, 11, 9), draw(12, 8 // groups, 3, 3, seed=1), draw(12, seed=2)
    found = []
    for mode in (nullcontext(), Steady()):
        leaf = x.clone().requires_grad_()
        with mode:
            y = F.conv2d(leaf, weight, bias, stride, padding, groups=groups)
        (gradient,) = torch.autograd.grad(y, leaf, draw(*y.shape, seed=3))
        found.append((y.detach(), gradient))
    assert_close(found[1], found[0], rtol=1e-5, atol=1e-4)
