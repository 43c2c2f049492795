"""Siblings by incoming weights: planted duplicates, and every pair by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nets import two
from torch import Tensor, nn
from untouched import untouched

import phosphene as ph
from phosphene.address import OUTPUT
from phosphene.errors import UnknownLayer
from phosphene.models.network import Network
from phosphene.models.origins import all_twins, incoming, weight_twins


class Net(nn.Module):
    """A convolution whose rows 1 and 4 are alike and 2 and 5 opposite; then ``rest``, a layer of the result."""

    def __init__(self, rest, norm: nn.Module | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.other = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(3, 6, 3, padding=1)
        self.gamma = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 1.0, -1.0, 1.0]))
        self.norm, self.end, self.rest = nn.Identity() if norm is None else norm, nn.Identity(), rest
        with torch.no_grad():
            self.conv.weight[4] = 2 * self.conv.weight[1]
            self.conv.weight[5] = -0.5 * self.conv.weight[2]

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.rest(self, x))


def load(rest, norm: nn.Module | None = None) -> Network:
    return ph.load(Net(rest, norm), input_size=(3, 8, 8))


def by_hand(rows: Tensor) -> tuple[list[int], list[float]]:
    """The most similar other row of each, pair by pair."""
    found, cosines = [], []
    for one in range(len(rows)):
        a = rows[one].flatten().double()
        alike = [-2.0 if other == one else float(a @ b / a.norm() / b.norm())
                 for other, b in enumerate(rows.flatten(1).double())]  # fmt: skip
        found.append(int(np.argmax(alike)))
        cosines.append(max(alike))
    return found, cosines


@pytest.mark.parametrize("layer", ["first", "relu1", "second", "relu2", "head", OUTPUT])
def test_every_pair_by_hand(layer) -> None:
    network = two()
    source = {"relu1": "first", "relu2": "second", OUTPUT: "head"}.get(layer, layer)
    with untouched(network.module):
        found, cosines = weight_twins(network, layer)
    wanted = by_hand(network.module.get_submodule(source).weight.detach())
    assert (found.dtype, cosines.dtype) == (np.int64, np.float32)
    assert found.tolist() == wanted[0]
    np.testing.assert_allclose(cosines, wanted[1], atol=1e-6)


KEPT = {
    "as it is": lambda n, x: n.conv(x),
    "functional": lambda n, x: F.conv2d(input=x, weight=n.conv.weight, padding=1).relu(),
    "in place": lambda n, x: F.hardswish(n.conv(x).mul_(2).add_(1), inplace=True),
    "gelu, dropout, clamp": lambda n, x: F.dropout(F.gelu(n.conv(x)), 0.5, n.training).clamp(0, 6),
    "silu by hand": lambda n, x: (y := n.conv(x)) * y.sigmoid(),
    "pools": lambda n, x: F.avg_pool2d(F.max_pool2d(F.pad(n.conv(x), (1, 1, 1, 1)), 3, 2, 1), 2),
    "a vector": lambda n, x: F.adaptive_avg_pool2d(n.conv(x), 1).flatten(1),
    "mean over positions": lambda n, x: n.conv(x).mean((2, 3)),
    "channels last": lambda n, x: n.conv(x).permute(0, 2, 3, 1).contiguous(),
    "tokens": lambda n, x: torch.cat([y := n.conv(x).flatten(2).mT, y], 1),
    "there and back": lambda n, x: n.conv(x).view(1, 2, 3, 8, 8).reshape(1, 6, 8, 8),
    "linear on tokens": lambda n, x: F.linear(x.flatten(2).mT, n.conv.weight[:, :, 1, 1]),
    "normed": lambda n, x: F.layer_norm(n.conv(x).permute(0, 2, 3, 1), (6,), n.gamma.abs()).permute(0, 3, 1, 2),
    "turned twice": lambda n, x: -(1 - n.conv(x)) * -1 / -2,
}


@pytest.mark.parametrize("rest", KEPT.values(), ids=KEPT.keys())
def test_planted_twins_are_found(rest) -> None:
    network = load(rest)
    if "1, 1]" in str(rest.__code__.co_consts) or rest is KEPT["linear on tokens"]:
        wanted = by_hand(network.module.conv.weight.detach()[:, :, 1, 1])
    else:
        wanted = by_hand(network.module.conv.weight.detach())
    found, cosines = weight_twins(network, "end")
    assert (found[1], found[4]) == (4, 1)
    assert cosines[1] == pytest.approx(1, abs=1e-6)
    assert found.tolist() == wanted[0]
    np.testing.assert_allclose(cosines, wanted[1], atol=1e-6)


LOST = {
    "a sum of two": lambda n, x: n.conv(x) + n.other(x),
    "a residual, in place": lambda n, x: n.conv(x).add_(n.other(x)),
    "the picture added": lambda n, x: n.conv(x) + x.repeat(1, 2, 1, 1),
    "gated": lambda n, x: n.conv(x) * n.other(x).mean((2, 3), keepdim=True).sigmoid(),
    "positions as features": lambda n, x: n.conv(x).flatten(1),
    "attention": lambda n, x: F.scaled_dot_product_attention(*[n.conv(x).flatten(2).mT] * 3),
    "matrix product": lambda n, x: n.conv(x) @ x[:, :1],
    "written into": lambda n, x: n.conv(x).index_put((torch.tensor([0]),), x.repeat(1, 2, 1, 1)),
    "depthwise": lambda n, x: F.conv2d(n.conv(x), torch.ones(6, 1, 3, 3), groups=6),
    "weights from the picture": lambda n, x: F.conv2d(x, n.conv(x)[:, :3].transpose(0, 1).expand(3, 3, 8, 8)),
    "the picture": lambda n, x: x,
}


@pytest.mark.parametrize("rest", LOST.values(), ids=LOST.keys())
def test_what_has_no_row_of_its_own_has_no_twin(rest) -> None:
    found, cosines = weight_twins(load(rest), "end")
    assert (found == -1).all()
    assert np.isnan(cosines).all()


def test_a_tensor_written_over_is_lost() -> None:
    def rest(n: Net, x: Tensor) -> Tensor:
        y = n.conv(x)
        y[:, 1] = x[:, 0]
        return y

    assert (weight_twins(load(rest), "end")[0] == -1).all()


@pytest.mark.parametrize("how", ["norm", "functional", "torch", "scale", "layer norm", "group norm"])
def test_a_negative_scale_turns_a_row(how) -> None:
    gamma = torch.tensor([1.0, 2.0, 3.0, 1.0, -1.0, -1.0])

    def rest(n: Net, x: Tensor) -> Tensor:
        y = n.conv(x)
        if how == "functional":
            return F.batch_norm(y, torch.zeros(6), torch.ones(6), gamma)
        if how == "torch":
            return torch.batch_norm(y, gamma, None, torch.zeros(6), torch.ones(6), False, 0.1, 1e-5, False)
        if how == "scale":
            return gamma[:, None, None] * y
        if how == "layer norm":
            return F.layer_norm(y.permute(0, 2, 3, 1), (6,), gamma)
        return F.group_norm(y, 2, gamma) if how == "group norm" else n.norm(y)

    norm = nn.BatchNorm2d(6)
    with torch.no_grad():
        norm.weight.copy_(gamma)
        norm.bias.fill_(-3)
    network = load(rest, norm)
    weight = network.module.conv.weight.detach() * gamma.sign()[:, None, None, None]
    found, cosines = weight_twins(network, "end")
    assert (found[2], found[5]) == (5, 2)
    assert found[1] != 4
    assert found.tolist() == by_hand(weight)[0]
    np.testing.assert_allclose(cosines, by_hand(weight)[1], atol=1e-6)
    assert incoming(network, ["end"])["end"].sign.tolist() == [1, 1, 1, 1, -1, -1]


@pytest.mark.parametrize(
    "turn", [lambda y: 1 - y, torch.neg, lambda y: y / -2, lambda y: torch.sub(1, y), lambda y: -3 * y]
)
def test_what_turns_some_channels(turn) -> None:
    network = load(lambda n, x: torch.cat([(y := n.conv(x))[:, :3], turn(y[:, 3:])], 1))
    assert incoming(network, ["end"])["end"].sign.tolist() == [1, 1, 1, -1, -1, -1]
    weight = network.module.conv.weight.detach().clone()
    weight[3:] *= -1
    assert weight_twins(network, "end")[0].tolist() == by_hand(weight)[0]


def test_a_channel_that_is_scaled_away_has_none() -> None:
    found, cosines = weight_twins(
        load(lambda n, x: n.conv(x) * torch.tensor([1, 0, 1, 1, 1, 1.0])[:, None, None]), "end"
    )
    assert found[1] == -1
    assert found[4] not in (1, -1)
    assert np.isnan(cosines[1])


def test_rows_of_zeros_are_like_nothing() -> None:
    network = load(lambda n, x: n.conv(x))
    with torch.no_grad():
        network.module.conv.weight[[1, 4]] = 0
    found, cosines = weight_twins(network, "end")
    assert found[[1, 4]].tolist() == [-1, -1]
    assert np.isnan(cosines[[1, 4]]).all()
    assert not {1, 4} & set(found.tolist())


class Mixed(nn.Module):
    """Branches side by side as in an inception block, one of them the picture's own pool."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.one = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(True))
            self.three = nn.Sequential(nn.Conv2d(3, 5, 1), nn.ReLU(True), nn.Conv2d(5, 4, 3, padding=1), nn.ReLU(True))
            self.grouped = nn.Conv2d(4, 6, 1, groups=2)
        self.mixed, self.part, self.shuffled = nn.Identity(), nn.Identity(), nn.Identity()
        with torch.no_grad():
            self.one[0].weight[3] = self.one[0].weight[0]
            self.three[2].weight[2] = 3 * self.three[2].weight[1]
            self.grouped.weight[2] = self.grouped.weight[0]
            self.grouped.weight[3] = self.grouped.weight[1]  # alike, and of other inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.mixed(torch.cat([self.one(x), self.three(x), F.max_pool2d(x, 3, 1, 1)], 1))
        y = self.part(y[:, :8].chunk(2, 1)[1])
        y = self.grouped(y)
        y = self.shuffled(y.view(-1, 2, 3, *y.shape[2:]).transpose(1, 2).flatten(1, 2))
        return y.mean((2, 3))


def test_branches_are_compared_within_themselves() -> None:
    network = ph.load(Mixed(), input_size=(3, 8, 8))
    twins = all_twins(network, ["mixed", "part", "grouped", "shuffled", "three.0"])
    found, cosines = twins["mixed"]
    assert (found[0], found[3], found[5], found[6]) == (3, 0, 6, 5)
    assert set(found[:4]) <= {0, 1, 2, 3}
    assert set(found[4:8]) <= {4, 5, 6, 7}
    assert found[8:].tolist() == [-1, -1, -1]
    np.testing.assert_allclose(cosines[[0, 3, 5, 6]], 1, atol=1e-6)
    assert twins["part"][0].tolist() == (found[4:8] - 4).tolist()
    grouped = twins["grouped"][0]
    assert (grouped[0], grouped[2]) == (2, 0)
    assert set(grouped[3:]) <= {3, 4, 5}
    order = [0, 3, 1, 4, 2, 5]  # what the shuffle puts first
    assert twins["shuffled"][0].tolist() == [order.index(grouped[one]) for one in order]
    for layer, (alone, cosine) in twins.items():
        np.testing.assert_array_equal(weight_twins(network, layer)[0], alone)
        np.testing.assert_array_equal(weight_twins(network, layer)[1], cosine)


def test_runs_of_one_module_are_told_apart() -> None:
    def rest(n: Net, x: Tensor) -> Tensor:
        return n.norm(n.norm(n.conv(x)) + n.other(x))

    network = load(rest, nn.ReLU())
    assert weight_twins(network, "norm#0")[0][1] == 4
    assert (weight_twins(network, "norm")[0] == -1).all()


def test_two_runs_of_one_weight_look_at_different_things() -> None:
    found, _ = weight_twins(load(lambda n, x: torch.cat([n.conv(x), n.conv(x.flip(2))], 1)), "end")
    assert (found[1], found[7]) == (4, 10)
    assert set(found[:6]) <= set(range(6))


def test_incoming_names_the_rows() -> None:
    network = load(lambda n, x: torch.cat([n.conv(x)[:, 2:], n.other(x)], 1))
    rows = incoming(network, ["end"])["end"]
    assert rows.row.tolist() == [2, 3, 4, 5, 0, 1, 2, 3, 4, 5]
    assert len(set(rows.group[:4])) == len(set(rows.group[4:])) == 1
    assert rows.group[0] != rows.group[4]
    torch.testing.assert_close(rows.weights[int(rows.group[4])], network.module.other.weight.detach().flatten(1))


def test_layers_that_are_not_there() -> None:
    with pytest.raises(UnknownLayer):
        weight_twins(two(), "third")


def test_miniception() -> None:
    network = ph.load("miniception")
    twins = all_twins(network, list(network.layers))
    own = {layer for layer, (found, _) in twins.items() if (found >= 0).all()}
    assert {"conv1", "mixed3a", "mixed4b", "mixed5b", "pool4", "avgpool", "logits"} <= own
    found, cosines = twins["mixed4b.branch3.1"]
    conv, norm = (network.module.get_submodule(f"mixed4b.branch3.1.{part}") for part in ("conv", "bn"))
    wanted = by_hand(conv.weight.detach() * norm.weight.detach().sign()[:, None, None, None])
    assert found.tolist() == wanted[0]
    np.testing.assert_allclose(cosines, wanted[1], atol=1e-5)
