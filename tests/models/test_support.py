"""What a position sees, measured where the graph cannot tell, against brute force."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import Lambda
from seen import brute
from torch import Tensor, nn
from untouched import untouched

import phosphene as ph
from phosphene.errors import NotDifferentiable, UnitOutOfRange
from phosphene.models import support
from phosphene.models.network import Network
from phosphene.models.support import Box


class Next(nn.Module):
    """A block as ConvNeXt has it: the permutations hide from the graph that positions stay apart."""

    def __init__(self, kernel: int = 5) -> None:
        super().__init__()
        self.deep = nn.Conv2d(4, 4, kernel, padding=kernel // 2, groups=4)
        self.norm, self.up, self.down = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(self.deep(x).permute(0, 2, 3, 1))
        return x + self.down(F.gelu(self.up(inner))).permute(0, 3, 1, 2)


class Shifted(nn.Module):
    """Attention within windows of 4 by 4 that are moved by ``shift``, masked by -100 as Swin does."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift, self.mix = shift, nn.Linear(4, 12)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        part = (b, h // 4, 4, w // 4, 4, -1)
        moved = x.roll((-self.shift, -self.shift), (2, 3)).permute(0, 2, 3, 1)
        rows, columns = ((torch.arange(n) >= n - self.shift).long() for n in (h, w))
        place = (2 * rows[:, None] + columns).expand(b, h, w)[..., None]
        tokens, place = (t.reshape(part).transpose(2, 3).flatten(3, 4).flatten(0, 2) for t in (moved, place))
        q, k, v = self.mix(tokens).chunk(3, -1)
        mask = torch.where(place == place.mT, 0.0, -100.0).to(x)
        mixed = (q @ k.mT / 1000 + mask).softmax(-1) @ v
        mixed = mixed.view(b, h // 4, w // 4, 4, 4, c).transpose(2, 3).reshape(b, h, w, c)
        return x + mixed.permute(0, 3, 1, 2).roll((self.shift, self.shift), (2, 3))


class Patches(nn.Module):
    """A class token before the patches, and ``blocks`` of attention."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.cut, self.token = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.ones(1, 1, 8))
        self.tokens = nn.Identity()
        self.blocks = nn.ModuleList(nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = self.cut(x).flatten(2).mT
        x = self.tokens(torch.cat([self.token.expand(len(x), -1, -1), x], 1))
        for block in self.blocks:
            x = x + block(x, x, x)[0]
        return x[:, 0]


def conv(kernel=3, **options) -> nn.Conv2d:
    return nn.Conv2d(4, 4, kernel, **options)


def last(x: Tensor) -> Tensor:
    return F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2)


def network_of(*parts: nn.Module, size: tuple[int, int] = (16, 20), positive: bool = True) -> Network:
    """The parts after a 1 by 1 convolution, in double; positive weights: nothing cancels, and few ReLUs are shut."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), *(copy.deepcopy(part) for part in parts)).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.uniform_(0.1 if positive else -1, 1)
    return ph.load(net, input_size=(3, *size))


def measured(network: Network, layer: str, position: tuple[int, ...], size: tuple[int, int] | None = None) -> Box:
    info, call = network.find(layer)
    size = network.preprocessing.size[1:] if size is None else size
    return support._measured(network, network.runs_at(size)[info.name][call], call, position, size)


def corners(size: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(0,) * len(size), tuple(n // 2 for n in size), tuple(n - 1 for n in size), (0, *(n - 1 for n in size[1:]))]


BLOCKS = {
    "like ConvNeXt": [Next(), Next(3)],
    "like ConvNeXt, smaller maps": [nn.Conv2d(4, 4, 2, 2), Next(3), Lambda(last), nn.Conv2d(4, 4, 2, 2), Next(3)],
    "windows": [Shifted(0)],
    "shifted windows": [Shifted(2)],
    "both windows": [Shifted(0), Shifted(2)],
    "rolled": [Lambda(lambda x: x.roll((1, -2), (2, 3))), conv()],
    "flipped": [conv(padding=1), Lambda(lambda x: x.flip(3))],
    "rows out of order": [Lambda(lambda x: x[:, :, torch.arange(x.shape[2]) ^ 1]), conv((3, 1))],
    "cut": [Lambda(lambda x: x[:, :, 2:, :-3]), conv(padding=1)],
    "transposed convolution": [nn.ConvTranspose2d(4, 4, 3, 2)],
    "upsampled": [nn.AvgPool2d(4), nn.Upsample(scale_factor=2), conv()],
    "attention": [Lambda(lambda x: F.scaled_dot_product_attention(*[x.flatten(2).mT] * 3).mT.view_as(x))],
    "squeezed and excited": [Lambda(lambda x: x * x.mean((2, 3), keepdim=True).sigmoid())],
    "shuffled pixels": [nn.PixelUnshuffle(2), nn.Conv2d(16, 4, 3)],
    "max over all": [Lambda(lambda x: x.amax((2, 3), keepdim=True)), conv(1)],
    "adaptive maxima": [conv(padding=1), nn.AdaptiveMaxPool2d(3)],
    "channels last": [Lambda(lambda x: x.permute(0, 2, 3, 1)), nn.Linear(4, 6)],
    "tokens": [conv(2, stride=2), nn.Flatten(2), Lambda(lambda x: x.mT), nn.Linear(4, 5)],
}


@pytest.mark.parametrize("parts", BLOCKS.values(), ids=BLOCKS.keys())
def test_what_is_measured_is_what_brute_force_finds(parts) -> None:
    network = network_of(*parts)
    layer = network.layers[str(len(parts))]
    assert layer.reach is None
    for position in corners(layer.size):
        assert network.sees(layer.name, position) == brute(network, layer.name, position, (16, 20))


@pytest.mark.parametrize("blocks", [1, 2])
def test_tokens_of_a_transformer(blocks) -> None:
    network = ph.load(Patches(blocks).double(), input_size=(3, 12, 16))
    assert network.sees("tokens", (0,)) == Box(0, 0, 0, 0)
    assert network.sees("tokens", (0,)).empty
    assert network.sees("tokens", (6,)) == Box(4, 4, 8, 8) == brute(network, "tokens", (6,), (12, 16))
    assert network.sees(f"blocks.{blocks - 1}", (0,)) == Box.whole((12, 16))


PARTS = st.one_of(
    st.builds(
        lambda kernel, stride, dilation, padding, groups: conv(
            kernel, stride=stride, dilation=dilation, padding=padding, groups=groups
        ),
        st.sampled_from([1, 2, 3, (3, 1), (1, 4)]), st.sampled_from([1, 1, 2, (2, 1), 3]), st.sampled_from([1, 1, 2]),
        st.sampled_from([0, 1, (0, 2), (2, 1)]), st.sampled_from([1, 1, 2, 4]),
    ),
    st.builds(nn.MaxPool2d, st.sampled_from([2, 3]), st.sampled_from([1, 2]), st.sampled_from([0, 1]),
              ceil_mode=st.booleans()),
    st.builds(nn.AvgPool2d, st.sampled_from([2, 3]), st.sampled_from([1, 2]), st.sampled_from([0, 1]),
              ceil_mode=st.booleans()),
    st.builds(lambda mode, pad: Lambda(lambda x: F.pad(x, pad, mode)),
              st.sampled_from(["constant", "reflect", "replicate", "circular"]),
              st.sampled_from([(1, 0, 0, 2), (1, 1, 1, 1), (0, 2, 1, 0)])),
    st.sampled_from([nn.ReLU(), nn.GELU(), nn.ReLU(inplace=True), nn.BatchNorm2d(4)]),
    st.builds(Next, st.sampled_from([1, 3])),
    st.just(Lambda(lambda x: torch.cat([x[:, :2], F.conv2d(x, torch.ones(2, 4, 3, 3, dtype=x.dtype), padding=1)], 1))),
    st.just(Lambda(lambda x: x + F.avg_pool2d(x, 3, 1, 1))),
    st.just(Lambda(lambda x: x.roll(1, 3))),
)  # fmt: skip


@given(st.lists(PARTS, min_size=1, max_size=4), st.data(), st.integers(8, 11), st.integers(8, 11))
@settings(max_examples=40)
def test_graph_measurement_and_brute_force_agree(parts, data, height, width) -> None:
    kept: list[nn.Module] = []
    x = torch.ones(1, 4, height, width)
    for part in parts:  # those that still have room
        try:
            x = part.eval()(x.clone())
        except (RuntimeError, ValueError):
            break
        kept.append(part)
    network = network_of(*kept, size=(height, width))
    layer = network.layers[str(len(kept))]
    position = tuple(data.draw(st.sampled_from([0, n - 1]) | st.integers(0, n - 1)) for n in layer.size)
    truth = brute(network, layer.name, position, (height, width), pictures=2)
    assert measured(network, layer.name, position) == truth
    assert network.sees(layer.name, position) == truth


GATES = [
    nn.ReLU(), nn.ReLU(True), nn.ReLU6(True), nn.Hardswish(), nn.Hardtanh(), nn.Hardsigmoid(),
    Lambda(lambda x: x.clamp_(min=0)), Lambda(lambda x: F.threshold_(x, 0, 0)), Lambda(torch.sign),
    Lambda(lambda x: F.relu(x).add_(1)), Lambda(lambda x: x.relu().mul_(2).relu_()),
]  # fmt: skip


@pytest.mark.parametrize("gate", GATES)
def test_shut_gates_hide_nothing(gate) -> None:
    network = network_of(conv(padding=1), gate, conv(padding=1))
    with torch.no_grad():
        network.module[1].bias.fill_(-1e4)
    assert measured(network, "2", (4, 4)) == Box(3, 3, 6, 6) == network.sees("2", (4, 4))
    assert measured(network, "3", (4, 4)) == Box(2, 2, 7, 7) == network.sees("3", (4, 4))


@pytest.mark.parametrize("scale", [1e-25, 1e25, 1e-7])
def test_long_ways_neither_underflow_nor_overflow(scale) -> None:
    network = ph.load(
        nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1, bias=False) for _ in range(12))), input_size=(3, 40, 40)
    )
    with torch.no_grad():
        for place, layer in enumerate(network.module):
            layer.weight.fill_(scale if place % 2 else 1 / scale)
    assert measured(network, "11", (20, 20)) == Box(8, 8, 33, 33)
    with torch.no_grad():  # the ends of every kernel weigh nearly nothing
        for layer in network.module:
            layer.weight.fill_(1.0)[:, :, [0, 2]] *= 1e-7
    assert measured(network, "11", (20, 20)) == Box(8, 8, 33, 33)


def test_runs_of_one_module_see_differently() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.conv(x).permute(0, 2, 3, 1).relu().permute(0, 3, 1, 2)).mean((2, 3))

    network = ph.load(Twice(), input_size=(3, 12, 12))
    assert network.sees("conv#0", (5, 5)) == Box(4, 4, 7, 7)
    assert network.sees("conv", (5, 5)) == network.sees("conv#1", (5, 5)) == Box(3, 3, 8, 8)
    assert network.sees("conv", (0, 8), (9, 9)) == Box(0, 6, 3, 9)


def test_the_network_is_given_back_and_remembers() -> None:
    network = network_of(Next(), nn.BatchNorm2d(4), nn.ReLU(True))
    network.module.train()
    with untouched(network.module):
        first = network.sees("3", (5, 5))
    assert first == Box(3, 3, 8, 8)
    network.module[1].deep.register_forward_hook(lambda *_: pytest.fail("measured again"))
    assert network.sees("3", (5, 5)) == first
    network.module[1].deep._forward_hooks.clear()
    with torch.no_grad():
        network.module[1].deep.weight[:, :, [0, 4]] = 0
    assert network.sees("3", (5, 5)) == Box(4, 3, 7, 8)


def test_positions_that_are_not_there() -> None:
    network = network_of(conv(), nn.Flatten(2))
    for layer, position in (("1", (14, 0)), ("1", (0, -1)), ("1", (3,)), ("2", (4, 4))):
        with pytest.raises(UnitOutOfRange, match="no position"):
            network.sees(layer, position)
    assert ph.load(nn.Sequential(nn.Flatten(), nn.Linear(48, 4)), input_size=(3, 4, 4)).sees("1", ()) == Box.whole(
        (4, 4)
    )


def test_what_has_no_gradient_is_said() -> None:
    network = network_of(Lambda(lambda x: x.detach().flip(2)))
    with pytest.raises(NotDifferentiable, match="no gradient leads from it"):
        network.sees("1", (3, 3))


@pytest.mark.parametrize(
    ("layer", "size", "where"),
    [("conv1", (32, 32), (0, 0, 3, 3)), ("mixed3b", (16, 16), (0, 0, 23, 23)), ("pool3", (8, 8), (0, 0, 27, 27))],
)
def test_miniception(layer, size, where) -> None:
    network = ph.load("miniception")
    assert network.layers[layer].size == size
    assert network.sees(layer, (0, 0)) == Box(*where)
    for position in corners(size):
        assert measured(network, layer, position) == network.sees(layer, position)


@pytest.mark.parametrize(
    ("name", "layer", "position", "where"),
    [
        ("convnext_tiny", "features.1.0", (8, 8), (20, 20, 48, 48)),
        ("convnext_tiny", "features.1.1", (8, 0), (8, 0, 60, 28)),
        ("swin_t", "features.1.0", (8, 0), (28, 0, 56, 28)),
        ("swin_t", "features.1.1", (2, 13), (0, 28, 28, 56)),
    ],
)
def test_networks_of_torchvision(name, layer, position, where) -> None:
    pytest.importorskip("torchvision")
    network = ph.load(name, untrained=True, input_size=(3, 64, 64) if name == "convnext_tiny" else (3, 56, 56))
    assert network.sees(layer, position) == Box(*where)
