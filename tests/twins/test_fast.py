"""The fast path against plain autograd: kernels, folding, whole graphs, and when it steps aside."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close
from untouched import untouched

import phosphene as ph
from phosphene.fast.fuse import fold
from phosphene.fast.kernels import Geometry, PackedConvolution, Switch
from phosphene.models.network import Network
from phosphene.models.surgery import RedirectRelu
from phosphene.tap import Tap

FAST = ("fp32", "bf16")


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@st.composite
def convolutions(pick: st.DrawFn) -> tuple[Geometry, tuple[int, int, int, int], tuple[int, int]]:
    """Geometry, weight shape (outputs, inputs per group, height, width) and picture size: all that nets use."""
    small = st.integers(1, 3)
    groups = pick(st.sampled_from([1, 1, 2, 4]))
    kernel = pick(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride, dilation = pick(st.tuples(small, small)), pick(st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 3)]))
    padding = pick(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    size = pick(st.tuples(st.integers(14, 20), st.integers(14, 20)))
    shape = (groups * pick(small), pick(small), *kernel)
    return Geometry(stride, padding, dilation, groups), shape, size


@settings(max_examples=150)
@given(convolutions(), st.sampled_from([None, float("inf"), 1.0]), st.booleans())
def test_a_convolution_and_its_relu_are_those_of_autograd(case, top: float | None, redirect: bool) -> None:
    how, shape, size = case
    x, weight, bias = draw(2, shape[1] * how.groups, *size), draw(*shape, seed=1), draw(shape[0], seed=2)
    switch = Switch(redirect)
    layer = PackedConvolution(weight, bias, how, torch.float32, switch)
    layer.top = top

    def plain(leaf: Tensor) -> Tensor:
        z = F.conv2d(leaf, weight, bias, *how)
        if top is None:
            return z
        clipped = (lambda: F.relu(z)) if top == float("inf") else (lambda: F.hardtanh(z, 0.0, top))
        if not redirect:
            return clipped()
        with RedirectRelu():
            return clipped()

    found = []
    for function in (plain, layer):
        leaf = x.clone().requires_grad_()
        y = function(leaf)
        (gradient,) = torch.autograd.grad(y, leaf, draw(*y.shape, seed=3))
        found.append((y.detach(), gradient))
    assert_close(found[1][0], found[0][0], rtol=1e-5, atol=1e-4, check_stride=False)
    assert_close(found[1][1], found[0][1], rtol=1e-5, atol=1e-4, check_stride=False)


@given(st.booleans(), st.booleans())
def test_a_folded_batch_norm_is_the_batch_norm(bias: bool, affine: bool) -> None:
    conv, norm = nn.Conv2d(3, 5, 3, bias=bias), nn.BatchNorm2d(5, affine=affine).eval()
    with torch.no_grad():
        norm.running_mean.copy_(draw(5, seed=1))
        norm.running_var.copy_(draw(5, seed=2).exp())
    x = draw(2, 3, 8, 8)
    weight, shift = fold(conv.weight, conv.bias, norm)
    assert_close(F.conv2d(x, weight, shift), norm(conv(x)), rtol=1e-4, atol=1e-5)


class Even(nn.Conv2d):
    """A user's convolution that decides by looking at its input."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 1, 0, 1) if x.shape[2] % 2 == 0 else (1, 1, 1, 1))
        return super().forward(x)


class Odd(nn.Module):
    """What graphs stumble over: a ReLU in place behind a layer that is looked at, one run twice, a residual added in
    place, functional spellings, a user's convolution, groups, an average, a constant, a parameter read directly."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.stem = nn.Conv2d(3, 8, 5, 2, 2)
            self.norm = nn.BatchNorm2d(8)
            self.inplace = nn.ReLU(inplace=True)
            self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
            self.wide = nn.Conv2d(8, 8, 1)
            self.late = nn.BatchNorm2d(8)
            self.clip = nn.ReLU6()
            self.user = Even(8, 12, 3, 2)
            self.gain = nn.Parameter(torch.rand(12, 1, 1) + 0.5)
            self.pool = nn.MaxPool2d(3, 2, 1)
            self.head = nn.Linear(12, 4)
            for norm in (self.norm, self.late):
                nn.init.normal_(norm.running_mean)
                nn.init.uniform_(norm.running_var, 0.5, 2)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.inplace(self.norm(self.stem(x)))
        y = self.late(self.wide(self.deep(x)))
        y += x
        y = self.clip(y)
        y = torch.cat([self.pool(y), F.avg_pool2d(y, 3, 2, 1)[:, :0]], dim=1)
        y = F.relu(self.user(y)) * self.gain
        y = self.inplace(y - 0.1 * torch.ones(()))
        return self.head(y.mean((2, 3)).relu())


LAYERS = ["stem", "norm", "inplace#0", "deep", "late", "clip", "user", "inplace", "logit"]


def activations_and_gradient(network: Network, layer: str, arithmetic: str, redirect: bool = False):
    x = torch.rand(3, *network.preprocessing.size, generator=torch.Generator().manual_seed(5)).requires_grad_()
    with network.frozen(), Tap(network, [layer], arithmetic) as tap:
        acts = tap(x, redirect=redirect)[layer]
        weights = draw(*acts.shape, seed=1)
        (gradient,) = torch.autograd.grad((acts * weights).sum(), x)
        return acts.detach(), gradient, tap.ran


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("redirect", [False, True])
@pytest.mark.parametrize("layer", LAYERS)
def test_the_graph_is_the_network(layer: str, redirect: bool) -> None:
    """fp32: activations within 1e-5; gradients too, up to a ReLU that rounding flips, of which this net has none."""
    from phosphene.address import OUTPUT

    name = OUTPUT if layer == "logit" else layer
    network = ph.load(Odd(), input_size=(3, 24, 24))
    expected = activations_and_gradient(network, name, "exact", redirect)
    with untouched(network.module):
        found = activations_and_gradient(network, name, "fp32", redirect)
        coarse = activations_and_gradient(network, name, "bf16", redirect)
    assert (found[2], coarse[2]) == FAST
    assert apart(found[0], expected[0]) < 1e-5
    assert apart(found[1], expected[1]) < 1e-5
    assert apart(coarse[0], expected[0]) < 0.05
    assert apart(coarse[1], expected[1]) < 0.4


@pytest.mark.parametrize("name", ["miniception", "miniception-plain"])
def test_miniception_takes_the_fast_path(name: str) -> None:
    network = ph.load(name)
    for layer in ("conv1.conv", "mixed3a", "mixed4b.branch5", "mixed5b"):
        exact, fast = (activations_and_gradient(network, layer, arithmetic) for arithmetic in ("exact", "fp32"))
        assert fast[2] == "fp32"
        assert apart(fast[0], exact[0]) < 1e-5
        assert apart(fast[1], exact[1]) < 1e-2  # a flipped ReLU counts with its whole gradient


@pytest.mark.parametrize("arithmetic", FAST)
def test_a_row_does_not_depend_on_its_neighbours(arithmetic: str) -> None:
    """Forward and gradient, bit for bit, for batches of 1 to 17."""
    network = ph.load("miniception")
    x = torch.rand(17, 3, 52, 60, generator=torch.Generator().manual_seed(0))
    with network.frozen(), Tap(network, ["mixed5a"], arithmetic) as tap:

        def both(rows: Tensor) -> tuple[Tensor, Tensor]:
            leaf = rows.clone().requires_grad_()
            acts = tap(leaf)["mixed5a"]
            return acts.detach(), torch.autograd.grad(acts.mean((2, 3))[:, 3].sum(), leaf)[0]

        whole = both(x)
        for rows in (1, 2, 3, 5, 8, 16):
            for part, all_rows in zip(both(x[:rows]), whole, strict=True):
                assert torch.equal(part, all_rows[:rows])


def test_new_weights_make_a_new_graph() -> None:
    network = ph.load(Odd(), input_size=(3, 24, 24))
    before, old = activations_and_gradient(network, "late", "fp32"), network.fingerprint
    with torch.no_grad():
        network.module.stem.weight.mul_(-1)
    after, exact = (activations_and_gradient(network, "late", arithmetic) for arithmetic in ("fp32", "exact"))
    assert network.fingerprint != old
    assert apart(after[0], before[0]) > 0.01
    assert apart(after[0], exact[0]) < 1e-5


class Keeping(nn.Module):
    """It keeps what it saw, as many a model does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.seen: list[Tensor] = []
        self.last: Tensor | None = None
        self.by_name: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.conv(x)
        self.seen.append(self.last)
        self.by_name["conv"] = self.last
        return self.last


def test_no_symbol_of_the_trace_stays_in_the_model() -> None:
    module = Keeping()
    result = ph.render(ph.load(module, input_size=(3, 16, 16)), "conv:0", steps=2, arithmetic="fp32")
    assert result.arithmetic == "fp32"
    assert all(type(one) is Tensor for one in (module.last, *module.seen, *module.by_name.values()))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if x.mean() > 0 else self.conv(-x)


class Mutating(nn.Module):
    """Its ReLU's result is thrown away; what counts is that it works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.last = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        self.relu(x)
        return self.last(x)


def test_what_cannot_be_traced_runs_as_it_is_and_says_so() -> None:
    hooked = nn.Sequential(nn.Conv2d(3, 4, 3))
    hooked[0].register_forward_hook(lambda module, args, output: output * 2)
    for module, layer, reason in (
        (Branching(), "conv", "cannot be traced"),
        (Mutating(), "last", "other activations"),
        (hooked, "0", "hooks"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)).double(), "0", "weights are torch.float64"),
    ):
        result = ph.render(ph.load(module, input_size=(3, 16, 16)), f"{layer}:0", steps=2, arithmetic="fp32")
        assert result.arithmetic.startswith("exact (")
        assert reason in result.arithmetic
        assert result.record()["arithmetic"] == result.arithmetic


def test_the_record_says_which_arithmetic_and_replays_it() -> None:
    for arithmetic in ("exact", "fp32", "bf16"):
        result = ph.render("miniception", "mixed3a:3", steps=6, arithmetic=arithmetic)
        assert result.spec["arithmetic"] == result.arithmetic == arithmetic
        assert ph.replay(result.record()).pixels.tobytes() == result.pixels.tobytes()
    with pytest.raises(ph.errors.BadSpec, match="arithmetic is exact, fp32, bf16, not 'fp8'"):
        ph.render("miniception", "mixed3a:3", steps=1, arithmetic="fp8")


def test_fast_pictures_score_as_exact_ones() -> None:
    """The score is always measured exactly; pictures climbed in other arithmetic reach about the same."""
    targets = "mixed4a:0..7"
    means = {
        arithmetic: sum(r.score.clean for r in ph.render_batch("miniception", targets, steps=96, arithmetic=arithmetic))
        for arithmetic in ("exact", *FAST)
    }
    assert means["fp32"] == pytest.approx(means["exact"], rel=0.1)
    assert means["bf16"] == pytest.approx(means["exact"], rel=0.1)
