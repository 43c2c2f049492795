"""The table of layers: kinds, widths, runs; and how a layer is found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import phosphene as ph
from phosphene.errors import UnitOutOfRange, UnknownLayer
from phosphene.models.layers import kind_of


class Turn(nn.Module):
    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)


class Turned(nn.LayerNorm):
    """A norm over channels of a map, as ConvNeXt has it: channels stay first."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def table(*parts: nn.Module, size=(3, 16, 16)) -> list[tuple[str, int, tuple[int, ...]]]:
    network = ph.load(nn.Sequential(*parts), input_size=size)
    return [(layer.kind, layer.channels, layer.size) for layer in network.layers.values()]


def test_maps_tokens_and_vectors():
    parts = nn.Conv2d(3, 5, 3), nn.Flatten(2), Turn(0, 2, 1), nn.Linear(5, 7), nn.Flatten(), nn.Linear(14 * 14 * 7, 4)
    assert table(*parts) == [
        ("map", 5, (14, 14)), ("tokens", 196, (5,)), ("tokens", 5, (196,)), ("tokens", 7, (196,)),
        ("vector", 1372, ()), ("vector", 4, ()),
    ]  # fmt: skip


@pytest.mark.parametrize("channels", [8, 5, 2])
@pytest.mark.parametrize("size", [(3, 16, 16), (3, 16, 24), (3, 24, 16)])
def test_channels_last(channels, size):
    parts = nn.Conv2d(3, channels, 2, 2), Turn(0, 2, 3, 1), nn.LayerNorm(channels), nn.Linear(channels, 6)
    last = (size[1] // 2, size[2] // 2)
    found = table(*parts, Turn(0, 3, 1, 2), size=size)
    if channels != 8:  # as wide as the map is high: only the module tells
        assert found[1] == ("map-last", channels, last)
    assert found[0] == ("map", channels, last)
    assert found[2:] == [("map-last", channels, last), ("map-last", 6, last), ("map", 6, last)]


def test_a_norm_that_turns_the_map_is_a_map():
    assert table(nn.Conv2d(3, 8, 2, 2), Turned(8)) == [("map", 8, (8, 8))] * 2


@pytest.mark.parametrize("shape", [(1, 512, 1, 1), (1, 64, 2, 2), (1, 7, 7, 7), (1, 1, 9, 9), (1, 16, 16, 1)])
def test_narrow_maps_stay_maps(shape):
    assert kind_of(torch.Size(shape), (64, 64)) == "map"


@pytest.mark.parametrize("shape", [(1, 2, 2, 64), (1, 1, 1, 512), (1, 56, 56, 96), (1, 3, 6, 32)])
def test_wide_last_dimensions_are_channels(shape):
    assert kind_of(torch.Size(shape), (64, 64 * shape[2] // shape[1])) == "map-last"


class Shared(nn.Module):
    """One ReLU for two widths and a vector; one norm for a map with channels last and for tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)
        self.relu, self.norm = nn.ReLU(inplace=True), nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.b(self.relu(self.a(x)))).permute(0, 2, 3, 1)
        x = self.norm(self.norm(x).flatten(1, 2)).mean(1)
        return self.head(self.relu(x))


def test_each_run_has_its_own_shape():
    network = ph.load(Shared(), input_size=(3, 12, 12))
    relu = [(one.kind, one.channels, one.size, one.field) for one in network.runs["relu"]]
    assert relu == [("map", 8, (10, 10), (3, 3)), ("map", 4, (8, 8), (5, 5)), ("vector", 4, (), None)]
    assert [(one.kind, one.size) for one in network.runs["norm"]] == [("map-last", (8, 8)), ("tokens", (64,))]
    assert {name: layer.calls for name, layer in network.layers.items()} == {
        "a": 1, "relu": 3, "b": 1, "norm": 2, "head": 1,
    }  # fmt: skip
    assert network.layers["relu"] == network.runs["relu"][2]


@pytest.mark.parametrize("target", ["relu#0:7", "relu#1:3", "relu:3", "relu#2:3", "norm#0:3@2,2", "norm:3", "norm#1"])
def test_units_of_every_run_render(target):
    network = ph.load(Shared(), input_size=(3, 12, 12))
    assert ph.render(network, target, steps=2, robust=1, transform="none", size=12).target == target


def test_units_beyond_a_run_are_refused():
    network = ph.load(Shared(), input_size=(3, 12, 12))
    for target in ("relu#1:7", "relu:7"):
        with pytest.raises(UnitOutOfRange, match="4 channels, 0 to 3"):
            ph.render(network, target, steps=1)


@pytest.mark.parametrize(
    ("asked", "run"), [("relu", 2), ("relu#0", 0), ("relu#1", 1), ("relu#2", 2), ("a", 0), ("a#0", 0)]
)
def test_find(asked, run):
    network = ph.load(Shared(), input_size=(3, 12, 12))
    layer, index = network.find(asked)
    assert index == run
    assert layer is network.runs[asked.partition("#")[0]][run]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("relu#3", "no relu#3: relu runs 3 times in a forward; the last is relu#2"),
        ("relu#-1", "the last is relu#2"),
        ("relu#x", "the last is relu#2"),
        ("a#1", "no a#1: a runs once in a forward; the last is a#0"),
        ("reluu", "no layer 'reluu' in Shared; closest: relu, "),
        ("", "no layer '' in Shared"),
    ],
)
def test_what_is_not_found(asked, said):
    network = ph.load(Shared(), input_size=(3, 12, 12))
    with pytest.raises(UnknownLayer) as caught:
        network.find(asked)
    assert said in str(caught.value)


def test_a_module_with_two_names_answers_to_both():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 1)
            self.second = self.first

        def forward(self, x: Tensor) -> Tensor:
            return self.second(x).mean((2, 3))

    network = ph.load(Twice(), input_size=(3, 8, 8))
    assert list(network.layers) == ["first"]
    assert network.find("second") == network.find("first")


def test_layers_come_in_the_order_in_which_they_finish():
    network = ph.load(nn.Sequential(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()), nn.Flatten()), input_size=(3, 4, 4))
    assert list(network.layers) == ["0.0", "0.1", "0", "1"]
    assert [layer.module for layer in network.layers.values()] == ["Conv2d", "ReLU", "Sequential", "Flatten"]
