"""Closed-form answers: what an ascent must find when the answer is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from nets import Gated, linear, two
from torch import Tensor

import phosphene as ph
from phosphene.ascent import Ascent
from phosphene.canvas import Canvas
from phosphene.images import Image, restart
from phosphene.images.colour import decorrelate, matrix, recorrelate
from phosphene.images.fourier import scale
from phosphene.objectives import Activations, Objective, PerRow, from_text
from phosphene.rng import Stream
from phosphene.tap import Tap
from phosphene.transforms import Chain, Jitter
from phosphene.transforms.base import resample

SHAPE = (3, 8, 8)
SEEDS = (0, 1, 2)


def weight(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def climb(w: Tensor, objective: Objective, image: Image, lr: float, steps: int) -> Tensor:
    """The picture that ascent by plain gradients reaches."""
    network = linear(w)
    filled = image.filled(tuple(w.shape[1:]), w.shape[0])
    stream = Stream.of([0])
    with network.frozen(), Tap(network, objective.layers) as tap:
        ascent = Ascent(
            tap, PerRow((objective,)), Canvas(filled, torch.zeros(w.shape[0], 1, 1)), Chain(), ph.SGD(lr), stream, {}
        )
        *_, last = ascent.run(restart(filled, stream, None), steps)
    return filled.decode(last.parameters)[0].detach()


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("seed", SEEDS)
def test_linear_unit_in_a_ball_finds_its_own_direction(seed: int) -> None:
    w, radius = weight(seed), 3.0
    found = climb(w, ph.Channel("unit", 0), ph.Pixel(bound="ball", radius=radius, colour="plain"), 1.0, 50)
    cosine = torch.nn.functional.cosine_similarity(found.flatten(), w.flatten(), dim=0)
    assert cosine >= 0.9999
    assert found.norm() == pytest.approx(radius, rel=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_linear_unit_in_a_box_finds_the_corner(seed: int) -> None:
    w = weight(seed)
    found = climb(w, ph.Channel("unit", 0), ph.Pixel(bound="box", colour="plain"), 10.0, 500)
    assert torch.equal(found, (w > 0).float())


@pytest.mark.parametrize("seed", SEEDS)
def test_linear_unit_under_a_quadratic_penalty(seed: int) -> None:
    w, strength = weight(seed), 2.0
    objective = ph.Channel("unit", 0) - strength * w.numel() / 2 * ph.L2(about=0)
    found = climb(w, objective, ph.Pixel(bound="free", colour="plain"), 0.3, 60)
    assert relative(found, w / strength) <= 1e-3


def laplacian(height: int, width: int) -> np.ndarray:
    """The matrix L with x' L x = sum of squared differences of neighbours, by loops."""
    made = np.zeros((height * width, height * width))
    for y, x in itertools.product(range(height), range(width)):
        for other in ((y + 1, x), (y, x + 1)):
            if other[0] < height and other[1] < width:
                i, j = y * width + x, other[0] * width + other[1]
                made[i, i] += 1
                made[j, j] += 1
                made[i, j] -= 1
                made[j, i] -= 1
    return made


@pytest.mark.parametrize("seed", SEEDS)
def test_linear_unit_under_quadratic_total_variation(seed: int) -> None:
    w, strength, mu = weight(seed), 2.0, 1.5
    half = w.numel() / 2
    objective = ph.Channel("unit", 0) - strength * half * ph.L2(about=0) - mu * half * ph.TotalVariation(power=2)
    found = climb(w, objective, ph.Pixel(bound="free", colour="plain"), 0.12, 200)
    inverse = np.linalg.inv(strength * np.eye(64) + mu * laplacian(8, 8))
    wanted = torch.from_numpy(w.numpy().reshape(3, 64) @ inverse.T).float().view(SHAPE)
    assert relative(found, wanted) <= 1e-3


@pytest.mark.parametrize(("height", "width"), [(8, 8), (6, 10), (8, 9), (7, 5)])
@pytest.mark.parametrize("seed", SEEDS)
def test_fourier_is_a_preconditioner(height: int, width: int, seed: int) -> None:
    """One plain gradient step moves the picture's spectrum by eta m(f) S(f)^2 / (16 H W) times the unit's."""
    w, eta = weight(seed, (3, height, width)), 0.7
    image = ph.Fourier(bound="free", colour="plain")
    before = climb(w, ph.Channel("unit", 0), image, eta, 0)
    after = climb(w, ph.Channel("unit", 0), image, eta, 1)
    moved = torch.fft.rfft2((after - before).double())
    columns = torch.full((width // 2 + 1,), 2.0, dtype=torch.float64)
    columns[0] = 1
    if width % 2 == 0:
        columns[-1] = 1
    gain = scale(height, width, 1.0, torch.device("cpu")).double()
    wanted = eta * columns * gain**2 / (16 * height * width) * torch.fft.rfft2(w.double())
    assert float((moved - wanted).abs().max() / wanted.abs().max()) <= 1e-4


def test_colour_is_undone_and_has_the_published_correlations() -> None:
    field = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert (decorrelate(recorrelate(field)) - field).abs().max() <= 1e-5
    covariance = matrix(torch.device("cpu")) @ matrix(torch.device("cpu")).T
    spread = covariance.diagonal().sqrt()
    correlation = covariance / spread[:, None] / spread[None, :]
    assert correlation[0, 1] == pytest.approx(0.914, abs=1e-3)
    assert correlation[0, 2] == pytest.approx(0.794, abs=1e-3)
    assert correlation[1, 2] == pytest.approx(0.909, abs=1e-3)
    assert matrix(torch.device("cpu")).norm(dim=0).max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("pixels", [1, 3, 4])
def test_jitter_is_a_box_filter(pixels: int) -> None:
    """The gradient averaged over every offset is the unit convolved with a box."""
    w = weight(0, (3, 8, 8))
    side = 8 + pixels
    picture = torch.zeros(1, 3, side, side, requires_grad=True)
    step = Jitter(pixels)
    total = torch.zeros(3, side, side)
    offsets = list(itertools.product(range(pixels + 1), repeat=2))
    for offset in offsets:
        draw = Chain((step,)).compose([torch.tensor([offset], dtype=torch.float64)], (side, side), 1)
        seen = resample(picture, draw.move.matrix, draw.move.size)
        (gradient,) = torch.autograd.grad((seen * w).sum(), picture)
        total += gradient[0] / len(offsets)
    wanted = np.zeros((3, side, side))
    for dy, dx in offsets:
        wanted[:, dy : dy + 8, dx : dx + 8] += w.numpy() / len(offsets)
    assert np.abs(total.numpy() - wanted).max() <= 1e-5


@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_are_linear_in_the_objective(seed: int) -> None:
    network = two(seed)
    pictures = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    a, b = ph.Channel("second", 2), ph.Neuron("first", 1, (3, 4))

    def gradient(objective: Objective) -> Tensor:
        x = pictures.clone().requires_grad_()
        with network.frozen(), Tap(network, objective.layers) as tap:
            (found,) = torch.autograd.grad(objective.score(Activations(tap(x), x)).sum(), x)
        return found

    assert (gradient(1.7 * a - 0.3 * b) - (1.7 * gradient(a) - 0.3 * gradient(b))).abs().max() <= 1e-5
    unit = tuple(float(k == 2) for k in range(5))
    assert (gradient(ph.Direction("second", vector=unit)) - gradient(a)).abs().max() <= 1e-5


def _gated(bias: float, redirect: int, steps: int, target: str = "unit:0") -> tuple[list[Tensor], list[float], list]:
    network = ph.load(Gated(bias), input_size=(3, 8, 8))
    image = ph.Fourier().filled((8, 8), 3)
    stream = Stream.of([0])
    objective = PerRow((from_text(target),))
    pictures, heights, states = [], [], []
    with network.frozen(), Tap(network, objective.layers) as tap:
        ascent = Ascent(
            tap, objective, Canvas(image, torch.zeros(3, 1, 1)), Chain(), ph.Adam(0.1), stream, {}, redirect
        )
        for step in ascent.run(restart(image, stream, None), steps):
            picture = image.decode(step.parameters).detach()
            pictures.append(picture)
            heights.append(float(network.module.conv(picture)[0, 0].mean()))
            states.append(step)
    return pictures, heights, states


def test_a_dead_unit_stays_where_it_is_without_redirection() -> None:
    pictures, _, states = _gated(-3.0, redirect=0, steps=16)
    assert torch.equal(pictures[0], pictures[-1])
    assert bool(states[-1].dead[0])


def test_redirection_raises_a_dead_unit_every_step_until_it_lives() -> None:
    _, heights, states = _gated(-1.7, redirect=16, steps=30)
    woke = next(index for index, state in enumerate(states) if index and not bool(state.silent[0]))
    assert all(later > earlier for earlier, later in itertools.pairwise(heights[:woke]))
    assert 1 < woke <= 17
    assert int(states[-1].redirected[0]) == woke - 1
    assert not bool(states[-1].dead[0])


def test_redirection_ends_after_its_steps() -> None:
    pictures, _, states = _gated(-30.0, redirect=16, steps=40)
    assert int(states[-1].redirected[0]) == 16
    assert bool(states[-1].dead[0])
    with_momentum = [float((a - b).abs().max()) for a, b in itertools.pairwise(pictures)]
    assert with_momentum[15] > 0
    _, _, unredirected = _gated(-30.0, redirect=0, steps=40)
    assert int(unredirected[-1].redirected[0]) == 0


def test_rows_with_a_gradient_are_untouched_by_redirection() -> None:
    network = ph.load(Gated(-1.7), input_size=(3, 8, 8))
    targets = ["unit:0", "unit:1"]
    settings = {"steps": 24, "transform": "none", "optimizer": ph.Adam(0.1)}
    on = ph.render_batch(network, targets, redirect=16, **settings)
    off = ph.render_batch(network, targets, redirect=0, **settings)
    assert on[1].pixels.tobytes() == off[1].pixels.tobytes()
    assert on[1].score == off[1].score
    assert on[0].status == "ok"
    assert on[0].evidence.redirected > 0
    assert off[0].status == "dead"
    assert on[1].evidence.redirected == 0
