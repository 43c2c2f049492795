"""Every formula once more, slowly."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch

import phosphene as ph
from phosphene.address import OUTPUT
from phosphene.evidence import Seen, high_frequency, rank
from phosphene.images.colour import recorrelate
from phosphene.images.fourier import scale
from phosphene.objectives import Activations, Term
from phosphene.rng import Stream, _mix

RNG = np.random.default_rng(0)
ACTS = RNG.normal(size=(2, 4, 3, 5))
LOGITS = RNG.normal(size=(2, 6))
PICTURES = RNG.uniform(size=(2, 3, 6, 7))


def score(term: Term) -> list[float]:
    maps = {"a": torch.from_numpy(ACTS), OUTPUT: torch.from_numpy(LOGITS)}
    return term.score(Activations(maps, torch.from_numpy(PICTURES))).tolist()


def positions(row: int) -> list[np.ndarray]:
    return [ACTS[row, :, y, x] for y in range(3) for x in range(5)]


V = (0.5, -1.0, 2.0, 0.25)


def cosine(a: np.ndarray, v: np.ndarray) -> float:
    return float(a @ v / math.sqrt((a @ a) * (v @ v)))


UNITS = {
    "channel": (ph.Channel("a", 2), lambda r: sum(p[2] for p in positions(r)) / 15),
    "energy": (ph.Channel("a", 2, "energy"), lambda r: sum(p[2] ** 2 for p in positions(r)) / 15),
    "neuron": (ph.Neuron("a", 1, (2, 3)), lambda r: ACTS[r, 1, 2, 3]),
    "centre": (ph.Neuron("a", 1), lambda r: ACTS[r, 1, 1, 2]),
    "layer": (ph.Layer("a"), lambda r: sum((p**2).sum() for p in positions(r)) / 60),
    "logit": (ph.Logit(4), lambda r: LOGITS[r, 4]),
    "prob": (ph.Probability(4), lambda r: math.exp(LOGITS[r, 4]) / sum(math.exp(v) for v in LOGITS[r])),
    "dot": (ph.Direction("a", vector=V), lambda r: sum(p @ np.array(V) for p in positions(r)) / 15),
    "cosine": (
        ph.Direction("a", vector=V, mode="cosine"),
        lambda r: sum(cosine(p, np.array(V)) for p in positions(r)) / 15,
    ),
    "dotcos": (
        ph.Direction("a", vector=V, mode="dotcos", power=3.0),
        lambda r: sum((p @ np.array(V)) * max(0.1, cosine(p, np.array(V))) ** 3 for p in positions(r)) / 15,
    ),
    "tv": (
        ph.TotalVariation(),
        lambda r: (
            (
                sum(
                    abs(PICTURES[r, c, y + 1, x] - PICTURES[r, c, y, x])
                    for c in range(3)
                    for y in range(5)
                    for x in range(7)
                )
                + sum(
                    abs(PICTURES[r, c, y, x + 1] - PICTURES[r, c, y, x])
                    for c in range(3)
                    for y in range(6)
                    for x in range(6)
                )
            )
            / 126
        ),
    ),
    "l1": (ph.L1(), lambda r: sum(abs(v - 0.5) for v in PICTURES[r].ravel()) / 126),
    "l2": (ph.L2(about=0.2), lambda r: sum((v - 0.2) ** 2 for v in PICTURES[r].ravel()) / 126),
}


@pytest.mark.parametrize("name", UNITS)
def test_scores(name: str) -> None:
    term, twin = UNITS[name]
    assert score(term) == pytest.approx([twin(0), twin(1)], rel=1e-5)


def test_neuron_positions_mean_the_bare_picture() -> None:
    """With a map two rows and four columns larger than the bare picture's, position (0, 1) is at (1, 3)."""
    acts = Activations({"a": torch.from_numpy(ACTS)}, torch.from_numpy(PICTURES), {"a": (1, 1)})
    assert ph.Neuron("a", 1, (0, 0)).score(acts).tolist() == pytest.approx([ACTS[0, 1, 1, 2], ACTS[1, 1, 1, 2]])


def test_a_random_direction_has_length_one_and_its_own_seed() -> None:
    a, again, other = (np.array(ph.Direction("a", seed=s).components(64)) for s in (7, 7, 8))
    assert np.linalg.norm(a) == pytest.approx(1)
    assert np.array_equal(a, again)
    assert abs(a @ other) < 0.6


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 3), (3, 4)])
def test_fourier_field(height: int, width: int) -> None:
    """irfft2(S theta) / 4 as an explicit sum of waves."""
    image = ph.Fourier(bound="free", colour="plain").filled((height, width), 1)
    theta = torch.randn(1, 1, height, width // 2 + 1, 2, generator=torch.Generator().manual_seed(0))
    found = image.decode((theta,))[0, 0].numpy()
    spectrum = theta[0, 0, :, :, 0].numpy() + 1j * theta[0, 0, :, :, 1].numpy()
    for y in range(height):
        for x in range(width):
            total = 0.0
            for ky in range(height):
                for kx in range(width // 2 + 1):
                    fy, fx = (ky if ky <= height // 2 else ky - height) / height, kx / width
                    gain = math.sqrt(height * width) / max(math.hypot(fy, fx), 1 / max(height, width))
                    twice = 1 if kx == 0 or (width % 2 == 0 and kx == width // 2) else 2
                    wave = cmath.exp(2j * math.pi * (ky * y / height + kx * x / width))
                    total += twice * (gain * spectrum[ky, kx] * wave).real
            assert found[y, x] == pytest.approx(total / (height * width) / 4, abs=1e-4)


def test_scale_of_frequencies_falls_as_one_over_f() -> None:
    gains = scale(32, 32, 1.0, torch.device("cpu"))
    assert float(gains[0, 4] / gains[0, 8]) == pytest.approx(2)
    assert float(gains[0, 0]) == pytest.approx(float(gains[0, 1]))


def test_recorrelation_by_loops() -> None:
    root = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]
    norm = max(math.sqrt(sum(root[r][c] ** 2 for r in range(3))) for c in range(3))
    assert norm == pytest.approx(0.46195, abs=1e-5)
    t = RNG.normal(size=3)
    found = recorrelate(torch.from_numpy(t.astype(np.float32)).view(1, 3, 1, 1)).flatten().tolist()
    assert found == pytest.approx([sum(root[r][c] / norm * t[c] for c in range(3)) for r in range(3)], rel=1e-5)


@pytest.mark.parametrize("kind", [ph.Fourier, ph.Pixel])
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (5, 9)])
def test_an_image_starts_from_a_picture(kind, channels: int, size: tuple[int, int]) -> None:
    image = kind().filled(size, channels)
    picture = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    assert (image.decode(image.encode(picture)) - picture).abs().max() < 1e-4


@pytest.mark.parametrize("size", [(8, 8), (5, 9)])
def test_energy_above_a_quarter_by_loops(size: tuple[int, int]) -> None:
    picture = RNG.uniform(size=(3, *size))
    fine = total = 0.0
    for c in range(3):
        for ky in range(size[0]):
            for kx in range(size[1]):
                value = sum(
                    picture[c, y, x] * cmath.exp(-2j * math.pi * (ky * y / size[0] + kx * x / size[1]))
                    for y in range(size[0])
                    for x in range(size[1])
                )
                fy, fx = min(ky, size[0] - ky) / size[0], min(kx, size[1] - kx) / size[1]
                if ky or kx:
                    total += abs(value) ** 2
                    fine += abs(value) ** 2 * (math.hypot(fy, fx) > 0.25)
    assert float(high_frequency(torch.from_numpy(picture)[None])[0]) == pytest.approx(fine / total, rel=1e-6)


def test_flat_and_checkered_pictures_have_no_and_all_fine_energy() -> None:
    flat = torch.full((1, 3, 8, 8), 0.7)
    board = ((torch.arange(8)[:, None] + torch.arange(8)) % 2).float().expand(1, 3, 8, 8)
    assert float(high_frequency(flat)[0]) == pytest.approx(0, abs=1e-6)
    assert float(high_frequency(board)[0]) == pytest.approx(1)


def test_rank_among_siblings() -> None:
    acts = Seen(torch.zeros(1), {"a": torch.tensor([[3.0, 1.0, 2.0, 2.0]])})
    places = [rank(ph.Channel("a", c), acts, 0, None)[:2] for c in range(4)]
    assert places == [(1, 4), (4, 4), (2, 4), (2, 4)]
    assert [s.unit for s in rank(ph.Channel("a", 1), acts, 0, None)[2]] == ["a:0", "a:2", "a:3"]


def test_the_mixer_is_splitmix64() -> None:
    """The published first outputs for seed 0 (Steele, Lea & Flood 2014)."""
    golden, mask = 0x9E3779B97F4A7C15, (1 << 64) - 1
    wanted = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    states = [(golden * k) & mask for k in (1, 2, 3)]
    signed = torch.tensor([s - (1 << 64) if s >> 63 else s for s in states], dtype=torch.int64)
    assert [value & mask for value in _mix(signed).tolist()] == wanted


def test_uniform_is_the_top_24_bits() -> None:
    stream = Stream.of([5])
    bits = [value & ((1 << 64) - 1) for value in stream._bits(4)[0].tolist()]
    assert stream.uniform(4)[0].tolist() == [(b >> 40) / 2**24 for b in bits]
