"""What is made of photos: dreams, accentuations, inversions, caricatures, films, comparisons."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from nets import two
from PIL import Image as Pillow

import phosphene as ph
from phosphene.canvas import Canvas
from phosphene.gallery.movie import check_movie, movie
from phosphene.images import Pixel
from phosphene.objectives import Activations, from_text, to_text
from phosphene.octaves import stages
from phosphene.side_by_side import objective_of
from phosphene.spec import Job
from phosphene.tiles import boxes

PHOTO = np.random.default_rng(0).uniform(0.2, 0.8, (9, 12, 3)).repeat(8, 0).repeat(8, 1).astype(np.float32)
PICTURE = Pillow.fromarray((PHOTO * 255).round().astype(np.uint8))  # 72 x 96


@pytest.fixture(scope="module")
def net() -> ph.Network:
    return ph.load("miniception")


@pytest.mark.parametrize(
    ("size", "tile", "only"),
    [
        ((100, 64), 64, None),
        ((1000, 333), 100, None),
        ((50, 50), 512, None),
        ((100, 230), 40, (32, 48)),
        ((32, 48), 99, (32, 48)),
    ],
)
def test_pieces_cover_the_picture_and_are_no_larger_than_asked(size, tile, only) -> None:
    seen = np.zeros(size, int)
    for top, left, bottom, right in boxes(size, tile, only):
        assert 0 <= top < bottom <= size[0]
        assert 0 <= left < right <= size[1]
        if only is None:
            assert max(bottom - top, right - left) <= tile
        else:
            assert (bottom - top, right - left) == only
        seen[top:bottom, left:right] += 1
    assert seen.min() == 1


def test_a_dream_fires_its_layer_more_at_the_photos_own_size(net: ph.Network) -> None:
    dreamt = ph.dream(net, "mixed4a", PHOTO, octaves=2, steps=4)
    assert dreamt.size == (72, 96)
    assert dreamt.steps == 8
    assert dreamt.score.clean > 1.3 * dreamt.score.start
    with pytest.raises(ph.errors.NotReproducible, match="start picture"):
        ph.replay(dreamt.record())
    again = ph.replay(dreamt.record(), start=PHOTO)
    assert again.pixels.tobytes() == dreamt.pixels.tobytes()


def test_a_dream_that_was_stopped_replays_as_what_it_is(net: ph.Network) -> None:
    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ph.Stopped) as stopped:
        ph.dream(
            net, "conv2", PHOTO, octaves=3, steps=4, progress=stop
        )  # told after 8 steps, at the end of the second size
    (half,) = stopped.value.results
    assert (half.partial, half.steps, half.size) == (True, 7, (51, 69))
    again = ph.replay(half.record(), start=PHOTO)
    assert (again.partial, again.steps, again.size) == (True, 7, (51, 69))
    assert again.pixels.tobytes() == half.pixels.tobytes()


@pytest.mark.parametrize("tile", [0, -3, 16])
def test_pieces_too_small_to_be_seen_are_refused(net: ph.Network, tile: int) -> None:
    with pytest.raises(ph.errors.BadSpec, match="pieces of 32 pixels or more"):
        ph.dream(net, "conv2", PHOTO, tile=tile)


def test_a_dream_seen_in_pieces_is_nearly_the_one_seen_whole(net: ph.Network) -> None:
    """Pieces meet at borders that move from step to step."""
    whole = ph.dream(net, "conv2", PHOTO, octaves=1, steps=3, tile=512)
    pieces = ph.dream(net, "conv2", PHOTO, octaves=1, steps=3, tile=48)
    apart = np.abs(whole.pixels.astype(int) - pieces.pixels.astype(int))
    moved = np.abs(whole.pixels.astype(int) - (PHOTO * 255).round().astype(int))
    assert apart.mean() < 0.35 * moved.mean()
    assert pieces.score.clean == pytest.approx(whole.score.clean, rel=0.25)


def test_octaves_climb_from_small_to_whole_and_share_the_steps() -> None:
    image = Pixel((70, 100), 3, "plain", "box")
    job = Job(
        ph.load("miniception").spec,
        "conv2",
        {"name": "pixel"},
        (),
        {"name": "sgd"},
        steps=10,
        octaves={"count": 3, "scale": 1.4},
    )
    found = stages(job, Canvas(image, torch.zeros(3, 1, 1)), torch.zeros(1, 3, 70, 100))
    assert [stage.canvas.shape[1:] for stage in found] == [(36, 51), (50, 71), (70, 100)]
    assert [(stage.offset, stage.steps) for stage in found] == [(0, 3), (3, 3), (6, 4)]
    assert len(stages(job, Canvas(image, torch.zeros(3, 1, 1)), None, until=5)) == 2


@pytest.mark.parametrize(
    ("target", "reason"),
    [("mixed4a:3@centre", "aims at one position"), ("mixed4a - 0.1*tv", "cannot be"), ("near:mixed4a", "cannot be")],
)
def test_what_cannot_be_dreamt_of_is_said_before_any_work(net: ph.Network, target: str, reason: str) -> None:
    with pytest.raises(ph.errors.BadSpec, match=reason):
        ph.dream(net, target, PHOTO)


def test_an_inversion_comes_nearer_to_the_photo_than_another_photo_is(net: ph.Network) -> None:
    made = ph.invert(net, "mixed3a", PICTURE, steps=48)
    assert made.score.start < -0.8
    assert made.score.clean > -0.15  # of the distance to nothing at all


def test_a_caricature_goes_further_than_the_photo_in_its_own_direction(net: ph.Network) -> None:
    made = ph.caricature(net, "mixed4a", PICTURE, steps=64)
    assert made.score.clean > 0.8
    assert made.score.start < 0.3


def test_an_accentuation_fires_more_and_stays_nearer_the_heavier_the_distance_weighs(net: ph.Network) -> None:
    start = ph.render(net, "mixed4a:5", start=PICTURE, steps=1, optimizer=ph.SGD(1e-12)).score.start
    light, heavy = (ph.accentuate(net, "mixed4a:5", PICTURE, weight=w, steps=24, seed=0) for w in (0.2, 5.0))
    own = [_score(net, one, "mixed4a:5") for one in (light, heavy)]
    assert own[0] > own[1]
    assert own[0] > start
    away = [np.abs(one.pixels / 255 - _fitted()).mean() for one in (light, heavy)]
    assert away[0] > away[1]
    assert light.found["accentuation"]["balance"] > 0


def _fitted() -> np.ndarray:
    from PIL import ImageOps

    return np.asarray(ImageOps.fit(PICTURE, (64, 64), Pillow.Resampling.LANCZOS)) / 255


def _score(net: ph.Network, result: ph.Result, target: str) -> float:
    from phosphene.scoring import scores

    return scores(net, [result], [from_text(target)])[0][0]


def test_likeness_by_loops() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(2, 4, 3, 3)).astype(np.float32) for _ in range(2))
    acts = Activations({"x": torch.from_numpy(a)}, torch.zeros(2, 3, 2, 2), {}, {"x": torch.from_numpy(b)})
    near = [
        np.mean([np.linalg.norm((p - q)[:, y, x]) for y in range(3) for x in range(3)])
        for p, q in zip(a, b, strict=True)
    ]
    assert from_text("near:x").score(acts).tolist() == pytest.approx(near, rel=1e-4)
    inverted = [-((p - q) ** 2).sum() / (q**2).sum() for p, q in zip(a, b, strict=True)]
    assert from_text("invert:x").score(acts).tolist() == pytest.approx(inverted, rel=1e-4)
    for power in (0, 1, 2):
        slow = [
            (p * q).sum() / (q**2).sum() * max(0.1, (p * q).sum() / np.linalg.norm(p) / np.linalg.norm(q)) ** power
            for p, q in zip(a, b, strict=True)
        ]
        assert from_text(f"caricature:x[power={power}]").score(acts).tolist() == pytest.approx(slow, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "near:mixed4a",
        "invert:mixed4a",
        "caricature:mixed4a",
        "caricature:mixed4a[power=2]",
        "blur",
        "blur[sigma=2]",
        "boundary[width=4]",
        "opacity",
        '"near":3',
    ],
)
def test_new_targets_read_back(text: str) -> None:
    assert to_text(from_text(text)) == text


def test_a_grid_is_its_units_and_pairs_each_as_if_alone(net: ph.Network) -> None:
    results, pairs = ph.grid(net, "mixed3a", [3, 7, 11], steps=6, size=32)
    assert [one.target for one in results] == [
        "mixed3a:3",
        "mixed3a:7",
        "mixed3a:11",
        "mixed3a:3 + mixed3a:7",
        "mixed3a:3 + mixed3a:11",
        "mixed3a:7 + mixed3a:11",
    ]
    assert [pair.units for pair in pairs] == [
        ("mixed3a:3", "mixed3a:7"),
        ("mixed3a:3", "mixed3a:11"),
        ("mixed3a:7", "mixed3a:11"),
    ]
    both = ph.render(net, "mixed3a:3 + mixed3a:11", steps=6, size=32)
    assert np.abs(both.pixels.astype(int) - results[4].pixels.astype(int)).max() <= 1
    assert pairs[1].scores[0] == pytest.approx(_score(net, results[4], "mixed3a:3"), rel=1e-4)
    assert pairs[1].shares[1] == pytest.approx(pairs[1].scores[1] / _score(net, results[2], "mixed3a:11"), rel=1e-4)


def test_methods_are_compared_at_equal_passes_and_refused_before_the_first_is_made(net: ph.Network) -> None:
    rows = ph.compare(net, "conv2:3", ["pixel", "fourier", "maco", "vit"], passes=16, size=24)
    assert [(row.method, row.passes) for row in rows] == [("pixel", 16), ("fourier", 16), ("maco", 16), ("vit", 16)]
    assert all(row.result.size == (24, 24) for row in rows)
    assert to_text(objective_of(Job.from_dict(rows[3].result.spec))) == "conv2:3"
    assert rows[3].clean == pytest.approx(_score(net, rows[3].result, "conv2:3"), rel=1e-4)  # without vit's penalty
    told: list = []
    with pytest.raises(ph.errors.UnknownOption, match="no preset 'macco'; .*maco"):
        ph.compare(net, "conv2:3", ["pixel", "macco"], progress=told.append)
    with pytest.raises(ph.errors.BadSpec, match="allow more passes"):
        ph.compare(net, "conv2:3", ["vit"], passes=4)
    assert told == []


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".webm"])
def test_films_hold_their_frames(suffix: str) -> None:
    frames = [Pillow.new("RGB", (31, 20), (40 * k, 0, 255 - 40 * k)) for k in range(5)]
    data = movie(frames, suffix)
    if suffix == ".gif":
        with Pillow.open(io.BytesIO(data)) as film:
            assert film.n_frames == 5
            assert film.size == (32, 20)
    else:
        assert data[4:8] == b"ftyp" if suffix == ".mp4" else data[:4] == b"\x1aE\xdf\xa3"


def test_a_film_of_another_kind_is_refused(tmp_path) -> None:
    with pytest.raises(ph.errors.BadSpec, match=r"a movie is \.gif, \.mp4 or \.webm, not '.avi'"):
        check_movie(tmp_path / "a.avi")


def test_a_large_canvas_is_seen_in_crops_and_looked_at_in_pieces() -> None:
    made = ph.render(two(), "first:1[energy]", size=1100, transform="cut[16]", views=2, steps=2, robust=2)
    assert made.size == (1100, 1100)
    assert made.score.clean is not None
