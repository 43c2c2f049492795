"""Models that make it hard: each gives a picture or one named error, and comes back as it was lent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from untouched import Net, hooks, load, refused, render, untouched

import phosphene as ph
from phosphene.errors import ModelError, NotDifferentiable, OutOfMemory, UnknownLayer
from phosphene.tap import Tap


@dataclass
class Answer:
    features: Tensor
    scores: Tensor


def test_a_training_model_is_seen_in_eval_and_stays_in_training():
    module = Net().train()
    module.bn.eval()
    module.conv.weight.requires_grad_(False)
    network = load(module)
    first, second = render(network, "head:1"), render(network, "head:1")
    assert (first.pixels == second.pixels).all()
    assert module.drop.training
    assert not module.bn.training
    twin = Net().eval()
    twin.conv.weight.requires_grad_(False)
    assert (render(load(twin), "head:1").pixels == first.pixels).all()


def test_gradients_that_are_there_stay():
    module = Net()
    module(torch.rand(2, 3, 16, 16)).sum().backward()
    assert render(load(module), "conv:1").status == "ok"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_renders_inside_modes_without_gradients(mode):
    wanted = render(load(Net()), "conv:2")
    module = Net()
    with mode():
        made = render(load(module), "conv:2")
    assert (made.pixels == wanted.pixels).all()
    assert made.score.clean > made.score.start


@pytest.mark.parametrize("make", [Net, lambda: nn.Sequential(nn.BatchNorm2d(3, affine=False))])
def test_weights_made_in_inference_mode_are_named(make):
    with torch.inference_mode():
        module = make()
    with pytest.raises(ModelError, match=r"^Net|^Sequential") as caught:
        load(module)
    assert "inference_mode" in str(caught.value)


def test_lazy_weights_are_named():
    with pytest.raises(ModelError, match="run it once"):
        ph.load(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))


class Whole(nn.Module):
    """Whole numbers in, by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(256, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.table((x * 255).long()).mean((1, 2, 3))


def test_whole_number_inputs_are_named():
    assert "table:1" not in refused(load(Whole()), "logit:1", NotDifferentiable)
    text = refused(load(nn.Sequential(nn.Embedding(256, 4))), "0:1")
    assert "float picture of 3 x 16 x 16" in text
    assert "indices" in text


CUTS = {
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data * 1,
    "round": lambda x: (x * 255).to(torch.int32).float(),
    "argmax": lambda x: F.one_hot(x.argmax(1), 6).movedim(-1, 1).float(),
}


class Cut(Net):
    def __init__(self, cut) -> None:
        super().__init__()
        self.cut = cut

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.cut(self.conv(x))).mean((2, 3)))


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_a_cut_gradient_is_named_after_the_cut_only(cut):
    network = load(Cut(cut))
    assert render(network, "conv:1").status == "ok"
    assert "gradient" in refused(network, "relu:1", NotDifferentiable)
    assert "gradient" in refused(network, "logit:1", NotDifferentiable)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_forward_without_gradients_is_named(mode):
    class Quiet(Net):
        def forward(self, x: Tensor) -> Tensor:
            with mode():
                return super().forward(x)

    assert "switches gradients off" in refused(load(Quiet()), "conv:1", NotDifferentiable)


class Counting(Net):
    """Changes its buffers as it runs: in place, by a new tensor, from None, and one that was never there."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("last", torch.zeros(3))
        self.register_buffer("cache", None)

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.last = x.detach().mean((0, 2, 3))
        self.cache = x.detach()
        self.register_buffer("late", torch.ones(1))
        return super().forward(x)


def test_buffers_that_a_forward_changes_are_put_back():
    module = Counting()
    render(load(module), "head:1")
    assert module.count.item() == 0
    assert module.cache is None
    assert "late" not in module.state_dict()


class Failing(Net):
    def __init__(self, error: Exception, after: int) -> None:
        super().__init__()
        self.error, self.left = error, after

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        self.left -= 1
        if self.left < 0:
            raise self.error
        return self.head(self.relu(self.bn(x)).mean((2, 3)))


ERRORS = [RuntimeError("broke"), ValueError("broke"), KeyError("broke"), ZeroDivisionError("broke"), IndexError()]


@pytest.mark.parametrize(("error", "after"), list(zip(ERRORS, (1, 2, 3, 4, 5), strict=True)), ids=repr)
def test_a_model_that_raises_midway_is_named_and_put_back(error, after):
    module = Failing(error, after).train()
    network = load(module)
    text = refused(network, "head:1")
    assert "Failing failed on a float picture of 3 x " in text
    assert type(error).__name__ in text
    assert hooks(module) == 0


def test_a_model_that_always_raises_says_how_to_tell_the_size():
    with pytest.raises(ModelError, match="all common sizes") as caught:
        ph.load(Failing(ValueError("broke"), 0))
    assert "input_size=(c, h, w)" in str(caught.value)
    assert "input_size=(c, h, w)" in refused(load(Failing(ValueError("broke"), 0)), "conv:1")


def test_short_memory_is_not_blamed_on_the_model():
    network = load(Failing(torch.OutOfMemoryError("out of memory"), 3))
    for one in (network, load(Failing(MemoryError(), 3))):
        assert "fit in memory" in refused(one, "head:1", OutOfMemory)


class Spare(Net):
    """One layer that never runs, one that gives whole numbers, one that mixes the pictures of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Linear(2, 2)
        self.steps = nn.Identity()
        self.windows = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        self.steps(x.round().long())
        self.windows(x.reshape(-1, 3, 8, 8))
        return super().forward(x)


@pytest.mark.parametrize("layer", ["spare", "steps", "windows"])
def test_a_layer_without_activations_says_so(layer):
    assert refused(load(Spare()), f"{layer}:0", UnknownLayer).startswith(f"{layer} is in Spare but gives no activ")


class Rows(Net):
    """A layer with one row however many pictures there are."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + self.position(x.mean(0, keepdim=True)))


def test_a_layer_that_joins_the_pictures_is_refused():
    network = load(Rows())
    with untouched(network.module), pytest.raises(ModelError, match="gives 1 rows for 2 pictures"):
        ph.render_batch(network, ["position:0", "position:1"], steps=2, robust=1, size=16)


class Tuples(Net):
    """Layers that return several things."""

    class Part(nn.Module):
        def __init__(self, end) -> None:
            super().__init__()
            self.end = end

        def forward(self, x: Tensor):
            return self.end(x)

    def __init__(self) -> None:
        super().__init__()
        self.pair = self.Part(lambda x: (None, x * 2, x))
        self.named = self.Part(lambda x: Answer(x.argmax(1), x * 3))
        self.kept = self.Part(lambda x: {"x": x})
        self.rnn = nn.RNN(6, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        _, x, _ = self.pair(self.conv(x))
        x = self.kept(self.named(x).scores)["x"].relu_()
        tokens, _ = self.rnn(x[:, :, ::4, ::4].flatten(2).transpose(1, 2))
        return tokens.mean(1)


def test_layers_that_return_several_things():
    network = load(Tuples())
    x = torch.rand(2, 3, 16, 16)
    with network.frozen():
        conv = network.module.conv(x)
    with Tap(network, ["conv", "pair", "named", "kept", "rnn"]) as tap, network.frozen():
        acts = tap(x)
    for name, factor in (("conv", 1), ("pair", 2), ("named", 6), ("kept", 6)):
        torch.testing.assert_close(acts[name], factor * conv)
        assert render(network, f"{name}:1").status == "ok"
    assert acts["rnn"].shape == (2, 5, 16)
    assert render(network, "rnn:1").status == "ok"


class Functional(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x), inplace=True)
        return F.linear(x.mean((2, 3)), self.head.weight, self.head.bias)


@pytest.mark.parametrize("target", ["conv:1", "conv:2@centre", "conv", "logit:3", "prob:3", "conv:random#1"])
def test_functional_models(target):
    network = load(Functional())
    assert list(network.layers) == ["conv"]
    assert render(network, target).status == "ok"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_other_precisions(dtype):
    result = render(load(Net().to(dtype)), "head:1 + conv:2")
    assert result.score.clean > result.score.start
