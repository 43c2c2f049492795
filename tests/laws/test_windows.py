"""A neuron made from its window alone is the neuron made from the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import two
from torch import Tensor, nn

import phosphene as ph
from phosphene.objectives import from_text
from phosphene.tap import Tap
from phosphene.transforms import Chain, part, preset
from phosphene.transforms.base import resample
from phosphene.window import Windows

BARE = Chain()
SIDE = 48


@st.composite
def stacks(pick: st.DrawFn) -> list[nn.Module]:
    """Two to four layers as networks have them, odd paddings and rounded-up pools among them."""
    layers: list[nn.Module] = []
    channels = 3
    for _ in range(pick(st.integers(2, 4))):
        if pick(st.booleans()):
            kernel, stride = pick(st.integers(1, 4)), pick(st.integers(1, 2))
            layers.append(nn.Conv2d(channels, 2, kernel, stride, padding=pick(st.integers(0, kernel))))
            channels = 2
        else:
            kernel, stride = pick(st.integers(2, 3)), pick(st.integers(1, 3))
            layers.append(nn.MaxPool2d(kernel, stride, padding=pick(st.integers(0, 1)), ceil_mode=pick(st.booleans())))
    return layers


def gradient_support(network: ph.Network, layer: str, spot: tuple[int, int]) -> Tensor:
    """Pixels whose change may change the neuron, by brute force: ones through the layer with absolute weights."""
    x = torch.rand(1, *network.preprocessing.size, generator=torch.Generator().manual_seed(1)).requires_grad_()
    with network.frozen(), Tap(network, [layer]) as tap:
        total = tap(x)[layer][0, :, spot[0], spot[1]].sum()
    (gradient,) = torch.autograd.grad(total, x)
    return gradient[0].abs().sum(0) > 0


@settings(max_examples=60, deadline=None)
@given(stacks(), st.data())
def test_a_window_gives_the_values_and_gradients_of_the_whole(layers: list[nn.Module], data: st.DataObject) -> None:
    network = ph.load(nn.Sequential(*layers), input_size=(3, SIDE, SIDE))
    layer = str(len(layers) - 1)
    height, width = network.layers[layer].size
    spot = data.draw(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)))
    found = Windows(network, BARE, (SIDE, SIDE)).of(from_text(f"{layer}:0@{spot[0]},{spot[1]}"))
    rows, columns = network.layers[layer].field or (SIDE, SIDE)
    step = network.layers[layer].reach.step
    assert found is not None or (rows + 2 * step[0]) * (columns + 2 * step[1]) > 0.5 * SIDE**2, "a window was refused"
    if found is None:
        return
    top, left, bottom, right = found.box
    outside = gradient_support(network, layer, spot)
    outside[top:bottom, left:right] = False
    assert not outside.any()
    assert bottom - top < rows + 2 * step[0]
    assert right - left < columns + 2 * step[1]
    pictures = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with network.frozen(), Tap(network, [layer]) as tap:
        whole, cut = tap(pictures)[layer], found.placed(tap(part(pictures, found.box)))[layer]
    assert whole.shape == cut.shape
    values = [acts[:, :, spot[0], spot[1]] for acts in (whole, cut)]
    torch.testing.assert_close(*values, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad(value.sum(), pictures)[0] for value in values]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@given(st.tuples(*(st.integers(0, 15) for _ in range(4))), st.sampled_from([None, (20, 24)]))
def test_a_box_of_a_resampling_is_that_part_of_the_whole(corners: tuple[int, ...], out: tuple[int, int] | None) -> None:
    top, bottom = sorted(corners[:2])
    left, right = sorted(corners[2:])
    box = (top, left, bottom + 1, right + 1)
    pictures = torch.rand(2, 3, 12, 16, generator=torch.Generator().manual_seed(0))
    matrix = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    matrix[1, 0] = torch.tensor([0.9, -0.2, 1.3])
    whole = resample(pictures, matrix, (16, 16), out)
    torch.testing.assert_close(resample(pictures, matrix, (16, 16), out, box), part(whole, box), rtol=0, atol=1e-5)


@pytest.mark.parametrize("target", ["mixed3a:5@centre", "conv2:3@0,0", "conv2:3@5,9 + .5*conv2:7@7,9 - .1*tv"])
def test_the_ascent_is_the_same_from_the_window(target: str) -> None:
    """Its score after two steps: rounding of 1e-6 in a gradient grows with every step, since Adam normalises."""
    network = ph.load("miniception")
    windowed, whole = (ph.render(network, target, steps=2, arithmetic=kind) for kind in ("fp32", "exact"))
    assert "a window of" in windowed.arithmetic
    assert "window" not in whole.arithmetic
    assert windowed.score.clean == pytest.approx(whole.score.clean, rel=3e-3)


def test_neurons_of_many_places_in_one_call_are_each_made_as_alone() -> None:
    network = two(size=24)
    targets = ["second:3@5,9", "second:4@5,9", "second:3@centre", "second:3", "second:3@5,9"]
    together = ph.render_batch(network, targets, steps=3, robust=1)
    assert len({result.arithmetic for result in together[:3]} | {together[3].arithmetic}) > 1
    for target, result in zip(targets, together, strict=True):
        alone = ph.render(network, target, steps=3, robust=1)
        assert (result.id, result.arithmetic) == (alone.id, alone.arithmetic)
        assert result.pixels.tobytes() == alone.pixels.tobytes()
        assert ph.replay(result.record(), network).pixels.tobytes() == alone.pixels.tobytes()


class Excited(nn.Module):
    """A convolution whose gain depends on the mean of the whole picture."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.unit = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.unit(x * torch.sigmoid(x.mean((2, 3), keepdim=True))).mean((2, 3))


class BySize(nn.Module):
    """Works at another scale when its picture is small: nothing in the graph tells."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x if x.shape[2] > 20 else 2 * x).mean((2, 3))


class TensorflowPadded(nn.Module):
    """Padding that depends on the size: stride 2 pads (0, 1) on even sizes and (1, 1) on odd ones."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.unit = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        pads = [p for side in (x.shape[3], x.shape[2]) for p in ((side % 2), 1)]
        return self.unit(self.first(F.pad(x, pads))).mean((2, 3))


@pytest.mark.parametrize("model", [Excited(), BySize()])
def test_what_sees_more_than_its_field_gets_the_whole_picture(model: nn.Module) -> None:
    network = ph.load(model, input_size=(3, 32, 32))
    assert Windows(network, BARE, (32, 32)).of(from_text("unit:0@centre")) is None


@pytest.mark.parametrize("side", [31, 32])
def test_padding_by_size_is_met(side: int) -> None:
    network = ph.load(TensorflowPadded(), input_size=(3, side, side))
    result, exact = (ph.render(network, "unit:0@centre", steps=4, arithmetic=kind) for kind in ("fp32", "exact"))
    assert result.score.clean == pytest.approx(exact.score.clean, rel=1e-3)


@pytest.mark.parametrize("target", ["second:1", "second", "logit:1", "first:0@3,3 + second:1", "tv", "first:0@centre"])
def test_only_positions_have_windows(target: str) -> None:
    found = Windows(two(size=24), preset("lucid"), (24, 24)).of(from_text(target))
    assert (found is not None) == (target == "first:0@centre")


def test_a_position_off_the_map_is_named_as_ever() -> None:
    with pytest.raises(ph.errors.UnitOutOfRange, match="the map of first is 12 x 12"):
        ph.render(two(), "first:0@12,0", steps=1)


def test_nothing_outside_the_window_changes_the_picture_there() -> None:
    """Without transforms the pixels that a neuron does not see stay as they were drawn."""
    network = ph.load("miniception")
    start = np.full((64, 64, 3), 0.5)
    options = {"start": start, "image": ph.Pixel(64), "transform": "none", "steps": 4}
    pixels = ph.render(network, "conv2:3@centre", **options).pixels
    top, left, bottom, right = Windows(network, BARE, (64, 64)).of(from_text("conv2:3@centre")).box
    outside = np.ones((64, 64), dtype=bool)
    outside[top:bottom, left:right] = False
    assert (pixels[outside] == 128).all()
    assert (pixels[~outside] != 128).any()
