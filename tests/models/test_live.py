"""Live modules: sizes told and measured, fixed and free, any number of channels, scaling."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from untouched import untouched

import phosphene as ph
from phosphene.errors import BadSpec, ModelError


def free(channels: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def fixed(channels: int, height: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 2, 3, 4, 1), nn.Flatten(), nn.Linear(2 * (-(-height // 4)) * (-(-width // 4)), 3)
    )


def perceptron(inputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 4), nn.ReLU(), nn.Linear(4, 2))


MEASURED = {
    "free": (free(), (3, 224, 224), False),
    "free, one channel": (free(1), (1, 224, 224), False),
    "free, five channels": (free(5), (5, 224, 224), False),
    "224": (fixed(3, 224, 224), (3, 224, 224), True),
    "64": (fixed(3, 64, 64), (3, 64, 64), True),
    "28, one channel": (fixed(1, 28, 28), (1, 28, 28), True),
    "299": (fixed(3, 300, 300), (3, 299, 299), True),
    "perceptron of 784": (perceptron(784), (1, 28, 28), True),
    "perceptron of 3072": (perceptron(3072), (3, 32, 32), True),
}


@pytest.mark.parametrize(("module", "size", "only"), MEASURED.values(), ids=MEASURED.keys())
def test_a_size_that_nobody_told_is_measured(module, size, only):
    with untouched(module):
        network = ph.load(module)
    assert network.preprocessing.size == size
    assert network.preprocessing.fixed == only
    assert ("this size only" in str(network.preprocessing)) == only


@pytest.mark.parametrize("size", [(3, 20, 36), (3, 36, 20), (1, 28, 28), (7, 12, 12)])
@pytest.mark.parametrize("only", [True, False])
def test_a_size_that_was_told(size, only):
    module = fixed(*size) if only else free(size[0])
    network = ph.load(module, input_size=size)
    assert network.preprocessing.size == size
    assert network.preprocessing.fixed == only
    result = ph.render(network, "logit:1", steps=2, robust=1)
    assert result.size == size[1:]
    assert result.pixels.shape == (*size[1:], size[0])
    other = ph.render(network, "0:1", steps=2, robust=1, size=(16, 24))  # seen through a resize when there is one size
    assert other.size == (16, 24)


def test_a_size_that_cannot_be_measured():
    with pytest.raises(ModelError, match="on all common sizes") as caught:
        ph.load(fixed(3, 77, 1001))
    assert "input_size=(c, h, w)" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("size", [(32, 32), (3, 0, 8), (3, 8, -1), (3.0, 8, 8), (3, 8, 8, 8)])
def test_a_size_that_cannot_be(size):
    with pytest.raises(Exception, match="channels, height, width|input_size") as caught:
        ph.load(free(), input_size=size)
    assert isinstance(caught.value, BadSpec) or "TypeCheckError" in type(caught.value).__name__


def test_the_wrong_size_shows_at_the_first_use():
    network = ph.load(free(), input_size=(1, 16, 16))
    with pytest.raises(ModelError, match="float picture of 1 x 16 x 16") as caught:
        ph.render(network, "0:1", steps=1)
    assert "input_size=(c, h, w)" in str(caught.value)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_scaling(channels):
    mean, std = [0.1 * n for n in range(channels)], [1.0 + n for n in range(channels)]
    network = ph.load(free(channels), input_size=(channels, 8, 8), mean=mean, std=std)
    x = torch.rand(2, channels, 8, 8)
    wanted = (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    torch.testing.assert_close(network.prepare(x), wanted)
    torch.testing.assert_close(network(x), network.module(wanted))


def test_scaling_by_one_number():
    one = ph.load(free(), input_size=(3, 8, 8), mean=[0.5], std=[0.25])
    many = ph.load(free(), input_size=(3, 8, 8), mean=[0.5] * 3, std=[0.25] * 3)
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(one.prepare(x), many.prepare(x))


class Patches(nn.Module):
    """Takes multiples of 16 alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 16, 16)

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] % 16 == 0, f"height {x.shape[2]} is no multiple of 16"
        return self.conv(x).mean((2, 3))


def test_a_network_of_multiples_has_one_size():
    network = ph.load(Patches(), input_size=(3, 32, 32))
    assert network.preprocessing.fixed
    assert ph.render(network, "conv:1", steps=2, robust=1).status == "ok"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mean": (0.5,) * 3}, "mean and std belong together"),
        ({"std": (0.5,) * 3}, "mean and std belong together"),
        ({"mean": (0.5, 0.5), "std": (1, 1)}, "mean has 2 values for 3 channels"),
        ({"mean": (0, 0, 0), "std": (1, 0, 1)}, "std must be above 0"),
        ({"mean": (0, 0, 0), "std": (1, -1, 1)}, "std must be above 0"),
        ({"mean": (0, 0, float("nan")), "std": (1, 1, 1)}, "mean must be finite"),
        ({"untrained": True}, "a live module is used as it is"),
        ({"weights": "w.pt"}, "a live module is used as it is"),
        ({"device": "cpu"}, "a live module is used as it is"),
    ],
)
def test_options_that_cannot_be(options, said):
    with pytest.raises(BadSpec, match=said):
        ph.load(free(), input_size=(3, 8, 8), **options)


def test_a_module_that_works_in_place_does_not_change_the_picture():
    class Greedy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x.mul_(2).sub_(1)).mean((2, 3))

    network, x = ph.load(Greedy(), input_size=(3, 8, 8)), torch.rand(1, 3, 8, 8)
    before = x.clone()
    assert torch.equal(network(x), network(x))
    assert torch.equal(x, before)
    assert ph.render(network, "logit:1", steps=2, robust=1).status == "ok"


def test_a_module_without_weights():
    network = ph.load(nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    assert network.classes == 3
    assert network.device.type == "cpu"
    assert ph.render(network, "0:1", steps=2, robust=1, size=16).score.start is not None


def test_fingerprints_tell_networks_apart():
    torch.manual_seed(0)
    module = free()
    first = ph.load(module, input_size=(3, 8, 8)).fingerprint
    assert first == ph.load(module, input_size=(3, 8, 8)).fingerprint
    assert len(first) == 32
    scaled = ph.load(module, input_size=(3, 8, 8), mean=[0.5] * 3, std=[1] * 3).fingerprint
    with torch.no_grad():
        module[0].weight[0, 0, 0, 0] += 1e-6
    changed = ph.load(module, input_size=(3, 8, 8)).fingerprint
    assert len({first, scaled, changed}) == 3
    for dtype in (torch.bfloat16, torch.float64):
        assert len(ph.load(free().to(dtype), input_size=(3, 8, 8)).fingerprint) == 32


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_torchscript_is_refused_with_a_reason() -> None:
    with pytest.raises(ModelError, match="is TorchScript, which cannot be looked into"):
        ph.load(torch.jit.script(free()), input_size=(3, 16, 16))
