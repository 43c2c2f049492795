"""Learned priors: the decoder that ships, one from a file, a live one, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import phosphene as ph
from phosphene.images import Latent
from phosphene.models.decoders import load_decoder
from phosphene.models.miniception.decoder import CODE, SIZE
from phosphene.optimizers import Code
from phosphene.rng import Stream

CPU = torch.device("cpu")

FACTORY = """
import torch
from torch import nn


class Draw(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(5, 3 * 8 * 8)

    def forward(self, code):
        return self.line(code).tanh().view(-1, 3, 8, 8)


def whole():
    return Draw(), {"code": (5,), "range": (-1, 1), "low": -2, "high": 2}


def nameless():
    return Draw(), {"code": (5,)}


def shapeless():
    return Draw(), {"range": (0, 1)}


def bare():
    return Draw()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "decoders.py"
    path.write_text(FACTORY)
    return path


def test_the_embedded_decoder_is_small_frozen_and_draws_pictures() -> None:
    from importlib import resources

    live = load_decoder("miniception", CPU)
    size = (resources.files("phosphene.models.miniception") / "decoder.safetensors").stat().st_size  # type: ignore[attr-defined]
    assert size <= 6e6
    assert live.code == CODE
    assert not any(part.requires_grad for part in live.module.parameters())
    with torch.no_grad():
        drawn = live.pictures(live.random(Stream.of(range(16))))
    assert tuple(drawn.shape[1:]) == SIZE
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert drawn.flatten(1).std(1).min() > 0.05  # not grey


def test_pictures_come_back_nearer_than_the_mean_picture_is() -> None:
    """Code to picture to code, on what the decoder itself drew: it must know its own."""
    live = load_decoder("miniception", CPU)
    with torch.no_grad():
        code = live.encode(live.pictures(live.random(Stream.of(range(8)))))
        again = live.encode(live.pictures(code))
    apart = (again - code).flatten(1).square().sum(1)
    mean = (code.mean(0) - code).flatten(1).square().sum(1)
    assert (apart < mean).float().mean() >= 0.75


def test_a_prior_picture_says_what_the_prior_has_to_do_with_it() -> None:
    made = ph.render("miniception", "logit:goldfish", preset="prior", steps=24)
    found = made.found["prior"]
    assert made.spec["image"]["digest"] == load_decoder("miniception", CPU).fingerprint()
    assert made.score.clean > found["random"]["highest"] > found["random"]["mean"]
    assert 0 < found["share"] < 1
    assert found["both"]["free"]["bare"] == pytest.approx(ph.render("miniception", "logit:goldfish").score.clean)
    assert set(found["both"]["prior"]) == {"bare", "under prior's", "under free's"}
    again = ph.replay(made.record())
    assert again.pixels.tobytes() == made.pixels.tobytes()


def test_every_picture_of_a_prior_has_its_share_whatever_made_it() -> None:
    (row,) = ph.compare("miniception", "conv2:3", ["prior"], passes=4, size=24)
    assert "prior" in row.result.found
    results = ph.diverse("miniception", "conv2:3", 2, preset="prior", steps=3, size=24)
    assert all({"prior", "diversity"} <= set(one.found) for one in results)


def test_codes_stay_within_their_bounds_at_every_step() -> None:
    live, image = load_decoder("miniception", CPU), Latent().filled((64, 64), 3)
    theta = image.start(Stream.of([0]))
    (pushed,) = image.settle(
        (theta[0] + 100 * torch.randn(theta[0].shape, generator=torch.Generator().manual_seed(0)),)
    )
    code = pushed * live.unit
    assert (code >= -1e-6).all()
    assert (code <= live.high + 1e-4).all()


def test_the_rule_of_the_code_by_loops() -> None:
    """DGN-AM: step along the gradient, the rate falling in equal steps, then the code to .99 of itself."""
    how, theta = Code(lr=8.0), torch.tensor([[1.0, -2.0]])
    live, steps = how.over([theta]), 5
    slow = theta.numpy().astype(float).copy()
    for index in range(steps):
        live.param_groups[0]["lr"] = how.lr * how.rate(index, steps)
        theta.grad = -torch.tensor([[0.5, 1.0]])
        live.step()
        rate = 8.0 + (1e-10 - 8.0) * index / (steps - 1)
        slow = (slow + rate * np.array([[0.5, 1.0]])) * 0.99
    assert theta.numpy() == pytest.approx(slow, rel=1e-5)


def test_ppgn_pulls_the_code_to_what_its_picture_is_encoded_as() -> None:
    live = load_decoder("miniception", CPU)
    image, still = (Latent(pull=pull).filled((64, 64), 3) for pull in (0.5, 0.0))
    theta = still.start(Stream.of([4]))
    code = theta[0] * live.unit
    with torch.no_grad():
        wanted = code + 0.5 * (live.encode(live.pictures(code)) - code)
        (pulled,) = image.settle(theta)
    torch.testing.assert_close(pulled * live.unit, live.inside(wanted), rtol=1e-4, atol=1e-5)


def test_a_decoder_from_a_file(file: Path) -> None:
    made = ph.render("miniception", "conv2:3", image=f"prior[decoder={file}:whole]", preset="prior", steps=3, size=24)
    assert made.size == (24, 24)
    assert made.spec["image"]["decoder"] == f"{file}:whole"


@pytest.mark.parametrize(("name", "reason"), [
    ("nameless", "does not say which values its pictures have"),
    ("shapeless", "does not say the shape of a code"),
    ("bare", "must return an nn.Module and a dict"),
])  # fmt: skip
def test_a_decoder_that_does_not_say_enough_is_refused_before_any_work(file: Path, name: str, reason: str) -> None:
    with pytest.raises(ph.PhospheneError, match=reason):
        ph.render("miniception", "conv2:3", image=f"prior[decoder={file}:{name}]", preset="prior", steps=3)


def test_a_live_decoder() -> None:
    class Draw(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(4, 3 * 64)

        def forward(self, code: Tensor) -> Tensor:
            made: Tensor = self.line(code).sigmoid().view(-1, 3, 8, 8)
            return made

    torch.manual_seed(0)
    name = ph.decoder(Draw(), (4,), (0, 1))
    made = ph.render("miniception", "conv2:3", image=ph.Latent(decoder=name), preset="prior", steps=3, size=24)
    assert made.status == "ok"
    with pytest.raises(ph.errors.BadSpec, match="nobody knows what is black"):
        ph.decoder(Draw(), (4,), None)
    with pytest.raises(ph.errors.BadSpec, match="has no encoder, which pull needs"):
        ph.render("miniception", "conv2:3", image=ph.Latent(decoder=name, pull=0.1), preset="prior", steps=3)


def test_a_decoder_that_diffusers_saved(tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers", reason="diffusers is an optional package")
    torch.manual_seed(0)
    tiny = diffusers.AutoencoderTiny(encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
                                     num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1))  # fmt: skip
    tiny.save_pretrained(tmp_path / "tiny")
    made = ph.render("miniception", "conv2:3", image=ph.Latent(decoder=str(tmp_path / "tiny")), preset="prior", steps=2)
    assert made.size == (64, 64)
