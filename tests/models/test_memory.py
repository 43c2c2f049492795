"""What a picture takes on its way through a network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import phosphene as ph
from phosphene.build import rows_that_fit
from phosphene.declare import Options, declare
from phosphene.errors import OutOfMemory
from phosphene.memory import SLACK, free, taken
from phosphene.objectives import from_text

SIDE, WIDTH = 32, 7


class Known(nn.Module):
    """A square of a wide map; behind it much that a target there does not need."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.unit, self.behind = nn.Conv2d(3, WIDTH, 1), nn.Identity(), nn.Conv2d(WIDTH, 900, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.unit(self.wide(x) ** 2)).mean((2, 3))


def network() -> ph.Network:
    return ph.load(Known(), input_size=(3, SIDE, SIDE))


def test_what_lives_at_once_is_counted() -> None:
    """At the widest place there live the convolution's output, its square, the tap's copy of that, and the picture that
    was made ready; on the way back their gradients take the place of what is not needed any more."""
    square, picture = 4 * WIDTH * SIDE * SIDE, 4 * 3 * SIDE * SIDE
    assert 3 * square <= taken(network(), ["unit"], "exact") <= 5 * square + 2 * picture


def test_only_what_lies_before_the_target_counts() -> None:
    net = network()
    unit, behind = (taken(net, [layer], "exact") for layer in ("unit", "behind"))
    assert behind > unit + 4 * 900 * (SIDE - 2) ** 2


def test_the_fast_path_takes_less() -> None:
    net = ph.load("miniception")
    assert taken(net, ["mixed4b"], "fp32") < 0.8 * taken(net, ["mixed4b"], "exact")


def test_weights_do_not_count_and_the_model_is_as_it_was() -> None:
    net = network()
    before = {name: value.clone() for name, value in net.module.state_dict().items()}
    net.module.train()
    big = taken(net, ["behind"], "exact")
    with torch.no_grad():
        net.module.behind = nn.Conv2d(WIDTH, 900, 3, bias=False)
    net.taken.clear()
    assert abs(taken(net, ["behind"], "exact") - big) < 4 * 900 * WIDTH
    assert net.module.training
    assert all(torch.equal(before[name], value) for name, value in net.module.wide.state_dict(prefix="wide.").items())


def test_twice_the_side_is_four_times_the_need() -> None:
    """A picture that just does not fit is refused in one line that says how much it would take."""
    net = ph.load("miniception")
    job = declare(net, from_text("mixed4b:3"), Options(transform="none"))
    each = SLACK * taken(net, ["mixed4b"], job.arithmetic) + 64.0 * 3 * SIDE * SIDE * 4
    side = int(64 * (free(net.device) / each) ** 0.5 * 1.2)
    assert rows_that_fit(net, [job]) > 1
    with pytest.raises(OutOfMemory, match=rf"a picture of {side} x {side} .* needs about .* GiB are free"):
        rows_that_fit(net, [replace(job, image={**job.image, "size": [side, side]})])
