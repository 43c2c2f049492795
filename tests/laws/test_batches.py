"""A batch is many jobs: rows never mix, and the same job gives the same picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nets import two
from PIL import Image

import phosphene as ph
from phosphene.rng import Stream
from phosphene.transforms import preset


@pytest.fixture(scope="module")
def net() -> ph.Network:
    return ph.load("miniception")


def _difference(a: ph.Result, b: ph.Result) -> int:
    return int(np.abs(a.pixels.astype(int) - b.pixels.astype(int)).max())


def test_batched_equals_single(net: ph.Network) -> None:
    """FIELD check 16: 64 steps, float pictures within 1e-4."""
    from dataclasses import replace

    from phosphene.ascent import Ascent
    from phosphene.build import assemble
    from phosphene.declare import Options, declare, targets_of
    from phosphene.evidence import observe
    from phosphene.images import restart
    from phosphene.spec import Batch
    from phosphene.tap import Tap

    def pictures(jobs: tuple) -> torch.Tensor:
        parts = assemble(Batch(jobs), net)
        begun = restart(parts.canvas.image, parts.stream.fold("image"), None)
        with net.frozen(), Tap(net, parts.objective.layers) as tap:
            frame = observe(tap, parts.canvas.decode(begun)).frame
            ascent = Ascent(tap, parts.objective, parts.canvas, parts.chain, parts.optimizer, parts.stream, frame)
            *_, last = ascent.run(begun, 64)
            return parts.canvas.decode(last.parameters).detach()

    objectives = targets_of("mixed4a:0..5")
    jobs = tuple(replace(declare(net, one, Options(steps=64)), seed=row) for row, one in enumerate(objectives))
    together = pictures(jobs)
    alone = torch.cat([pictures((job,)) for job in jobs])
    assert (together - alone).abs().max() <= 1e-4
    assert torch.equal(together, alone)  # what convolutions give: the very same bits


def test_same_seed_same_bytes_other_seed_other_picture(net: ph.Network) -> None:
    first, again, other = (ph.render(net, "mixed4b:11", steps=12, seed=seed) for seed in (3, 3, 4))
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.score == again.score
    assert first.id == again.id
    assert first.pixels.tobytes() != other.pixels.tobytes()
    assert first.id != other.id


def test_global_random_state_is_neither_read_nor_moved(net: ph.Network) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = ph.render(net, "conv2:3", steps=3)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert ph.render(net, "conv2:3", steps=3).pixels.tobytes() == first.pixels.tobytes()


def test_order_and_company_do_not_matter() -> None:
    net = two()
    targets = ["second:0", "logit:two", "first:3 - 0.2*tv", "second:1@centre"]
    forward = ph.render_batch(net, targets, steps=20)
    backward = ph.render_batch(net, targets[::-1], steps=20)[::-1]
    for a, b, target in zip(forward, backward, targets, strict=True):
        assert a.id == b.id
        assert _difference(a, b) <= 1
        assert _difference(a, ph.render(net, target, steps=20)) <= 1


def test_sixty_four_units_are_one_forward_a_step(net: ph.Network) -> None:
    seen: list[int] = []
    handle = net.module.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    try:
        ph.render_batch(net, "mixed3a:0..63", steps=2, robust=1, redirect=0)
    finally:
        handle.remove()
    assert max(seen[:-5]) <= 2  # before, memory is measured on one and two pictures
    assert seen[-5:] == [64] * 5  # start, two steps, clean, one robust draw


class _Poisoned(torch.nn.Module):
    """``unit:0`` is the mean; ``unit:1`` turns to infinity once the mean passes a threshold."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = torch.nn.Identity()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((1, 2, 3))
        return self.unit(torch.stack([mean, 1 / (0.55 - mean).clamp(min=0)], dim=1))


def test_a_diverging_row_keeps_its_last_finite_picture_and_leaves_its_neighbours() -> None:
    net = ph.load(_Poisoned(), input_size=(3, 8, 8))
    good, bad = ph.render_batch(net, ["unit:0", "unit:1"], steps=40, transform="none", robust=1)
    assert (good.status, bad.status) == ("ok", "diverged")
    assert good.pixels.tobytes() == ph.render(net, "unit:0", steps=40, transform="none", robust=1).pixels.tobytes()
    assert bad.pixels.mean() / 255 == pytest.approx(0.55, abs=0.02)
    assert bad.pixels.std() > 0


@given(
    seeds=st.lists(st.integers(0, 2**40), min_size=1, max_size=5), name=st.text(max_size=5), step=st.integers(0, 999)
)
def test_a_stream_row_depends_on_its_seed_alone(seeds: list[int], name: str, step: int) -> None:
    together = Stream.of(seeds).fold(name, step)
    for row, seed in enumerate(seeds):
        alone = Stream.of([seed]).fold(name, step)
        assert torch.equal(together.uniform(3, 2)[row], alone.uniform(3, 2)[0])
        assert torch.equal(together.normal(5)[row], alone.normal(5)[0])
        assert int(together.choice(7)[row]) == int(alone.choice(7)[0])


def test_draws_are_uniform_normal_and_apart() -> None:
    stream = Stream.of([0, 1])
    uniform, normal = stream.uniform(200_000), stream.fold("n").normal(200_000)
    assert float(uniform.min()) >= 0
    assert float(uniform.max()) < 1
    assert uniform.mean(1).tolist() == pytest.approx([0.5, 0.5], abs=3e-3)
    assert uniform.var(1).tolist() == pytest.approx([1 / 12, 1 / 12], rel=1e-2)
    assert normal.mean(1).tolist() == pytest.approx([0, 0], abs=1e-2)
    assert normal.std(1).tolist() == pytest.approx([1, 1], rel=1e-2)
    assert abs(float(torch.corrcoef(uniform)[0, 1])) < 1e-2
    assert abs(float(torch.corrcoef(torch.stack([uniform[0, :-1], uniform[0, 1:]]))[0, 1])) < 1e-2
    counts = torch.bincount(Stream.of(range(20_000)).choice(5), minlength=5) / 20_000
    assert counts.tolist() == pytest.approx([0.2] * 5, abs=0.02)


def test_every_step_has_the_transforms_of_its_own_number() -> None:
    """Draws are made some steps ahead; what the network is shown at step i is drawn from the stream of step i."""
    network, seen = two(), []
    chain = preset("lucid")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8))
    listener = network.module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    try:
        still = ph.SGD(lr=1e-30)
        result = ph.render_batch(network, ["first:0", "first:1"], steps=37, seed=5, optimizer=still, transform=chain,
                                 redirect=0, robust=1, arithmetic="exact", size=24, start=noise)[0]  # fmt: skip
    finally:
        listener.remove()
    begun = torch.from_numpy(result.pixels).permute(2, 0, 1)[None].float() / 255
    stream = Stream.of([5, 5])
    shown = [one for one in seen if one.shape[2:] == chain.canvas((24, 24))][:37]
    assert len(shown) == 37
    for index, pictures in enumerate(shown):
        draw = chain.sample(stream.fold("transform", index), (24, 24))
        expected = network.prepare(chain.apply(begun.expand(2, -1, -1, -1), draw))
        torch.testing.assert_close(pictures, expected, rtol=0, atol=0.03)  # the picture is rounded to 8 bits
        assert torch.equal(stream.folds([index, 3]).keys[:2], stream.fold(index).keys)


def test_groups_do_not_see_each_other() -> None:
    """Several groups in one batch: the pictures and likenesses of each made alone."""
    from dataclasses import replace

    from phosphene.declare import Options, declare, targets_of
    from phosphene.errors import BadSpec
    from phosphene.front import make
    from phosphene.objectives import Diversity
    from phosphene.spec import Batch
    from phosphene.together import grouped

    net = two()
    groups = []
    for objective in targets_of("second:0..2"):
        job = declare(net, objective, Options(steps=12))
        groups.append(grouped([replace(job, seed=seed) for seed in range(3)], Diversity("second")))
    alone = [one for jobs in groups for one in make(jobs, net)]
    together = make([job for jobs in groups for job in jobs], net)
    assert [a.pixels.tobytes() for a in alone] == [b.pixels.tobytes() for b in together]
    assert [(a.id, a.group, a.score) for a in alone] == [(b.id, b.group, b.score) for b in together]
    apart = make([replace(job, group=None) for jobs in groups for job in jobs], net)
    assert [a.pixels.tobytes() for a in apart] != [b.pixels.tobytes() for b in together]
    with pytest.raises(BadSpec, match="some are missing"):
        Batch((*groups[0], *groups[1][:2]))
    with pytest.raises(BadSpec, match="some are missing"):
        Batch((*groups[0][:2], groups[1][0], groups[0][2], *groups[1][1:]))
