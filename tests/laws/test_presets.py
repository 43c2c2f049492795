"""Presets, and the rate that falls over an ascent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nets import linear

import phosphene as ph
from phosphene.front import steps_of
from phosphene.optimizers import SGD, Adam
from phosphene.presets import PRESETS


def adam_by_loops(weight: np.ndarray, start: np.ndarray, steps: int, how: Adam) -> np.ndarray:
    """Kingma & Ba 2015, upwards on w.x - 3 mean(x^2), with the rate of each step written out."""
    theta, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step in range(1, steps + 1):
        gradient = weight - 6 * theta / theta.size
        m = how.betas[0] * m + (1 - how.betas[0]) * gradient
        v = how.betas[1] * v + (1 - how.betas[1]) * gradient**2
        rate = how.lr * ((steps - step + 1) / steps if how.decay == "linear" else 1)
        theta += rate * (m / (1 - how.betas[0] ** step)) / (np.sqrt(v / (1 - how.betas[1] ** step)) + how.eps)
    return theta


OURS = ["standard", "fast", "draft", "lucid"]


@pytest.mark.parametrize("name", OURS)
def test_a_preset_climbs_as_it_says(name: str) -> None:
    """All its steps, against the same ascent done by loops."""
    weight = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(1))
    start = np.full((4, 5, 1), 0.5, np.float32)
    image = ph.Pixel(bound="free", colour="plain", channels=1)
    result = ph.render_batch(linear(weight), ["unit:0 - 3*l2"], preset=name, image=image, transform="none", start=start,
                             arithmetic="exact")[0]  # fmt: skip
    how, w = PRESETS[name].optimizer, weight[0].double().numpy()
    assert result.steps == PRESETS[name].steps
    assert result.spec["optimizer"] == {"name": "adam", "lr": how.lr, "betas": how.betas, "eps": how.eps,
                                        "decay": how.decay}  # fmt: skip
    x = adam_by_loops(w, start[:, :, 0].astype(float), result.steps, how)
    assert result.score.clean == pytest.approx(float((w * x).sum() - 3 * (x**2).mean()), rel=1e-3)


def test_steps_and_optimizer_take_the_place_of_the_presets() -> None:
    net = linear(torch.ones(1, 3, 3))
    assert ph.render(net, "unit:0", transform="none").spec["steps"] == PRESETS["standard"].steps
    given = ph.render(net, "unit:0", preset="draft", optimizer=SGD(2.0), steps=3, transform="none")
    assert (given.spec["steps"], given.spec["optimizer"]) == (3, {"name": "sgd", "lr": 2.0, "decay": "none"})


def test_a_later_frame_makes_a_longer_ascent() -> None:
    assert steps_of("standard", None, ()) == steps_of("standard", None, (0, 48)) == 256
    assert steps_of("standard", None, (0, 4, 48, 512)) == 512
    with pytest.raises(ph.errors.BadSpec, match="no frame can be kept at step 512: the steps are 0 to 256"):
        steps_of("standard", 256, (0, 512))


def test_bad_presets_and_rates_are_refused() -> None:
    with pytest.raises(ph.errors.UnknownOption, match="no preset 'darft'; .*draft"):
        ph.render(linear(torch.ones(1, 3, 3)), "unit:0", preset="darft")
    with pytest.raises(ph.errors.BadSpec, match="decay is none, linear or cosine, not 'sine'"):
        Adam(decay="sine")
