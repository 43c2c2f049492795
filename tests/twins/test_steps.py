"""Crops, pieces, mirrors, rolls, noise and colours against NumPy, one row at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from phosphene.errors import BadSpec
from phosphene.filters import Bilateral, Decay, GaussianBlur
from phosphene.rng import Stream
from phosphene.transforms import (
    Chain,
    ColourJitter,
    ColourNoise,
    Composite,
    Cut,
    Flip,
    Jitter,
    Noise,
    Pad,
    RandomCrop,
    Roll,
)

ROWS = 6


def pictures(height: int = 20, width: int = 26, channels: int = 3) -> torch.Tensor:
    values = np.random.default_rng(0).uniform(size=(ROWS, channels, height, width)).astype(np.float32)
    return torch.from_numpy(values)


def applied(chain: Chain, x: torch.Tensor, when: float = 1.0) -> tuple[np.ndarray, tuple[torch.Tensor, ...]]:
    moments = torch.full((ROWS,), when, dtype=torch.float64)
    draw = chain.sample(Stream.of(range(ROWS)), (x.shape[2], x.shape[3]), moments)
    return chain.apply(x, draw).numpy(), draw.drawn


@pytest.mark.parametrize(
    "crop",
    [
        RandomCrop(0.5, 0.3, 0.1, size=(12, 10)),
        RandomCrop(0.2, 0.9, law="uniform", wander=None, size=9),
        RandomCrop(0.9, 0.9, 0.2, wander=0.5, size=(16, 24)),
    ],
)
def test_a_crop_is_bilinear_and_lies_inside(crop: RandomCrop) -> None:
    x = pictures()
    found, (drawn,) = applied(Chain((crop,)), x, 0.5)
    for row in range(ROWS):
        fraction, y, right = (float(value) for value in drawn[row])
        assert crop.least <= fraction <= 1
        assert fraction / 2 - 1e-9 <= min(y, right)
        assert max(y, right) <= 1 - fraction / 2 + 1e-9
        high, wide = found.shape[2:]
        down = (y - fraction / 2 + fraction * (np.arange(high) + 0.5) / high) * 20 - 0.5
        across = (right - fraction / 2 + fraction * (np.arange(wide) + 0.5) / wide) * 26 - 0.5
        grid = np.meshgrid(down, across, indexing="ij")
        for channel in range(3):
            # outside the picture is grey
            slow = map_coordinates(x[row, channel].numpy() - 0.5, grid, order=1, mode="grid-constant") + 0.5
            assert np.abs(found[row, channel] - slow).max() < 1e-4


def test_crops_shrink_on_the_way() -> None:
    chain, stream = Chain((RandomCrop(0.5, 0.05, 0.05, size=8),)), Stream.of(range(2000))
    for when, mean in ((0.0, 0.5), (0.5, 0.275)):
        fractions = chain.sample(stream, (20, 20), torch.full((2000,), when, dtype=torch.float64)).drawn[0][:, 0]
        assert float(fractions.mean()) == pytest.approx(mean, abs=0.005)
        assert float(fractions.std()) == pytest.approx(0.05, abs=0.004)


def test_pieces_and_mirrors_are_the_very_pixels() -> None:
    x = pictures()
    found, (drawn,) = applied(Chain((Cut(7),)), x)
    for row in range(ROWS):
        top, left = (
            int(min(room, np.floor(u * (room + 1)))) for u, room in zip(drawn[row].tolist(), (13, 19), strict=True)
        )
        assert np.abs(found[row] - x[row, :, top : top + 7, left : left + 7].numpy()).max() < 1e-5
    found, (drawn,) = applied(Chain((Flip(),)), x)
    assert 0 < float(drawn.sum()) < ROWS
    for row in range(ROWS):
        wanted = x[row].flip(2) if drawn[row] else x[row]
        assert np.abs(found[row] - wanted.numpy()).max() < 1e-5


def test_every_place_of_a_piece_is_as_likely() -> None:
    move = Chain((Cut(3),)).sample(Stream.of(range(4000)), (5, 3)).move
    tops = (move.matrix[:, 1, 2] + 1).round().to(torch.int64)
    assert torch.bincount(tops, minlength=3).tolist() == pytest.approx([4000 / 3] * 3, rel=0.1)


def test_rolls_go_round() -> None:
    x = pictures()
    found, (drawn,) = applied(Chain((Roll(5),)), x)
    assert drawn.abs().max() <= 5
    for row in range(ROWS):
        assert np.array_equal(found[row], np.roll(x[row].numpy(), drawn[row].tolist(), (1, 2)))


def test_noise_has_its_deviations_and_is_a_rows_own() -> None:
    x = torch.full((ROWS, 3, 64, 64), 0.5)
    found, _ = applied(Chain((Noise(0.1, 0.0),)), x)
    assert (found - 0.5).std() == pytest.approx(0.1, rel=0.02)
    found, _ = applied(Chain((Noise(0.0, 0.2),)), x)
    assert np.abs(found - 0.5).max() <= 0.2 + 1e-6
    assert (found - 0.5).std() == pytest.approx(0.2 / 3**0.5, rel=0.02)
    assert np.abs(np.corrcoef(found.reshape(ROWS, -1)) - np.eye(ROWS)).max() < 0.05
    alone = Chain((Noise(0.0, 0.2),)).sample(Stream.of([3]), (64, 64))
    assert np.array_equal(Chain((Noise(0.0, 0.2),)).apply(x[:1], alone).numpy()[0], found[3])


@pytest.mark.parametrize(("when", "size"), [(0.0, 0.5), (0.5, 0.25), (1.0, 0.0)])
def test_colour_noise_fades(when: float, size: float) -> None:
    found, _ = applied(Chain((ColourNoise(),)), torch.full((ROWS, 3, 64, 64), 0.5), when)
    assert (found - 0.5).std() == pytest.approx(0.25 * size, rel=0.02, abs=1e-7)


def test_colours_jitter_by_channel() -> None:
    x = pictures()
    found, (drawn,) = applied(Chain((ColourJitter(0.8, 0.5),)), x)
    for row in range(ROWS):
        for channel in range(3):
            shift, stretch = 0.8 * 0.25 * float(drawn[row, 0]), 0.5 * float(drawn[row, 1])
            slow = (x[row, channel].numpy() - 0.5 - shift) / np.exp(stretch) + 0.5
            assert np.abs(found[row, channel] - slow).max() < 1e-5


def test_an_opaque_picture_hides_what_is_behind_and_a_clear_one_is_it() -> None:
    x = pictures(channels=4)
    x[:, 3] = 1
    assert np.allclose(applied(Chain((Composite(),)), x)[0], x[:, :3].numpy())
    x[:, 3] = 0
    behind, _ = applied(Chain((Composite(),)), x)
    assert behind.min() >= 0
    assert behind.max() <= 1
    assert np.abs(behind[0] - behind[1]).mean() > 0.05
    x[:, 3] = 0.25
    assert np.allclose(applied(Chain((Composite(),)), x)[0], 0.25 * x[:, :3].numpy() + 0.75 * behind, atol=1e-6)
    assert np.allclose(applied(Chain((Composite(0),)), x)[0], 0.25 * x[:, :3].numpy() + 0.375, atol=1e-6)


def test_moves_and_changes_happen_in_their_order() -> None:
    """A pad after noise is clean; noise after a pad is everywhere."""
    x = torch.full((ROWS, 3, 8, 8), 0.5)
    after, _ = applied(Chain((Noise(), Pad(3), Jitter(2))), x)
    before, _ = applied(Chain((Pad(3), Jitter(2), Noise())), x)
    assert after.shape == before.shape == (ROWS, 3, 12, 12)
    assert np.abs(after[:, :, 0] - 0.5).max() < 1e-6
    assert np.abs(before[:, :, 0] - 0.5).min() > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomCrop(0.0),
        lambda: RandomCrop(law="even"),
        lambda: RandomCrop(size=0),
        lambda: Cut(0),
        lambda: Flip(1.5),
        lambda: Noise(-1),
        lambda: Roll(-1),
        lambda: Composite(-1),
    ],
)
def test_impossible_steps_are_refused(make) -> None:
    with pytest.raises(BadSpec):
        make()


def test_filters_by_loops() -> None:
    x, rest = pictures(9, 8)[:1], torch.full((3, 1, 1), 0.4)
    assert torch.allclose(Decay(1, 0.3).apply(x, x, rest), 0.4 + 0.7 * (x - 0.4), atol=1e-6)
    from scipy.ndimage import gaussian_filter

    slow = np.stack([gaussian_filter(c.numpy().astype(float), 1.0, mode="nearest", truncate=3.0) for c in x[0]])
    assert np.abs(GaussianBlur(1, 1.0).apply(x, x, rest)[0].numpy() - slow).max() < 1e-5
    found = Bilateral(1, 0.8, 0.2).apply(x, x, rest)[0].numpy()
    values = x[0].numpy().astype(float)
    for y in range(9):
        for column in range(8):
            total, weight = np.zeros(3), 0.0
            for dy in (-2, -1, 0, 1, 2):
                for dx in (-2, -1, 0, 1, 2):
                    other = values[:, min(8, max(0, y + dy)), min(7, max(0, column + dx))]
                    unlike = ((other - values[:, y, column]) ** 2).sum()
                    share = np.exp(-(dy**2 + dx**2) / (2 * 0.8**2) - unlike / (2 * 0.2**2))
                    total, weight = total + share * other, weight + share
            assert found[:, y, column] == pytest.approx(total / weight, abs=1e-5)


def test_an_edge_survives_the_bilateral_filter_and_not_the_blur() -> None:
    x = torch.zeros(1, 3, 12, 12)
    x[..., 6:] = 1
    rest = torch.full((3, 1, 1), 0.5)
    sharp, soft = Bilateral(1, 1.0, 0.1).apply(x, x, rest), GaussianBlur(1, 1.0).apply(x, x, rest)
    assert float((sharp - x).abs().max()) < 1e-3
    assert float((soft - x).abs().max()) > 0.2
