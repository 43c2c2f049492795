"""Receptive fields against brute force: the pixels on which the middle position's gradient is not zero."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from nets import Lambda
from seen import brute
from torch import Tensor, nn

import phosphene as ph


class Functional(nn.Module):
    """A convolution by function, called by keyword."""

    def __init__(self, **options) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 4, 3, 3))
        self.options = options

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(input=x, weight=self.weight, **self.options)


class Branches(nn.Module):
    def __init__(self, *branches: nn.Module, join="cat") -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        maps = [branch(x) for branch in self.branches]
        return torch.cat(maps, dim=1) if self.join == "cat" else sum(maps)


def conv(kernel=3, **options) -> nn.Conv2d:
    return nn.Conv2d(4, 4, kernel, **options)


LOCAL = {
    "identity": [nn.Identity()],
    "plain": [conv(padding=1), conv(5, padding=2)],
    "no padding": [conv(), conv()],
    "same": [conv(5, padding="same"), conv(3, padding="same", dilation=2), conv(3, padding="valid")],
    "one by one": [conv(1)],
    "not square": [conv((1, 5), padding=(0, 2)), conv((3, 1))],
    "dilated": [conv(padding=2, dilation=2), conv(padding=3, dilation=3)],
    "strided": [conv(padding=1, stride=2), conv(padding=1), conv(padding=1, stride=(2, 1)), conv(padding=1)],
    "grouped": [conv(padding=1, groups=4)],
    "average pool": [conv(padding=1), nn.AvgPool2d(2), conv(padding=1)],
    "average pool, stride": [nn.AvgPool2d(3, stride=1, padding=1), nn.AvgPool2d(3, 2)],
    "max pool": [conv(padding=1), nn.MaxPool2d(3, 2, 1), conv(padding=1)],
    "max pool, dilated": [nn.MaxPool2d(3, 1, 1, dilation=2)],
    "ceil mode": [nn.MaxPool2d(3, 2, ceil_mode=True), conv(), nn.AvgPool2d(2, ceil_mode=True)],
    "functional pools": [Lambda(lambda x: F.max_pool2d(F.avg_pool2d(x, kernel_size=3), kernel_size=2, stride=1))],
    "functional": [Functional(stride=2), Functional(padding=1), Functional(dilation=(1, 2))],
    "torch.conv2d": [Lambda(lambda x: torch.conv2d(x, torch.ones(4, 4, 3, 3, dtype=x.dtype), None, 2))],
    "padded by hand": [Lambda(lambda x: F.pad(x, (0, 1, 0, 1))), conv(stride=2), nn.ZeroPad2d(2), conv(5)],
    "from the other side": [Lambda(lambda x: F.pad(x, (1, 1, 1, 1), mode="circular")), conv()],
    "reflected far": [nn.ReflectionPad2d((3, 2, 2, 3)), conv(1)],
    "replicated": [nn.ReplicationPad2d(2), conv(1)],
    "reflected": [nn.ReflectionPad2d(1), conv()],
    "batch norm": [conv(padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), conv(padding=1)],
    "in place": [conv(padding=1), Lambda(lambda x: x.mul_(2).add_(1)), nn.ReLU(inplace=True), conv(padding=1)],
    "residual": [Branches(nn.Identity(), conv(padding=1), join="sum"), conv(padding=1)],
    "branches": [
        Branches(conv(1), nn.Sequential(conv(padding=1), conv(5, padding=2)), conv(padding=1)),
        nn.Conv2d(12, 4, 1),
    ],
    "branches to two sides": [
        Branches(
            nn.Sequential(nn.ZeroPad2d((0, 4, 0, 0)), conv(5, padding=(2, 0))),
            nn.Sequential(nn.ZeroPad2d((2, 0, 2, 0)), conv(3)),
            join="sum",
        )
    ],
    "channel softmax": [conv(padding=1), nn.Softmax(dim=1)],
    "channel shuffle by index": [conv(padding=1), Lambda(lambda x: x[:, [3, 1, 0, 2]])],
}
WHOLE = {
    "global pool": [conv(), nn.AdaptiveAvgPool2d(1)],
    "mean": [conv(), Lambda(lambda x: x.mean((2, 3), keepdim=True))],
    "linear": [conv(), nn.Flatten(), nn.LazyLinear(3)],
    "squeeze and excite": [Lambda(lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)))],
    "group norm": [nn.GroupNorm(2, 4)],
    "instance norm": [nn.InstanceNorm2d(4)],
    "softmax over columns": [nn.Softmax(dim=-1)],
    "rows out of order": [Lambda(lambda x: x[:, :, torch.arange(x.shape[2] - 1, -1, -1)])],
    "columns out of order": [Lambda(lambda x: x[..., torch.arange(x.shape[3] - 1, -1, -1)])],
    "transposed": [Lambda(lambda x: x.transpose(2, 3)), conv()],
    "mT": [Lambda(lambda x: x.mT)],
    "rolled": [Lambda(lambda x: x.roll(3, 2))],
    "flipped": [Lambda(lambda x: x.flip(3))],
    "matrix product": [Lambda(lambda x: x @ x)],
    "transposed convolution": [nn.ConvTranspose2d(4, 4, 3, padding=1)],
    "upsampled": [nn.Upsample(scale_factor=2)],
    "attention": [Lambda(lambda x: F.scaled_dot_product_attention(x, x, x))],
    "weights from the picture": [Lambda(lambda x: F.conv2d(x, x[:, :, :3, :3], padding=1).expand(-1, 4, -1, -1))],
    "written into": [Lambda(lambda x: write(torch.ones_like(x), x))],
    "after": [nn.InstanceNorm2d(4), conv(padding=1)],
}


def write(board: Tensor, x: Tensor) -> Tensor:
    board[:, :, 1:] = x[:, :, :-1]
    return board


def net_of(parts: list[nn.Module], side: int = 48) -> nn.Sequential:
    net = copy.deepcopy(nn.Sequential(nn.Conv2d(3, 4, 1), *parts)).float()
    net.eval()(torch.ones(1, 3, side, side))  # lazy layers take their sizes
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.uniform_(0.1, 1)  # positive: nothing cancels, and every ReLU is open
    return net


def support(net: nn.Module, wanted: tuple[int, int], side: int = 48) -> tuple[int, int]:
    """Rows and columns of the box of pixels that move the middle position.

    A maximum shows one pixel at a time, so pictures are drawn until the box is as large as wanted.
    """
    hit = torch.zeros(side, side, dtype=torch.bool)
    size = (0, 0)
    for seed in range(40):
        x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        out = net(x)
        (gradient,) = torch.autograd.grad(out[0, 0, out.shape[2] // 2, out.shape[3] // 2].sum(), x)
        hit |= gradient[0].ne(0).any(0)
        rows, columns = hit.any(1).nonzero(), hit.any(0).nonzero()
        size = int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)
        if seed and size == wanted:
            break
    return size


@pytest.mark.parametrize("parts", LOCAL.values(), ids=LOCAL.keys())
def test_field_is_the_support_of_the_gradient(parts):
    net = net_of(parts)
    network = ph.load(net, input_size=(3, 48, 48))
    field = network.layers[str(len(parts))].field
    assert field is not None
    assert support(net, field) == field


@pytest.mark.parametrize("parts", LOCAL.values(), ids=LOCAL.keys())
def test_the_graph_tells_what_corners_see(parts):
    network = ph.load(net_of(parts, 22).double(), input_size=(3, 22, 21))
    layer = network.layers[str(len(parts))]
    assert layer.reach is not None
    for position in [(0, 0), (1, layer.size[1] - 1), (layer.size[0] - 1, layer.size[1] - 1)]:
        assert network.sees(layer.name, position) == brute(network, layer.name, position, (22, 21), pictures=2)


@pytest.mark.parametrize("parts", WHOLE.values(), ids=WHOLE.keys())
def test_field_is_whole_when_positions_mix(parts):
    network = ph.load(net_of(parts), input_size=(3, 48, 48))
    assert network.layers["0"].field == (1, 1)
    assert network.layers[str(len(parts))].field is None


def test_a_custom_function_hides_what_it_sees():
    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.flip(2)

    network = ph.load(nn.Sequential(nn.Conv2d(3, 4, 3), Lambda(Hidden.apply), nn.ReLU()), input_size=(3, 16, 16))
    assert [layer.field for layer in network.layers.values()] == [(3, 3), None, None]


def test_preprocessing_does_not_widen_the_field():
    network = ph.load(nn.Conv2d(3, 2, 3), input_size=(3, 16, 16), mean=(0.5,) * 3, std=(0.2,) * 3)
    assert network.layers == {}
    network = ph.load(nn.Sequential(nn.Conv2d(3, 2, 3)), input_size=(3, 16, 16), mean=(0.5,) * 3, std=(0.2,) * 3)
    assert network.layers["0"].field == (3, 3)
