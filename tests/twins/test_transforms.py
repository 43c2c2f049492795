"""The composed transform against the chain it replaces, step by step in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import phosphene as ph
from phosphene.errors import BadSpec
from phosphene.evidence import observe
from phosphene.objectives import PerRow, from_text
from phosphene.rng import Stream
from phosphene.tap import Tap
from phosphene.transforms import PRESETS, Chain, Crop, Fit, Jitter, Pad, Rotate, Scale, fit, resample

GREY = 0.5


def bilinear(picture: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """``picture`` (c, h, w) at real positions (pixel centres at whole numbers), grey outside."""
    channels, height, width = picture.shape
    out = np.zeros((channels, *ys.shape))
    y0, x0 = np.floor(ys).astype(int), np.floor(xs).astype(int)
    for dy in (0, 1):
        for dx in (0, 1):
            y, x = y0 + dy, x0 + dx
            share = (1 - np.abs(ys - y)) * (1 - np.abs(xs - x))
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            value = np.where(inside, picture[:, y.clip(0, height - 1), x.clip(0, width - 1)], GREY)
            out += share * value
    return out


def step_by_step(picture: np.ndarray, chain: Chain, drawn: list[np.ndarray], bare: tuple[int, int]) -> np.ndarray:
    """Each step done for itself on its own canvas, resampling where it must."""
    for step, numbers in zip(chain.steps, drawn, strict=True):
        _, height, width = picture.shape
        if isinstance(step, Pad):
            picture = np.pad(picture, ((0, 0), (step.width,) * 2, (step.width,) * 2), constant_values=GREY)
        elif isinstance(step, Jitter):
            down, right = (int(n) for n in numbers)
            picture = picture[:, down : down + height - step.pixels, right : right + width - step.pixels]
        elif isinstance(step, Crop):
            down, right = (height - bare[0]) // 2, (width - bare[1]) // 2
            picture = picture[:, down : down + bare[0], right : right + bare[1]]
        elif isinstance(step, Fit):
            y, x = np.meshgrid(
                *(np.linspace(0, s - 1, b) for s, b in zip((height, width), bare, strict=True)), indexing="ij"
            )
            picture = bilinear(picture, y, x)
        else:
            cy, cx = (height - 1) / 2, (width - 1) / 2
            y, x = np.mgrid[:height, :width].astype(float)
            y, x = y - cy, x - cx
            if isinstance(step, Scale):
                y, x = y / numbers[0], x / numbers[0]
            else:
                turn = math.radians(numbers[0])
                y, x = math.sin(turn) * x + math.cos(turn) * y, math.cos(turn) * x - math.sin(turn) * y
            picture = bilinear(picture, y + cy, x + cx)
    return picture


def smooth(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A picture without detail that interpolation would lose."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    waves = [np.sin(2 * np.pi * (rng.uniform(-1, 1) * y + rng.uniform(-1, 1) * x) + p) for p in rng.uniform(0, 6, 3)]
    return (0.5 + 0.4 * np.stack(waves)).astype(np.float32)


@pytest.mark.parametrize("name", ["lucid", "distill", "lucent"])
@pytest.mark.parametrize("size", [(64, 64), (40, 72), (33, 47)])
def test_composed_equals_step_by_step(name: str, size: tuple[int, int]) -> None:
    """Same geometry and same borders; what differs is that the chain interpolates twice."""
    chain, rows = PRESETS[name], 12
    draw = chain.sample(Stream.of(range(rows)), size)
    picture = smooth(size)
    found = chain.apply(torch.from_numpy(picture)[None].expand(rows, -1, -1, -1), draw).numpy()
    for row in range(rows):
        drawn = [numbers[row].numpy() for numbers in draw.drawn]
        wanted = step_by_step(picture.astype(float), chain, drawn, size)
        assert found[row].shape == wanted.shape
        difference = np.abs(found[row] - wanted)
        assert difference.max() < 0.25  # beside the sharp edge between picture and grey
        assert np.quantile(difference, 0.9) < 0.01
        assert difference.mean() < 0.008


@pytest.mark.parametrize("name", ["lucid", "distill"])
def test_draws_without_resampling_are_exact(name: str) -> None:
    """Scale 1 and no rotation: the composed form gives the very pixels of the crops."""
    chain, size = PRESETS[name], (24, 30)
    draw = chain.sample(Stream.of(range(8)), size)
    drawn = [
        torch.ones_like(n) if isinstance(s, Scale) else torch.zeros_like(n) if isinstance(s, Rotate) else n
        for s, n in zip(chain.steps, draw.drawn, strict=True)
    ]
    picture = np.random.default_rng(0).uniform(size=(3, *size)).astype(np.float32)
    still = chain.compose(drawn, size, 8)
    found = chain.apply(torch.from_numpy(picture)[None].expand(8, -1, -1, -1), still).numpy()
    for row in range(8):
        wanted = step_by_step(picture, chain, [n[row].numpy() for n in drawn], size)
        assert np.abs(found[row] - wanted).max() < 1e-4


@pytest.mark.parametrize("name", ["lucid", "distill", "lucent"])
def test_scores_agree_with_the_chain(name: str) -> None:
    """Mean scores of a picture's units under both forms, within .02 of each other."""
    net = ph.load("miniception")
    results = ph.render_batch(net, "mixed4a:0..7", steps=48, transform=name, robust=1)
    chain, rows = PRESETS[name], 24
    composed, chained = [], []
    for result in results:
        picture = result.pixels.transpose(2, 0, 1).astype(np.float32) / 255
        draw = chain.sample(Stream.of(range(rows)), (64, 64))
        once = chain.apply(torch.from_numpy(picture)[None].expand(rows, -1, -1, -1), draw)
        steps = [step_by_step(picture, chain, [n[row].numpy() for n in draw.drawn], (64, 64)) for row in range(rows)]
        twice = torch.from_numpy(np.stack(steps)).float()
        objective = PerRow((from_text(result.target),) * rows)
        with net.frozen(), Tap(net, objective.layers) as tap:
            composed.append(float(objective.score(observe(tap, once)).mean()))
            chained.append(float(objective.score(observe(tap, twice)).mean()))
    ratio = np.mean(chained) / np.mean(composed)
    assert ratio == pytest.approx(1, abs=0.02)


def test_a_network_of_one_size_sees_the_canvas_at_that_size() -> None:
    chain = PRESETS["lucid"]
    draw = chain.sample(Stream.of([0]), (32, 32))
    picture = torch.from_numpy(smooth((32, 32)))[None]
    seen = chain.apply(picture, draw, (32, 32))
    assert seen.shape == (1, 3, 32, 32)
    canvas = chain.apply(picture, draw)
    assert canvas.shape == (1, 3, 44, 44)
    assert float((fit(canvas, (32, 32)) - seen).abs().mean()) < 0.02


def test_rows_are_drawn_apart_and_cover_their_ranges() -> None:
    draw = PRESETS["lucid"].sample(Stream.of(range(4000)), (64, 64))
    _, jitter, scale, rotate, last = draw.drawn
    assert sorted(jitter.unique().tolist()) == list(range(9))
    assert sorted(last.unique().tolist()) == list(range(5))
    assert sorted(scale.unique().tolist()) == pytest.approx([1 + (i - 5) / 50 for i in range(11)])
    counts = {angle: int((rotate == angle).sum()) for angle in range(-10, 11)}
    assert counts[0] / 4000 == pytest.approx(6 / 26, abs=0.03)
    assert all(counts[angle] / 4000 == pytest.approx(1 / 26, abs=0.015) for angle in range(1, 11))


def test_apply_is_a_function_of_the_draw() -> None:
    chain, pictures = PRESETS["distill"], torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    draw = chain.sample(Stream.of([1, 2, 3]), (20, 20))
    assert torch.equal(chain.apply(pictures, draw), chain.apply(pictures, draw))


def test_no_transform_shows_the_picture_itself() -> None:
    pictures = torch.rand(2, 3, 9, 9)
    assert PRESETS["none"].apply(pictures, PRESETS["none"].sample(Stream.of([0, 1]), (9, 9))) is pictures


def test_the_gradient_of_the_resampling_is_right() -> None:
    chain = Chain((Pad(1), Rotate((17.0,)), Scale((1.1,)), Jitter(1)))
    picture = torch.rand(1, 1, 5, 6, dtype=torch.float64, requires_grad=True)
    draw = chain.sample(Stream.of([4]), (5, 6))
    assert torch.autograd.gradcheck(lambda x: resample(x, draw.move.matrix, draw.move.size), picture, atol=1e-4)


@pytest.mark.parametrize("make", [lambda: Pad(-1), lambda: Jitter(-2), lambda: Scale(()), lambda: Scale((0.0,)),
                                  lambda: Rotate((math.nan,))])  # fmt: skip
def test_impossible_steps_are_refused(make) -> None:
    with pytest.raises(BadSpec):
        make()


def test_a_picture_too_small_for_a_chain_is_refused() -> None:
    with pytest.raises(BadSpec, match="too small"):
        Chain((Jitter(8),)).sample(Stream.of([0]), (4, 4))
