"""The fast path against plain autograd: kernels, folding, whole graphs, and when it steps aside."""

from __future__ import annotations

import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close
from untouched import untouched

import phosphene as ph
from phosphene.address import OUTPUT
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
        if affine:
            norm.weight.copy_(draw(5, seed=3))
            norm.bias.copy_(draw(5, seed=4))
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
                for values in (norm.running_mean, norm.bias):
                    nn.init.normal_(values)
                for values in (norm.running_var, norm.weight):
                    nn.init.uniform_(values, 0.5, 2)
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


def activations_and_gradient(
    network: Network, layer: str, arithmetic: str, redirect: bool = False, size: tuple[int, int] | None = None
):
    shape = network.preprocessing.size[:1] + (size or network.preprocessing.size[1:])
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(5)).requires_grad_()
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
    assert apart(coarse[1], expected[1]) < 0.8  # near-ties: a max-pool's, a ReLU's


@pytest.mark.parametrize("packed", [True, False])
def test_other_sizes_and_other_devices_kernels(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of another size than the probes', odd on one side; and the kernels that GPUs get."""
    if not packed:
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    network = ph.load(Odd(), input_size=(3, 24, 24))
    for layer in ("clip", "user", "inplace"):
        exact, fast = (activations_and_gradient(network, layer, how, size=(31, 26)) for how in ("exact", "fp32"))
        assert fast[2] == "fp32"
        assert apart(fast[0], exact[0]) < 1e-5
        assert apart(fast[1], exact[1]) < 1e-5


@pytest.mark.parametrize("name", ["miniception", "miniception-plain"])
def test_miniception_takes_the_fast_path(name: str) -> None:
    network = ph.load(name)
    for layer in ("conv1.conv", "mixed3a", "mixed4b.branch5", "mixed5b"):
        exact, fast = (activations_and_gradient(network, layer, arithmetic) for arithmetic in ("exact", "fp32"))
        assert fast[2] == "fp32"
        assert apart(fast[0], exact[0]) < 1e-5
        assert apart(fast[1], exact[1]) < 1e-2  # a flipped ReLU counts with its whole gradient


class Heads(nn.Module):
    """Reflected borders, a functional convolution, a large linear head."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.reflect = nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect")
            self.kernel = nn.Parameter(torch.randn(8, 4, 3, 3) * 0.2)
            self.wide = nn.Linear(8 * 9, 512)
            self.head = nn.Linear(512, 300)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(self.reflect(x).relu(), self.kernel, stride=2, padding=1, groups=2)
        return self.head(self.wide(F.adaptive_avg_pool2d(x, 3).flatten(1)).relu())


@pytest.mark.parametrize("arithmetic", ["exact", *FAST])
@pytest.mark.parametrize("layer", ["mixed5a", "@out", "heads"])
def test_a_row_does_not_depend_on_its_neighbours(layer: str, arithmetic: str) -> None:
    """Forward and gradient, bit for bit, for batches of 1 to 17."""
    network = ph.load(Heads(), input_size=(3, 24, 24)) if layer == "heads" else ph.load("miniception")
    layer = layer if layer == "mixed5a" else OUTPUT
    x = torch.rand(17, 3, 52, 60, generator=torch.Generator().manual_seed(0))
    with network.frozen(), Tap(network, [layer], arithmetic) as tap:
        assert tap.ran == arithmetic

        def both(rows: Tensor) -> tuple[Tensor, Tensor]:
            leaf = rows.clone().requires_grad_()
            acts = tap(leaf)[layer]
            return acts.detach(), torch.autograd.grad(acts[:, 3].sum(), leaf)[0]

        whole = both(x)
        for rows in (1, 2, 3, 5, 8, 16):
            for part, all_rows in zip(both(x[:rows]), whole, strict=True):
                assert torch.equal(part, all_rows[:rows])


def _trained(module: Odd) -> None:
    with torch.no_grad():
        module.stem.weight.mul_(-1)


def _set(module: Odd) -> None:
    module.stem.weight.data.mul_(-1)  # leaves no trace but the numbers


def _swapped(module: Odd) -> None:
    module.inplace = nn.Tanh()


def _told(module: Odd) -> None:
    module.norm.eps = 1.0


@pytest.mark.parametrize("change", [_trained, _set, _swapped, _told])
def test_a_changed_network_is_a_new_graph(change) -> None:
    network = ph.load(Odd(), input_size=(3, 24, 24))
    before, old = activations_and_gradient(network, "late", "fp32"), network.fingerprint
    change(network.module)
    after, exact = (activations_and_gradient(network, "late", arithmetic) for arithmetic in ("fp32", "exact"))
    assert (network.fingerprint != old) == (change is not _told)
    assert apart(after[0], before[0]) > 1e-3
    assert apart(after[0], exact[0]) < 1e-5


class Keeping(nn.Module):
    """It keeps what it saw, as many a model does; one of its buffers is complex."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.seen: list[Tensor] = []
        self.last: Tensor | None = None
        self.by_name: dict[str, Tensor] = {}
        self.pair: tuple[Tensor, ...] = ()
        self.register_buffer("turns", torch.polar(torch.ones(4), torch.arange(4.0)))

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.conv(x)
        self.seen.append(self.last)
        self.by_name["conv"] = self.last
        self.pair = (self.last, self.last)
        return self.last


def test_no_symbol_of_the_trace_stays_in_the_model() -> None:
    module = Keeping()
    network = ph.load(module, input_size=(3, 16, 16))
    for _ in range(2):  # the second time with what the first one left
        assert ph.render(network, "conv:0", steps=2, arithmetic="fp32").arithmetic == "fp32"
    assert all(type(one) is Tensor for one in (module.last, *module.pair, *module.seen, *module.by_name.values()))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if x.mean() > 0 else self.conv(-x)


class Mutating(nn.Module):
    """Its ReLU's result is thrown away; what counts is that it works in place. On bright noise it does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.last = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3)
        nn.init.uniform_(self.conv.weight, 0, 0.1)
        nn.init.constant_(self.conv.bias, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        self.relu(x)
        return self.last(x)


class Ungated(nn.Module):
    """Activations of its graph are right, gradients are not: tracing does not see the context."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.last = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        with torch.no_grad():
            gate = x.sigmoid()
        return self.last(x * gate)


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, g):
        return g


class Signed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.last = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(Straight.apply(self.conv(x)) * 0.5)


class Soft6(nn.ReLU6):
    """By its type a ReLU6, by its forward not."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sigmoid() * 6


class Soft(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 3), Soft6())


def test_a_subclass_is_what_it_does() -> None:
    network = ph.load(Soft(), input_size=(3, 16, 16))
    exact, fast = (activations_and_gradient(network, "1", arithmetic) for arithmetic in ("exact", "fp32"))
    assert fast[2] == "fp32"
    assert apart(fast[1], exact[1]) < 1e-5


def test_what_cannot_be_traced_runs_as_it_is_and_says_so() -> None:
    hooked = nn.Sequential(nn.Conv2d(3, 4, 3))
    hooked[0].register_forward_hook(lambda module, args, output: output * 2)
    for module, layer, reason in (
        (Branching(), "conv", "cannot be traced"),
        (Mutating(), "last", "works in place"),
        (Ungated(), "last", "other gradients"),
        (Signed(), "last", "graph"),
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


@pytest.mark.parametrize("arithmetic", ["exact", *FAST])
def test_company_of_other_layers_changes_nothing(arithmetic: str) -> None:
    """A neighbour that looks at a bare convolution does not unfold the batch norm behind it."""
    settings = {"steps": 24, "arithmetic": arithmetic, "size": 24}
    network = ph.load(Odd(), input_size=(3, 24, 24))
    alone = ph.render(network, "late:0", **settings)
    beside = ph.render_batch(network, ["late:0", "wide:3", "stem:2"], **settings)[0]
    assert beside.id == alone.id
    assert beside.pixels.tobytes() == alone.pixels.tobytes()


def test_nothing_grows() -> None:
    """Programs, layouts and kernels stay few, whatever is looked at and however long."""
    network = ph.load(Odd(), input_size=(3, 24, 24))
    torch.nn.utils.parametrizations.weight_norm(network.module.wide)  # a weight that is new in each forward
    for layer in ("stem", "norm", "deep", "late", "clip", "user", "pool"):
        activations_and_gradient(network, layer, "fp32")
    assert len(network.programs.made) <= 4
    with network.frozen(), Tap(network, ["clip"]) as exact, Tap(network, ["clip"], "fp32") as fast:
        for _ in range(6):
            for tap in (exact, fast):
                leaf = torch.rand(2, 3, 24, 24).requires_grad_()
                tap(leaf)["clip"].sum().backward()
        assert len(exact._steady._kernels) <= 4
        assert fast._program is not None
        assert len(fast._program.steady._kernels) <= 4


def test_a_network_that_was_looked_at_can_still_be_copied() -> None:
    network = ph.load(Odd(), input_size=(3, 24, 24))
    activations_and_gradient(network, "late", "fp32")
    again = pickle.loads(pickle.dumps(network))
    assert again.fingerprint == network.fingerprint
    assert apart(*(activations_and_gradient(one, "late", "fp32")[0] for one in (again, network))) == 0


def test_a_replay_in_other_arithmetic_is_refused() -> None:
    network = ph.load(Odd(), input_size=(3, 24, 24))
    record = ph.render(network, "late:0", steps=2, arithmetic="fp32").record()
    listener = network.module.pool.register_forward_hook(lambda *_: None)
    with pytest.raises(ph.errors.NotReproducible, match="made in fp32 arithmetic; here it is exact .it has hooks."):
        ph.replay(record, network)
    listener.remove()
    assert ph.replay(record, network).record()["score"] == record["score"]


def test_a_fast_path_made_where_gradients_are_off_is_one() -> None:
    network = ph.load("miniception")
    with network.frozen():
        with torch.no_grad(), Tap(network, ["mixed4b"], "fp32") as tap:
            tap(torch.rand(1, *network.preprocessing.size))
        assert tap.why_plain is None
        with Tap(network, ["mixed4b"], "fp32") as again:
            assert again.why_plain is None
