"""Checks of the published methods: MACO, preconditioners, diversity, alignment, the Toolbox's filters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import linear, two
from torch import Tensor

import phosphene as ph
from phosphene.ascent import Ascent
from phosphene.canvas import Canvas, L2Ball, LinfBall
from phosphene.filters import SmallBenefit, SmallNorm
from phosphene.images import Cppn, Fourier, Image, Maco, Pixel, Pyramid, restart
from phosphene.images.phase import _tied
from phosphene.images.spectrum import magnitude, measured
from phosphene.objectives import Activations, Alignment, Diversity, PerRow, from_text
from phosphene.optimizers import Adam, Optimizer, Progress
from phosphene.preconditioners import Blur, Decorrelated, Laplacian, MeanAbs, Sign, Unit, merge, preconditioners, split
from phosphene.rng import Stream
from phosphene.tap import Tap
from phosphene.transforms import Chain

SEEDS = (0, 1, 2)


def noise(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def climb(w: Tensor, image: Image, optimizer: Optimizer, steps: int, **how: object) -> list[Tensor]:
    """The fields after each step of an ascent of w.x, and what it attended to."""
    network, stream = linear(w), Stream.of([0])
    fields = []
    with network.frozen(), Tap(network, ("unit",)) as tap:
        canvas = Canvas(image, torch.zeros(len(w), 1, 1))
        ascent = Ascent(tap, PerRow((from_text("unit:0"),)), canvas, Chain(), optimizer, stream, {}, 0, **how)  # type: ignore[arg-type]
        for step in ascent.run(restart(image, stream, None), steps):
            fields.append(canvas.decode(step.parameters).detach()[0].clone())
    return fields


# --- MACO


@pytest.mark.parametrize("size", [(16, 16), (15, 12), (12, 9)])
@pytest.mark.parametrize("standardise", [False, True])
def test_maco_keeps_every_magnitude_at_every_step(size: tuple[int, int], standardise: bool) -> None:
    """FIELD check 4: tied phases, |rfft2(x)| = r in all bins."""
    image = replace(Maco(colour="plain").filled(size, 3), standardise=standardise)
    assert isinstance(image, Maco)
    r = magnitude("photos", image.digest, 3, *size)
    theta = image.start(Stream.of([3]))[0].requires_grad_()
    optimizer = torch.optim.NAdam([theta], lr=1.0)
    for step in range(6):
        x = image.unscaled(theta)
        found = torch.fft.rfft2(x.detach().double()).abs()[0]
        assert float(((found - r).abs() / r).max()) <= 1e-4, step
        optimizer.zero_grad()
        (-(x * noise(step, *x.shape)).sum()).backward()
        optimizer.step()


def test_untied_phases_lose_a_third_of_the_magnitude_where_the_spectrum_mirrors_itself() -> None:
    """So the check above can fail."""
    theta = (torch.rand(1, 1, 64, 33, generator=torch.Generator().manual_seed(0)) * 2 - 1) * torch.pi
    r = magnitude("photos", None, 1, 64, 64)
    loose = torch.fft.rfft2(torch.fft.irfft2(r * torch.polar(torch.ones_like(theta), theta), s=(64, 64))).abs()[0]
    assert float(((loose - r).abs() / r)[..., 0].mean()) > 0.2
    tied = torch.fft.rfft2(torch.fft.irfft2(r * _tied(theta, 64), s=(64, 64))).abs()[0]
    assert float(((tied - r).abs() / r)[..., 0].mean()) < 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_maco_finds_the_phases_of_a_linear_unit(seed: int) -> None:
    """FIELD check 5: phi* = arg w^; at least .999 of the optimum after 256 Adam steps."""
    w = noise(seed, 1, 16, 16)
    image = Maco(colour="plain").filled((16, 16), 1)
    assert isinstance(image, Maco)
    r = magnitude("photos", image.digest, 1, 16, 16)
    theta = image.start(Stream.of([seed]))[0].requires_grad_()
    optimizer = torch.optim.Adam([theta], lr=1.0)
    for step in range(256):
        optimizer.param_groups[0]["lr"] = 1 - step / 256
        optimizer.zero_grad()
        (-(image.unscaled(theta)[0] * w).sum()).backward()
        optimizer.step()
    real = (
        np.isin(np.arange(16), (0, 8))[:, None] & np.isin(np.arange(9), (0, 8))[None]
    )  # bins without a phase to choose
    wanted = torch.fft.rfft2(w)[0]
    begun = image.start(Stream.of([seed]))[0][0, 0]
    best = torch.where(torch.from_numpy(real), begun.cos().sign() * r[0] * wanted.real, r[0] * wanted.abs())
    weight = torch.full((9,), 2.0)
    weight[0] = weight[8] = 1.0
    optimum = float((best * weight).sum() / 256)
    assert float((image.unscaled(theta.detach())[0] * w).sum()) / optimum >= 0.999


def test_transparency_sums_the_gradients_of_the_pixels() -> None:
    """FIELD check 6: on a linear unit alpha = T |w|."""
    w, total = noise(0, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    network, stream = linear(w), Stream.of([0])
    image = Fourier(bound="free").filled((8, 8), 3)
    with network.frozen(), Tap(network, ("unit",)) as tap:
        canvas = Canvas(image, torch.zeros(3, 1, 1))
        ascent = Ascent(tap, PerRow((from_text("unit:0"),)), canvas, Chain(), Adam(), stream, {}, 0, attend=True)
        for step in ascent.run(restart(image, stream, None), 7):
            if step.attention is not None:
                total = total + step.attention.abs()
    torch.testing.assert_close(total[0], 7 * w.abs(), rtol=1e-5, atol=1e-6)


def test_a_spectrum_is_the_mean_of_its_pictures_and_reads_back_at_its_own_size() -> None:
    pictures = [torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(k)) for k in range(4)]
    flat, count = measured(pictures)
    assert count == 4
    assert flat.shape == (3, 16, 9)
    from phosphene.images.colour import decorrelate

    fields = [decorrelate(p[None])[0].double().numpy() for p in pictures]
    slow = np.mean([np.abs(np.fft.rfft2(d - d.mean((1, 2), keepdims=True))) for d in fields], axis=0)
    fy, fx = np.fft.fftfreq(16)[:, None], np.fft.rfftfreq(16)[None]
    frequency = np.maximum(np.hypot(fy, fx), 0.5 / 16)
    ratio = flat.numpy()[:, 1:, 1:] / (slow * frequency)[:, 1:, 1:]
    assert ratio.std() / ratio.mean() < 1e-4


def test_maco_begins_with_a_photographs_phases() -> None:
    photo = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    image = Maco(colour="plain").filled((16, 16), 3)
    field = torch.logit(photo.clamp(0.002, 0.998))
    (phases,) = image.encode(photo)
    apart = (torch.fft.rfft2(image.field((phases,))) * torch.fft.rfft2(field).conj()).angle()[..., 1:8]
    assert float(apart.abs().max()) < 1e-2


# --- images


@pytest.mark.parametrize("seed", SEEDS)
def test_fourier_climbs_a_natural_template_sooner_and_a_white_one_later(seed: int) -> None:
    """FIELD check 8: 64 px linear units, Adam .05, share of the optimum after 32 and 128 steps."""
    side = 64
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    falling = 1 / np.maximum(np.hypot(fy, fx), 1 / side)
    white = noise(seed, 1, side, side)
    natural = torch.from_numpy(np.fft.irfft2(np.fft.rfft2(white.numpy()) * falling, s=(side, side)).astype(np.float32))

    def share(template: Tensor, image: Image, steps: int) -> float:
        template = template / template.std()
        last = climb(template, image.filled((side, side), 1), Adam(), steps)[-1]
        return float(((last - 0.5) * template).sum() / (0.5 * template.abs().sum()))

    pixel, fourier = Pixel(colour="plain"), Fourier(colour="plain")
    assert share(natural, fourier, 32) / share(natural, pixel, 32) > 1.05
    assert share(white, fourier, 32) < share(white, pixel, 32)
    assert share(natural, fourier, 128) / share(natural, pixel, 128) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_spectrum_of_a_picture_is_that_of_its_parameterization(seed: int) -> None:
    """FIELD check 9: a white unit, 32 steps: the power of pixels is flat, that of Fourier falls by at least 1/f."""
    from phosphene.evidence import slope

    w = noise(seed, 1, 64, 64)
    flat = climb(w, Pixel(colour="plain").filled((64, 64), 1), Adam(), 32)[-1]
    falling = climb(w, Fourier(colour="plain").filled((64, 64), 1), Adam(), 32)[-1]
    assert abs(float(slope(flat[None]))) < 0.3
    assert float(slope(falling[None])) <= -1.0


def test_a_pyramid_is_a_sum_of_grids_and_takes_up_a_picture() -> None:
    image = Pyramid(levels=3).filled((12, 20), 3)
    parts = image.start(Stream.of([0, 1]))
    assert [tuple(part.shape[2:]) for part in parts] == [(12, 20), (6, 10), (3, 5)]
    photo = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    torch.testing.assert_close(image.decode(image.encode(photo)), photo, rtol=0, atol=1e-4)


def test_a_cppn_is_drawn_at_any_size_alike() -> None:
    image = Cppn(drawn=96).filled((32, 48), 3)
    parameters = image.start(Stream.of([0]))
    large, small = image.final(parameters), image.decode(parameters)
    assert large.shape == (1, 3, 96, 144)
    shrunk = torch.nn.functional.avg_pool2d(large, 3)
    assert float((shrunk - small).abs().mean()) < 0.03
    with pytest.raises(ph.errors.BadSpec, match="cannot start from a picture"):
        image.encode(small)


# --- preconditioners


@pytest.mark.parametrize("size", [(32, 32), (33, 20), (7, 50)])
def test_laplacian_pyramid_merges_to_what_was_split_and_every_level_weighs_one(size: tuple[int, int]) -> None:
    """FIELD check 17."""
    x = noise(0, 2, 3, *size)
    torch.testing.assert_close(merge(split(x, 4)), x, rtol=0, atol=1e-5)
    levels = [level / level.flatten(1).square().mean(1).sqrt().view(-1, 1, 1, 1) for level in split(x, 4)]
    for level in levels:
        assert float(level.flatten(1).square().mean(1).sqrt().sub(1).abs().max()) < 1e-5
    torch.testing.assert_close(Laplacian().apply(x), merge(levels), rtol=0, atol=1e-5)
    torch.testing.assert_close(Laplacian().apply(7 * x), Laplacian().apply(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("make", [Sign, Unit, MeanAbs, Blur, Laplacian, Decorrelated])
def test_preconditioners_point_up_and_treat_rows_apart(make: type) -> None:
    """Each is a positive map: a small step along it raises a linear score."""
    x, one = noise(1, 3, 3, 16, 16), make()
    moved = one.apply(x)
    assert (moved * x).flatten(1).sum(1).min() > 0
    torch.testing.assert_close(one.apply(x[1:2]), moved[1:2], rtol=1e-5, atol=1e-6)
    assert preconditioners.name_of(make) in preconditioners.names()


def test_the_decorrelated_direction_is_that_of_the_fourier_parameterization() -> None:
    """Up to its length, where neither is squashed: one step of SGD on a spectrum in decorrelated colour."""
    w = noise(2, 3, 16, 16)
    begun, moved = climb(w, Fourier(bound="free", sd=0.0).filled((16, 16), 3), ph.SGD(1.0), 1)
    step = moved - begun
    found = Decorrelated().apply(w[None])[0]
    # rfft2 stores mirrored bins once, so its gradient weighs them twice; columns 0 and w/2 are left out
    a, b = torch.fft.rfft2(step)[..., 1:8], torch.fft.rfft2(found)[..., 1:8]
    cosine = (a * b.conj()).sum().real / (a.abs().square().sum() * b.abs().square().sum()).sqrt()
    assert float(cosine) > 0.9999


# --- groups


def test_diversity_of_equal_disjoint_and_scaled_pictures() -> None:
    """FIELD check 10."""
    maps = noise(0, 1, 6, 5, 5).abs().expand(4, -1, -1, -1).clone()
    penalty = Diversity("a").penalty(Activations({"a": maps}, torch.zeros(4, 3, 2, 2)))
    assert float(penalty.sum()) == pytest.approx(3, abs=1e-5)
    scaled = maps * torch.tensor([1.0, 3.0, 0.1, 20.0])[:, None, None, None]
    again = Diversity("a").penalty(Activations({"a": scaled}, torch.zeros(4, 3, 2, 2)))
    torch.testing.assert_close(again, penalty)
    apart = torch.zeros(2, 6, 5, 5)
    apart[0, :3], apart[1, 3:] = 1.0, 1.0
    assert float(Diversity("a").penalty(Activations({"a": apart}, torch.zeros(2, 3, 2, 2))).sum()) == 0


def test_groups_are_their_formulas_by_loops() -> None:
    maps = noise(3, 6, 4, 3, 3)
    acts = Activations({"a": maps}, torch.zeros(6, 3, 2, 2))
    values = maps.numpy().reshape(6, 4, 9).astype(float)
    gram = [v @ v.T for v in values]
    gram = [g / np.linalg.norm(g) for g in gram]
    slow = sum((gram[a] * gram[b]).sum() for a in range(6) for b in range(6) if a != b) / 6
    assert float(Diversity("a").penalty(acts).sum()) == pytest.approx(slow, rel=1e-5)
    slow = sum(((values[i] - values[i + d]) ** 2).mean() / 2**d for d in range(1, 5) for i in range(6 - d))
    assert float(Alignment("a").penalty(acts).sum()) == pytest.approx(slow, rel=1e-5)


def test_a_group_of_pictures_differs_more_than_the_same_pictures_apart_and_says_what_it_cost() -> None:
    results = ph.diverse("miniception", "mixed4a:5", 3, steps=24, size=48)
    found = results[0].found
    assert found is not None
    together = np.array(results[0].group["similarity"])  # type: ignore[index]
    apart = np.array(found["diversity"]["similarity_alone"])
    off = ~np.eye(3, dtype=bool)
    assert together[off].mean() < apart[off].mean() - 0.1
    assert found["diversity"]["alone"] == [ph.render("miniception", "mixed4a:5", steps=24, size=48, seed=k).score.clean
                                           for k in range(3)]  # fmt: skip
    again = ph.replay(results[1].record())
    assert again.pixels.tobytes() == results[1].pixels.tobytes()


def test_aligned_frames_change_less_and_fire_as_much() -> None:
    """FIELD check 11: at most .70 of the change between frames, at least .95 of the score."""
    net = ph.load("miniception")
    ends, frames = ("mixed4b:11", "mixed4b:30"), 6
    shared = ph.interpolate(net, *ends, frames=frames, steps=128)
    texts = [one.spec["target"] for one in shared]
    alone = [ph.render(net, text, steps=128, seed=k) for k, text in enumerate(texts)]

    def change(results: list[ph.Result]) -> float:
        x = np.stack([one.pixels for one in results]).astype(float)
        return float(np.sqrt(((x[1:] - x[:-1]) ** 2).mean()))

    assert change(shared) / change(alone) <= 0.70
    scores = [sum(one.score.clean or 0 for one in results) for results in (shared, alone)]
    assert scores[0] / scores[1] >= 0.95


# --- filters, optimisers and what holds a picture to its start


@pytest.mark.parametrize("seed", SEEDS)
def test_progress_gains_two_on_a_linear_unit(seed: int) -> None:
    """FIELD check 20."""
    w = noise(seed, 3, 8, 8)
    fields = climb(w, Pixel(colour="plain", bound="free").filled((8, 8), 3), Progress(1e8), 5)
    scores = [float((field * w).sum()) for field in fields]
    assert np.diff(scores) == pytest.approx([2.0] * 5, rel=1e-4)


@pytest.mark.parametrize("percent", [0, 20, 50, 90])
def test_small_norm_and_benefit_rest_their_share_of_pixels(percent: float) -> None:
    x, g, rest = noise(0, 2, 3, 13, 11), noise(1, 2, 3, 13, 11), torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    for kind, value in ((SmallNorm, (x - rest).square().sum(1).sqrt()),
                        (SmallBenefit, ((x - rest) * g).sum(1).abs())):  # fmt: skip
        found = kind(percent=percent).apply(x, g, rest)
        rested = (found == rest).all(1)
        assert rested.flatten(1).sum(1).tolist() == [int(percent / 100 * 143)] * 2
        for row in range(2):
            if percent:
                assert value[row][rested[row]].max() <= value[row][~rested[row]].min()
            assert torch.equal(found[row][:, ~rested[row]], x[row][:, ~rested[row]])


@pytest.mark.parametrize("ball", [L2Ball(0.5), LinfBall(0.02)])
@pytest.mark.parametrize("kind", ["pixel", "fourier"])
def test_a_picture_stays_in_the_ball_around_its_start(ball: object, kind: str) -> None:
    start = np.random.default_rng(0).uniform(0.1, 0.9, (16, 16, 3)).astype(np.float32)
    result = ph.render(two(), "second:0", image=kind, size=16, start=start, within=ball, steps=12)
    away = result.pixels / 255 - start
    if isinstance(ball, L2Ball):
        assert np.linalg.norm(away) <= ball.radius + 0.5 * 16 * 3**0.5 * 2 / 255
        assert np.linalg.norm(away) > 0.5 * ball.radius
    else:
        assert np.abs(away).max() <= 0.02 + 0.51 / 255
        assert np.abs(away).max() > 0.015


def test_outside_the_mask_the_photo_is_untouched_and_inside_it_is_not() -> None:
    start = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12, 5:9] = 255
    result = ph.render(two(), "second:0", size=16, start=start, mask=mask, steps=8)
    changed = (result.pixels != start).any(2)
    assert not changed[mask == 0].any()
    assert changed[mask == 255].mean() > 0.9


def test_the_best_picture_on_the_way_is_kept() -> None:
    """A rate so large that the ascent leaves a height again: the best is at least as high as the last."""
    net = two()
    said = {"size": 12, "steps": 20, "optimizer": ph.SGD(50.0), "transform": "none", "image": "pixel", "seed": 1}
    last, best = ph.render(net, "second:0", **said), ph.render(net, "second:0", keep="best", **said)
    assert best.score.clean is not None
    assert last.score.clean is not None
    assert best.score.clean >= last.score.clean


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"image": "maco[opacity=true]"}, "maco has no spectrum for an opacity"),
        ({"gradient": ["laplacian"]}, "works on pixels, not on what fourier stores; use --image pixel"),
        ({"within": "linf[.1]"}, "holds the picture to its start; give the photo with --start"),
        ({"image": "cppn", "start": np.zeros((12, 12, 3))}, "cppn cannot start from a picture"),
        ({"filters": ["blur"], "image": "cppn"}, "cannot take up a changed picture"),
        ({"start": np.zeros((12, 12, 3)), "mask": np.zeros((9, 9))}, "the mask has 9 x 9 pixels, the picture 12 x 12"),
        ({"image": "forier"}, "no image 'forier'; .*fourier"),
        ({"image": "pixel[sdd=1]"}, "image 'pixel' has no option 'sdd'"),
        ({"filters": ["blurr"]}, "no filter 'blurr'; .*blur"),
        ({"gradient": ["sgn"]}, "no preconditioner 'sgn'; .*sign"),
        ({"transform": "lucidd"}, "no transform preset 'lucidd'; .*lucid"),
        ({"transform": "pad[12] jiter[3]"}, "no transform 'jiter'; .*jitter"),
        ({"preset": "maco-xpliqe"}, "no preset 'maco-xpliqe'; .*maco-xplique"),
        ({"views": 0}, "views must be a whole number from 1 up"),
        ({"image": "fourier[opacity=true]", "start": np.zeros((12, 12, 3))}, "begins from noise and takes no filters"),
        ({"image": "fourier[opacity=true]", "filters": ["decay"]}, "begins from noise and takes no filters"),
        ({"image": "cppn", "preset": "yosinski-1"}, "cannot take up a changed picture"),
        ({"image": "pixel", "gradient": ["decorrelated"]}, "add --colour plain"),
        ({"filters": ["decay[rate=abc]"]}, "rate of the filter 'decay' cannot be 'abc'; a number"),
        ({"filters": ["small_norm[percent=150]"]}, "percent of a filter lies between 0 and 100"),
        ({"image": "cppn[layers=2.5]"}, "layers of the image 'cppn' cannot be 2.5; a whole number"),
        ({"image": "maco[spectrum=3]"}, "spectrum of the image 'maco' cannot be 3; a word"),
        ({"transform": "crops[size=4.5]"}, "size of the transform 'crops' cannot be 4.5"),
        ({"within": "l2[x]", "start": np.zeros((12, 12, 3))}, "radius of the constraint 'l2' cannot be 'x'"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(said: dict, reason: str) -> None:
    with pytest.raises(ph.PhospheneError, match=reason):
        ph.render(two(), "second:0", **{"size": 12, "steps": 2, **said})


def test_small_benefit_leaves_pictures_alone_whose_gradient_is_not_known() -> None:
    x, rest = noise(0, 2, 3, 10, 10), torch.zeros(3, 1, 1)
    gradient = noise(1, 2, 3, 10, 10)
    gradient[0] = 0
    found = SmallBenefit(percent=90).apply(x, gradient, rest)
    assert torch.equal(found[0], x[0])
    assert int((found[1] == 0).all(0).sum()) == 90


def test_both_ends_of_an_interpolation_must_differ() -> None:
    with pytest.raises(ph.errors.BadSpec, match="name two different units"):
        ph.interpolate(two(), "first:1", "first:1")


def test_later_frames_make_diverse_pictures_take_more_steps() -> None:
    results = ph.diverse(ph.load("miniception"), "conv2:3", 2, preset="draft", size=24, frames=[0, 70])
    assert [frame.step for frame in results[0].frames] == [0, 70]


def test_comparing_targets_need_a_photo() -> None:
    with pytest.raises(ph.errors.BadSpec, match="compares with a photo; give it with --photo"):
        ph.render(two(), "invert:first", size=12, steps=2)


@pytest.mark.parametrize("said", [{"image": "maco"}, {"image": "pyramid"}, {"image": "cppn[drawn=40]"}, {"views": 3},
                                  {"transform": "crops noise colour_jitter roll[4] flip"}, {"transparency": True},
                                  {"image": "fourier[opacity=true]"}, {"preset": "yosinski-1"}, {"preset": "vit"},
                                  {"filters": ["bilateral[every=2]"], "gradient": ["unit"]}])  # fmt: skip
def test_every_method_replays_bit_for_bit_and_alone_as_in_company(said: dict, tmp_path: Path) -> None:
    net, how = ph.load("miniception"), {"size": 24, "steps": 5, **said}
    first, second = ph.render_batch(net, ["conv2:3", "conv2:5"], **how)
    assert ph.replay(second.record()).pixels.tobytes() == second.pixels.tobytes()
    alone = ph.render(net, "conv2:5", **how)
    assert alone.id == second.id
    assert np.abs(alone.pixels.astype(int) - second.pixels.astype(int)).max() <= 1
    assert first.pixels.tobytes() != second.pixels.tobytes()
    opaque = said.get("transparency") or "opacity" in said.get("image", "")
    first.save(tmp_path / "a.png")
    from PIL import Image as Pillow

    with Pillow.open(tmp_path / "a.png") as saved:
        assert saved.mode == ("RGBA" if opaque else "RGB")
