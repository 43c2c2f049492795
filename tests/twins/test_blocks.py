"""Max-pools in parts, and branches that are left out, against plain autograd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

import phosphene as ph
from phosphene.fast import pool as pools
from phosphene.fast.kernels import Switch
from phosphene.fast.pool import MaxPool
from phosphene.tap import Tap


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@st.composite
def cases(pick: st.DrawFn) -> tuple[nn.MaxPool2d, tuple[int, ...]]:
    kernel = pick(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = pick(st.tuples(st.integers(0, kernel[0] // 2), st.integers(0, kernel[1] // 2)))
    stride = pick(st.one_of(st.none(), st.tuples(st.integers(1, 3), st.integers(1, 3))))
    dilation = pick(st.sampled_from([1, 1, 2]))
    layer = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=pick(st.booleans()))
    return layer, (pick(st.integers(1, 5)), pick(st.integers(1, 6)), pick(st.integers(8, 12)), pick(st.integers(8, 12)))


@settings(max_examples=150)
@given(cases(), st.sampled_from([None, float("inf"), 1.0]), st.booleans(), st.sampled_from([8, 2**20]))
def test_a_max_pool_is_that_of_pytorch(case, top: float | None, redirect: bool, cache: int) -> None:
    """Values and gradients, ties of zeros and of clipped values included, one row at a time and all at once; with
    ``top`` the gradient behind the ReLU before it, which is blocked at the pool instead."""
    plain, shape = case
    layer = MaxPool(plain, Switch(redirect))
    layer.top = top
    x = draw(*shape) if top is None else draw(*shape).clamp(0, top)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "CACHE", cache)
        for function in (plain, layer):
            leaf = x.clone().requires_grad_()
            y = function(leaf)
            (gradient,) = torch.autograd.grad(y, leaf, draw(*y.shape, seed=1))
            if top is not None and not redirect and function is plain:  # what the gradient of the ReLU before it does
                gradient = gradient * ((x > 0) & (x < top))
            found.append((y.detach(), gradient))
    assert_close(found[1][0], found[0][0], rtol=0, atol=0, check_stride=False)
    assert_close(found[1][1], found[0][1], rtol=1e-6, atol=1e-6, check_stride=False)


def test_indices_of_large_maps_fit() -> None:
    x = draw(1, 2, 190, 190)
    found = []
    for layer in (nn.MaxPool2d(2), MaxPool(nn.MaxPool2d(2), Switch())):
        leaf = x.clone().requires_grad_()
        found.append(torch.autograd.grad(layer(leaf).sum(), leaf)[0])
    assert torch.equal(*found)


class Block(nn.Module):
    """Three branches: a convolution, one with its batch norm and ReLU, a pool and a functional ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(6, 4, 1)
        self.two = nn.Sequential(nn.Conv2d(6, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU())
        self.three = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(6, 3, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.two(x), F.relu(self.three(x), inplace=True)], 1)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.stem = nn.Conv2d(3, 6, 3, 2, 1)
            self.relu = nn.ReLU(inplace=True)
            self.pool = nn.MaxPool2d(3, 2, 1)
            self.block = Block()
            self.after = nn.Conv2d(12, 4, 1)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.block(self.pool(self.relu(self.stem(x)))))


@pytest.fixture(scope="module")
def branching() -> ph.Network:
    return ph.load(Branching(), input_size=(3, 24, 24))


KEPT = [({0}, (0, 4)), ({4, 8}, (4, 9)), ({11}, (9, 12)), ({3, 4}, (0, 9))]


@pytest.mark.parametrize("arithmetic", ["fp32", "bf16"])
@pytest.mark.parametrize(("channels", "run"), KEPT)
def test_branches_that_nobody_reads_are_zero_and_the_others_the_same(
    branching: ph.Network, arithmetic: str, channels: set[int], run: tuple[int, int]
) -> None:
    found = []
    pictures = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    with branching.frozen():
        for only in ({}, {"block": frozenset(channels)}):
            with Tap(branching, ["block"], arithmetic, only) as tap:
                assert tap.ran == arithmetic
                leaf = pictures.clone().requires_grad_()
                acts = tap(leaf)["block"]
                (gradient,) = torch.autograd.grad(acts[:, sorted(channels)].sum(), leaf)
                found.append((acts.detach(), gradient))
    (whole, by_whole), (part, by_part) = found
    inside = torch.zeros(12, dtype=torch.bool)
    inside[slice(*run)] = True
    assert torch.equal(part[:, inside], whole[:, inside])
    assert not part[:, ~inside].any()
    assert whole[:, ~inside].any()
    assert torch.equal(by_part, by_whole)


@pytest.mark.parametrize("arithmetic", ["fp32", "bf16"])
def test_company_from_another_branch_changes_nothing(branching: ph.Network, arithmetic: str) -> None:
    how = {"steps": 12, "size": 24, "arithmetic": arithmetic}
    alone = ph.render(branching, "block:1", **how)
    for others in (["block:10"], ["block:5", "block"], ["after:2"], ["block:random#3"]):
        beside = ph.render_batch(branching, ["block:1", *others], **how)[0]
        assert beside.pixels.tobytes() == alone.pixels.tobytes()


def test_only_units_say_which_channels_they_read() -> None:
    from phosphene.objectives import PerRow, from_text

    def read(*targets: str) -> dict[str, frozenset[int]]:
        return PerRow(tuple(from_text(target) for target in targets)).channels

    assert read("block:1", "block:5@2,3 - 0.1*tv") == {"block": {1, 5}}
    assert read("block:1 + after:2") == {"block": {1}, "after": {2}}
    assert read("block:1", "block") == {}
    assert read("block:1 + block:random#3 + after:0") == {"after": {0}}


class Shortcuts(nn.Module):
    """Sums with a convolution: on either side, in place, without a ReLU, clipped at 6, of two convolutions, of one map
    with itself, of one number a channel, and of one whose convolution is read elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convs = nn.ModuleList(nn.Conv2d(3 if i == 0 else 6, 6, 3, padding=1) for i in range(10))
            self.norm = nn.BatchNorm2d(6)
            self.gain = nn.Parameter(torch.randn(1, 6, 1, 1))
            self.kinds = nn.ModuleDict({name: nn.Identity() for name in SUMS})
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        c = self.convs
        x = self.kinds["first"](F.relu(c[0](x)))
        x = self.kinds["right"](F.relu(x + self.norm(c[1](x))))
        y = c[2](x)
        y += x
        x = self.kinds["in_place"](F.relu(y, inplace=True))
        x = self.kinds["bare"](torch.add(c[3](x), x))
        x = self.kinds["six"](F.relu6(c[4](x).add(x)))
        x = self.kinds["two"](F.relu(c[5](x) + c[6](x)))
        y = c[7](x)
        x = self.kinds["itself"](F.relu(y + y))
        x = self.kinds["number"](F.relu(c[8](x) + self.gain))
        y = c[9](x)
        x = self.kinds["read"](F.relu(y + x) * y.sigmoid())
        return self.kinds["scaled"](torch.add(c[9](x), x, alpha=2)).mean((2, 3))


SUMS = ("first", "right", "in_place", "bare", "six", "two", "itself", "number", "read", "scaled")


@pytest.mark.parametrize("redirect", [False, True])
@pytest.mark.parametrize("kind", SUMS)
def test_a_sum_inside_a_convolution_is_the_sum(kind: str, redirect: bool) -> None:
    network = ph.load(Shortcuts(), input_size=(3, 12, 12))
    found = []
    pictures = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    with network.frozen():
        for arithmetic in ("exact", "fp32"):
            with Tap(network, [f"kinds.{kind}"], arithmetic) as tap:
                assert tap.ran == arithmetic
                leaf = pictures.clone().requires_grad_()
                acts = tap(leaf, redirect=redirect)[f"kinds.{kind}"]
                (gradient,) = torch.autograd.grad(acts, leaf, draw(*acts.shape, seed=1))
                found.append((acts.detach(), gradient))
    assert_close(found[1][0], found[0][0], rtol=1e-4, atol=1e-4, check_stride=False)
    assert_close(found[1][1], found[0][1], rtol=1e-3, atol=1e-3, check_stride=False)


def test_shortcuts_and_their_relus_are_inside() -> None:
    """Of the sums above, those that can be are not run by themselves."""
    network = ph.load(Shortcuts(), input_size=(3, 12, 12))
    with network.frozen(), Tap(network, ["kinds.itself"], "fp32") as tap:
        graph = tap._program.module.graph
    called = [node for node in graph.nodes if node.op == "call_module"]
    assert sum(len(node.args) == 2 for node in called) == 5  # right, in_place, bare, six, two
    sums = [node for node in graph.nodes if "add" in str(node.target)]
    assert len(sums) == 1  # of one map with itself


def test_memory_is_held_and_given_back() -> None:
    from phosphene import memory

    with memory.held(), memory.held():
        assert memory._holding == 2
    assert memory._holding == 0
    with pytest.raises(ValueError, match="inside"), memory.held():
        raise ValueError("inside")
    assert memory._holding == 0
