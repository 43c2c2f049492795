"""Taps: what they see, how far the forward goes, and that nothing stays behind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from untouched import hooks, untouched

import phosphene as ph
from phosphene.address import OUTPUT
from phosphene.errors import ModelError, UnknownLayer
from phosphene.tap import Tap


class Counted(nn.Module):
    """Six layers that count their runs; ReLUs work in place, and one ReLU runs three times."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.b = nn.Conv2d(4, 5, 3)
        self.c = nn.Conv2d(5, 6, 3)
        self.head = nn.Linear(6, 2)
        self.same = self.b
        self.ran: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        for name in ("a", "b", "c"):
            self.ran.append(name)
            x = self.relu(getattr(self, name)(x))
        self.ran.append("head")
        return self.head(x.mean((2, 3)))


@pytest.fixture
def network() -> ph.Network:
    torch.manual_seed(0)
    found = ph.load(Counted(), input_size=(3, 12, 12))
    assert found.layers
    found.module.ran.clear()
    return found


X = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def by_hand(module: Counted) -> dict[str, Tensor]:
    """Every run of every layer, before any in-place operation."""
    found, x = {}, X
    for index, name in enumerate(("a", "b", "c")):
        found[name] = getattr(module, name)(x)
        x = found[f"relu#{index}"] = found[name].clamp(min=0)
    found["relu"] = x
    found["head"] = found[OUTPUT] = module.head(x.mean((2, 3)))
    found["same"] = found["b"]
    return found


def same(acts: dict[str, Tensor], module: Counted) -> None:
    wanted = by_hand(module)
    for name, value in acts.items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-4, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize(
    ("layers", "last"),
    [(["a"], "a"), (["b", "a"], "b"), (["relu#0"], "a"), (["relu#1", "b"], "b"), (["relu"], "c"), (["c", "a"], "c")],
)
def test_the_forward_stops_after_the_last_needed_layer(network, layers, last):
    with network.frozen(), Tap(network, layers) as tap:
        acts = tap(X)
    assert network.module.ran == ["a", "b", "c", "head"][: "abc".index(last) + 1]
    assert set(acts) == set(layers)
    same(acts, network.module)


def test_all_at_once_with_the_output(network):
    layers = ["head", "c", "b", "a", "relu#0", "relu#1", "relu#2", "relu", "same", OUTPUT, "a"]
    with network.frozen(), Tap(network, layers) as tap:
        for _ in range(2):
            acts = tap(X)
            assert set(acts) == set(layers)
            same(acts, network.module)
    assert network.module.ran[-1] == "head"


def test_a_layer_before_an_in_place_relu_keeps_its_negative_values_and_gradient(network):
    with network.frozen(), Tap(network, ["a", "c"]) as tap:
        x = X.clone().requires_grad_()
        acts = tap(x)
        assert (acts["a"] < 0).any()
        (found,) = torch.autograd.grad(acts["a"].sum() + acts["c"].sum(), x)
        twin = X.clone().requires_grad_()
        a = network.module.a(twin)
        c = network.module.c(network.module.b(a.clamp(min=0)).clamp(min=0))
        (wanted,) = torch.autograd.grad(a.sum() + c.sum(), twin)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_hooks_live_inside_the_block_only(network):
    with Tap(network, ["a", "relu#1"]) as tap:
        assert hooks(network.module) == 2
        with torch.no_grad():
            tap(X)
    assert hooks(network.module) == 0
    with pytest.raises(RuntimeError, match="inside its with block"):
        tap(X)


def test_hooks_go_after_an_exception(network):
    with untouched(network.module), pytest.raises(ZeroDivisionError), Tap(network, ["a"]):
        raise ZeroDivisionError
    with untouched(network.module), pytest.raises(ModelError), Tap(network, ["c"]) as tap:
        tap(torch.rand(1, 3, 4, 4))
    with untouched(network.module), pytest.raises(UnknownLayer), Tap(network, ["a", "nothing"]):
        pass


def test_a_forward_that_failed_leaves_nothing_for_the_next(network):
    with network.frozen(), Tap(network, ["a", "c"]) as tap:
        with pytest.raises(ModelError, match="3 x 4 x 4"):
            tap(torch.rand(1, 3, 4, 4))
        same(tap(X), network.module)


def test_two_taps_on_one_network(network):
    with network.frozen(), Tap(network, ["a"]) as first:
        with Tap(network, ["relu#1", OUTPUT]) as second:
            for tap in (first, second, first):
                same(tap(X), network.module)
        assert hooks(network.module) == 1
        assert set(first(X)) == {"a"}
    assert hooks(network.module) == 0


def test_hooks_of_the_owner_stay_and_run(network):
    seen = []
    network.module.a.register_forward_hook(lambda *_: seen.append("a"))
    with untouched(network.module), Tap(network, ["b"]) as tap, torch.no_grad():
        tap(X)
    assert seen == ["a"]


def test_a_layer_that_this_picture_does_not_reach(network):
    class Sized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(3, 4, 1)
            self.b = nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            return self.b(x) if x.shape[2] > 8 else x

    sized = ph.load(Sized(), input_size=(3, 12, 12))
    with Tap(sized, ["b"]) as tap, pytest.raises(ModelError, match="did not reach b on a picture of 8 x 8"):
        tap(torch.rand(1, 3, 8, 8))


def test_a_tap_is_no_obstacle_to_broad_excepts():
    class Careful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(3, 4, 1)
            self.after = 0

        def forward(self, x: Tensor) -> Tensor:
            try:
                x = self.a(x)
            except Exception:
                x = torch.zeros(1)
            self.after += 1
            return x.mean((2, 3))

    network = ph.load(Careful(), input_size=(3, 8, 8))
    assert network.layers["a"].channels == 4
    after = network.module.after
    with Tap(network, ["a"]) as tap, torch.no_grad():
        tap(torch.rand(1, 3, 8, 8))
    assert network.module.after == after
