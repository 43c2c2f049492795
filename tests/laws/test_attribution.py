"""Attribution: the three rules in closed form, however a ReLU is called; switches, rows, notes, the sanity check."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from models.test_surgery import RELU6S, RELUS
from nets import Gated, linear, two
from scipy.stats import spearmanr
from torch import Tensor, nn
from untouched import untouched

import phosphene as ph
from phosphene.attribution import attribute, attribute_rows, attributions, drawn, peaks, randomised
from phosphene.attribution.rules import Ruled, deconvolved, guided
from phosphene.attribution.sanity import ranks, shuffle, stages
from phosphene.errors import BadSpec, NotDifferentiable, UnitOutOfRange, UnknownOption
from phosphene.objectives import from_text
from phosphene.rng import Stream

METHODS = attributions.names()
SIZE = (3, 8, 8)


class Hidden(nn.Module):
    """f(x) = v . relu(W x), the ReLU called in one of many ways."""

    def __init__(self, w: Tensor, v: Tensor, relu=F.relu) -> None:
        super().__init__()
        self.register_buffer("w", w)
        self.register_buffer("v", v)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        return (self.relu(x.flatten(1) @ self.w.T) @ self.v)[:, None]


def hidden(seed: int, relu=F.relu, scale: float = 1.0) -> tuple[ph.Network, Tensor, Tensor, Tensor]:
    """The network, W, v, a picture."""
    rng = np.random.default_rng(seed)
    w = torch.from_numpy(rng.normal(size=(40, math.prod(SIZE))).astype(np.float32)) * scale
    v = torch.from_numpy(rng.normal(size=40).astype(np.float32))
    x = torch.from_numpy(rng.uniform(size=(1, *SIZE)).astype(np.float32))
    return ph.load(Hidden(w, v, relu), input_size=SIZE), w, v, x


def pictures(rows: int, size: tuple[int, int, int] = (3, 12, 12), seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(size=(rows, *size)).astype(np.float32))


def relative(a: Tensor, b: Tensor) -> float:
    return float(((a - b).abs().max() / b.abs().max()).detach())


def closed(method: str, w: Tensor, v: Tensor, x: Tensor, top: float = math.inf) -> Tensor:
    """The map by matrices."""
    z = w @ x.flatten()
    opened = ((z > 0) & (z < top)).float()
    at_relu = {
        "saliency": v * opened,
        "deconv": v.clamp(min=0),
        "guided": v.clamp(min=0) * opened,
        "gradient_x_input": v * opened,
    }[method]
    found = (w.T @ at_relu).view_as(x)
    return found * x if method == "gradient_x_input" else found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_rules_in_closed_form(method: str, seed: int) -> None:
    network, w, v, x = hidden(seed)
    made = attribute(network, ph.Logit(0), x, method)
    assert relative(made.signed, closed(method, w, v, x)) < 1e-5
    assert torch.equal(made.map, made.signed.abs().amax(1))
    assert made.scores.item() == pytest.approx(float(v @ (w @ x.flatten()).clamp(min=0)), rel=1e-5)
    assert (made.method, made.silent) == (method, (False,))
    if method == "deconv":  # W^T relu(v), whatever the picture
        assert (
            made.note == "deconv gives every picture this map: without max-pools nothing on its way back depends on one"
        )
    else:
        assert made.note is None


@pytest.mark.parametrize("pools", [False, True])
def test_deconv_finds_out_once_whether_it_sees(pools: bool) -> None:
    """Also on plain grey, which is its own negative: the picture after it costs one forward and is told the same."""
    network = hidden(0)[0]
    if pools:
        parts = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 1)
        network = ph.load(nn.Sequential(*parts), input_size=SIZE)
    x, forwards = pictures(1, SIZE), list[int]()
    attribute(network, ph.Logit(0), x, "saliency")  # memory is measured
    network.module.register_forward_pre_hook(lambda *_: forwards.append(1))
    for picture, many in ((torch.full_like(x, 0.5), 2), (x, 1)):
        forwards.clear()
        made = attribute(network, ph.Logit(0), picture, "deconv")
        assert len(forwards) == many
        assert ("gives every picture this map" in str(made.note)) is not pools


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", [*RELUS, *RELU6S])
def test_every_way_to_call_a_relu_gives_the_same(method: str, form: str) -> None:
    top, call = (6.0, RELU6S[form]) if form in RELU6S else (math.inf, RELUS[form])
    network, w, v, x = hidden(0, call, scale=2.0)
    z = w @ x.flatten()
    assert bool((z > 6).any())
    assert bool((z < 0).any())
    with untouched(network.module):
        made = attribute(network, ph.Logit(0), x, method)
    assert relative(made.signed, closed(method, w, v, x, top)) < 1e-5
    assert "no ReLU" not in str(made.note)


@pytest.mark.parametrize(("rule", "wanted"), [(deconvolved, [1, 2, 0, 4]), (guided, [0, 2, 0, 0])])
def test_rules_keep_values_and_count_what_they_met(rule, wanted) -> None:
    z = torch.tensor([-1.0, 0.5, 0.5, 7.0], requires_grad=True)
    with Ruled(rule) as ruled:
        out = F.relu6(z)
        F.gelu(z)
        F.silu(z)
    assert torch.equal(out, F.relu6(z))
    assert (ruled.relus, ruled.others) == (1, {"GELU": 1, "SiLU": 1})
    (found,) = torch.autograd.grad(out, z, torch.tensor([1.0, 2.0, -3.0, 4.0]))
    assert found.tolist() == wanted


class Pooled(nn.Module):
    """A max-pool alone, and its mean as the output."""

    def __init__(self, *how: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(*how)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x).mean((2, 3))


@pytest.mark.parametrize("method", ["saliency", "deconv", "guided"])
def test_unpooling_puts_maxima_back_exactly(method: str) -> None:
    """The gradient of the mean square of 64 pooled values v is v / 32 at the place of each maximum."""
    x = pictures(2, (1, 16, 16))
    made = attribute(ph.load(Pooled(2), input_size=(1, 16, 16)), ph.Layer("pool"), x, method)
    assert torch.equal(made.signed * 32, torch.where(x == F.max_pool2d(x, 2).repeat_interleave(2, 2)
                                                     .repeat_interleave(2, 3), x, 0.0))  # fmt: skip


def test_where_windows_overlap_contributions_add() -> None:
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 1.0  # the maximum of all four windows
    made = attribute(ph.load(Pooled(2, 1), input_size=(1, 3, 3)), ph.Channel("pool", 0), x, "deconv")
    wanted = torch.zeros(3, 3)
    wanted[1, 1] = 1.0
    assert torch.equal(made.signed[0, 0], wanted)


@pytest.mark.parametrize("method", METHODS)
def test_rows_are_independent_bit_for_bit(method: str) -> None:
    network, x = two(), pictures(5)
    aims = [from_text(text) for text in ("relu2:1", "relu2:2@1,1", "logit:3", "first:4 - 0.5*first:5", "relu1")]
    together = attribute_rows(network, aims, x, method)
    for row, aim in enumerate(aims):
        alone = attribute(network, aim, x[row : row + 1], method)
        assert torch.equal(alone.signed[0], together.signed[row])
        assert torch.equal(alone.scores[0], together.scores[row])


def test_many_pictures_go_in_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = two(), pictures(5)
    whole = attribute(network, ph.Channel("relu2", 1), x, "guided")
    monkeypatch.setattr("phosphene.attribution.methods.TOGETHER", 2)
    shares = attribute(network, ph.Channel("relu2", 1), x, "guided")
    assert torch.equal(whole.signed, shares.signed)
    assert peaks(network, [ph.Channel("relu2", 1)] * 5, x) == [
        peaks(network, [ph.Channel("relu2", 1)], row[None])[0] for row in x
    ]


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_given_back_untouched(method: str) -> None:
    network, x = two(), pictures(2)
    network.module.train()
    with untouched(network.module):
        attribute(network, ph.Logit(1), x, method)
    with untouched(network.module), pytest.raises(UnitOutOfRange):
        attribute(network, ph.Channel("relu1", 99), x, method)
    with untouched(network.module):
        randomised(network, [ph.Logit(1)] * 2, x, [method])


def test_gradient_x_input_is_the_modules_own_input_and_adds_up_to_the_score() -> None:
    """Without biases a ReLU network is homogeneous, so gradients times inputs sum to the score."""
    net = two().module
    for part in (net.first, net.second, net.head):
        nn.init.zeros_(part.bias)
    network = ph.load(net, input_size=(3, 12, 12), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    made = attribute(network, ph.Logit(2), pictures(3), "gradient_x_input")
    assert torch.allclose(made.signed.sum((1, 2, 3)), made.scores, rtol=1e-4)


def test_saliency_is_in_the_space_of_pictures() -> None:
    """With a standard deviation of 1/4 the gradient of a picture is four times that of the module's input."""
    module = linear(torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))).module
    network = ph.load(module, input_size=(3, 4, 4), mean=(0.5,) * 3, std=(0.25,) * 3)
    made = attribute(network, ph.Logit(0), pictures(1, (3, 4, 4)))
    assert relative(made.signed[0], 4 * module.unit.weight[0]) < 1e-6


def test_a_dead_unit_says_so_and_only_deconv_looks_past_it() -> None:
    network = ph.load(Gated(-50.0), input_size=(3, 8, 8))
    x = pictures(2, SIZE)
    for method in ("saliency", "guided", "gradient_x_input"):
        made = attribute(network, ph.Channel("unit", 0), x, method)
        assert made.silent == (True, True)
        assert made.note is not None
        assert "2 of 2 maps are all zero" in made.note
    assert attribute(network, ph.Channel("unit", 0), x, "deconv").silent == (False, False)
    back = attribute(network, -1 * ph.Channel("unit", 1), x[:1], "deconv")
    assert back.note is not None
    assert "the map is all zero" in back.note
    assert "nothing positive" in back.note
    mixed = attribute_rows(network, [ph.Channel("unit", 0), ph.Channel("unit", 1)], x, "guided")
    assert mixed.silent == (True, False)
    assert mixed.note is not None
    assert mixed.note.startswith("1 of 2 maps")


class Smooth(nn.Module):
    """A GELU, or beside it a ReLU."""

    def __init__(self, relu: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.GELU()
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.act(self.conv(x)) - 0.1).mean((2, 3))


@pytest.mark.parametrize("method", ["deconv", "guided"])
def test_networks_without_relu_equal_saliency_and_say_so(method: str) -> None:
    network, x = ph.load(Smooth(relu=False), input_size=SIZE), pictures(2, SIZE)
    made = attribute(network, ph.Logit(1), x, method)
    assert made.note is not None
    assert "no ReLU on the way to the network's output but GELU" in made.note
    assert "equals saliency" in made.note
    assert torch.equal(made.signed, attribute(network, ph.Logit(1), x).signed)
    both = attribute(ph.load(Smooth(relu=True), input_size=SIZE), ph.Logit(1), x, method).note
    assert both is not None
    assert "of which there are 1; 1 other activations (GELU) keep" in both
    before = attribute(ph.load(Smooth(relu=True), input_size=SIZE), ph.Channel("conv", 1), x, method).note
    assert before == f"there is no ReLU on the way to conv, so {method} changes nothing and equals saliency"


def test_peaks_are_where_each_picture_fires_most() -> None:
    network, x = two(), pictures(4)
    acts = network.module.relu1(network.module.first(x)).detach()
    found = peaks(network, [ph.Channel("relu1", 2)] * 4, x)
    for row, unit in enumerate(found):
        assert unit.position is not None
        assert acts[row, 2, unit.position[0], unit.position[1]] == acts[row, 2].max()
    made = attribute_rows(network, found, x, "saliency")
    assert torch.allclose(made.scores, acts[:, 2].amax((1, 2)))
    low = two().module
    nn.init.constant_(low.first.bias, -9.0)
    below = ph.load(low, input_size=(3, 12, 12))
    strongest = peaks(below, [ph.Channel("first", 2, "energy")], x[:1])[0].position
    assert strongest is not None
    raw = low.first(x[:1])[0, 2]
    assert raw[strongest] == raw.min()
    with pytest.raises(BadSpec, match="LAYER:CHANNEL"):
        peaks(network, [ph.Logit(0)], x[:1])
    with pytest.raises(UnitOutOfRange, match="no map"):
        peaks(network, [ph.Channel("head", 0)], x[:1])


class Quiet(nn.Module):
    """Switches gradients off."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.conv(x).mean((2, 3))


def test_what_cannot_be_explained_is_refused() -> None:
    network, x = two(), pictures(2)
    with pytest.raises(UnknownOption, match="closest: saliency"):
        attribute(network, ph.Logit(0), x, "salience")
    with pytest.raises(BadSpec, match="tv is a penalty"):
        attribute(network, ph.Logit(0) - 0.1 * ph.TotalVariation(), x)
    with pytest.raises(BadSpec, match="compares with another photo"):
        attribute(network, ph.Near("relu1"), x)
    with pytest.raises(BadSpec, match="1 targets for 2 pictures"):
        attribute_rows(network, [ph.Logit(0)], x)
    with pytest.raises(NotDifferentiable, match="switches gradients off"):
        attribute(ph.load(Quiet(), input_size=SIZE), ph.Logit(0), pictures(1, SIZE))


def test_drawing_is_scaled_to_the_maps_own_range() -> None:
    signed = np.random.default_rng(0).normal(size=(3, 40, 40)).astype(np.float32)
    grey, most = drawn(signed)
    assert most == pytest.approx(np.quantile(np.abs(signed).max(0), 0.995))
    assert grey.shape == (40, 40, 1)
    assert np.array_equal(grey[:, :, 0], (np.abs(signed).max(0) / most).clip(0, 1).__mul__(255).round())
    colour, most = drawn(signed, colours=True)
    assert most == pytest.approx(np.quantile(np.abs(signed), 0.995))
    assert colour[3, 5, 1] == round(min(1, max(0, 0.5 + signed[1, 3, 5] / (2 * most))) * 255)
    assert np.array_equal(drawn(2 * signed, colours=True)[0], colour)
    assert drawn(0 * signed)[0].max() == 0
    assert set(np.unique(drawn(0 * signed, colours=True)[0])) == {128}
    lone = np.zeros((3, 100, 100), np.float32)
    lone[:, 4, 4] = 0.5  # fewer than one value in 200: still visible
    assert drawn(lone)[0][4, 4, 0] == 255


def test_stages_go_from_the_target_to_the_picture() -> None:
    net = ph.load("miniception")
    names = [name for name, _ in stages(net, [ph.Logit(0)])]
    assert names == ["logits", "mixed5b", "mixed5a", "mixed4c", "mixed4b", "mixed4a", "mixed3b", "mixed3a", "conv2",
                     "conv1"]  # fmt: skip
    assert [name for name, _ in stages(net, [ph.Channel("mixed4b", 1)])] == names[4:]
    every = [one for _, some in stages(net, [ph.Logit(0)]) for one in some]
    holders = [name for name, part in net.module.named_modules() if [*part.parameters(recurse=False)]]
    assert sorted(every) == sorted(holders)
    with pytest.raises(BadSpec, match="no weights"):
        stages(ph.load(Pooled(2), input_size=(1, 4, 4)), [ph.Channel("pool", 0)])


def test_shuffling_keeps_values_moves_a_channel_whole_and_is_seeded() -> None:
    def made(seed: int) -> nn.BatchNorm2d:
        norm = nn.BatchNorm2d(64)
        with torch.no_grad():
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                tensor.copy_(torch.arange(64.0))
        shuffle(norm, Stream.of([seed]))
        return norm

    norm = made(0)
    assert not torch.equal(norm.weight, torch.arange(64.0))
    assert torch.equal(norm.weight.sort().values, torch.arange(64.0))
    assert torch.equal(norm.weight, norm.running_var)
    assert torch.equal(norm.bias, norm.running_mean)
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.weight, made(0).weight)
    assert not torch.equal(norm.weight, made(1).weight)


def test_ranks_are_those_of_spearman() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 200).astype(float), rng.normal(size=200)
    assert np.corrcoef(ranks(a), ranks(b))[0, 1] == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_guided_backprop_and_deconv_hardly_notice_that_the_upper_half_is_shuffled() -> None:
    """Adebayo 2018; measured here over 32 photographs: .91, .64 and .32 for guided, deconv and saliency."""
    net = ph.load("miniception")
    x = pictures(4, (3, 8, 8)).repeat_interleave(8, 2).repeat_interleave(8, 3)
    rows = randomised(net, [ph.Logit(1)] * 4, x, ("saliency", "deconv", "guided"))
    found = {(row.method, row.layer): row for row in rows}
    assert found["guided", "mixed4b"].pearson > 0.7
    assert found["deconv", "mixed4b"].pearson > 0.5
    assert abs(found["saliency", "mixed4b"].pearson) < 0.2
    assert abs(found["saliency", "conv1"].spearman) < 0.3
    assert found["guided", "logits"].attribution.map.shape == (4, 64, 64)


def test_shuffles_are_the_same_for_the_same_seed() -> None:
    net, x = two(), pictures(2, (3, 12, 12))
    rows = randomised(net, [ph.Logit(1)] * 2, x, METHODS)
    assert rows == randomised(net, [ph.Logit(1)] * 2, x, METHODS)
    assert rows != randomised(net, [ph.Logit(1)] * 2, x, METHODS, seed=1)
