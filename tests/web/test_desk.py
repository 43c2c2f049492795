"""Live jobs: what is asked for is made, in order, to the same bits whatever comes between."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nets import two
from store.scanned import network as scanned_network
from store.scanned import scanned
from sweep.made import loaded, same, swept
from untouched import untouched
from web.desks import blocked, desk_on, ended, picture, pixels, processes, reached, still, until

from phosphene.errors import BadSpec, BadTarget, PhospheneError, StoreError, UnitOutOfRange
from phosphene.front import make, options_of, prepare
from phosphene.models.network import Network
from phosphene.objectives import from_text
from phosphene.produce import Watch
from phosphene.store.place import Place
from phosphene.sweeps.recipe import recipe
from phosphene.together import interpolate
from phosphene.watch import Shown
from phosphene.web.live.desk import Desk
from phosphene.web.live.hand import MOST_FRAMES, marks
from phosphene.web.live.journal import Journal
from phosphene.web.schema.limits import Full
from phosphene.web.schema.live_documents import Ask, JobDoc, Start


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network whose steps take 20 ms."""
    return loaded(tmp_path_factory.mktemp("slow"), "slow")


@pytest.fixture(scope="module")
def undisturbed(slow: Network) -> np.ndarray:
    """What ``picture(slow)`` is when nothing comes between."""
    jobs, given = prepare(slow, [from_text("second:3")], options_of(preset="fast", steps=24))
    (result,) = make(jobs, slow, given=given)
    return result.pixels


def test_what_is_shown_on_the_way_changes_nothing_and_is_what_a_shorter_run_ends_at() -> None:
    net = two()
    jobs, given = prepare(net, [from_text("second:3"), from_text("head:1")], options_of(steps=6))
    seen: dict[int, list[Any]] = {}

    def show(shown: Shown) -> None:
        assert (shown.steps, shown.first) == (6, 0)
        if shown.step % 2 == 0:
            seen[shown.step] = shown.frames

    plain = make(jobs, net, given=given)
    watched = make(jobs, net, given=given, watch=Watch(show=show))
    assert [np.array_equal(a.pixels, b.pixels) for a, b in zip(plain, watched, strict=True)] == [True, True]
    assert [replace(a, seconds=0) for a in plain] == [replace(b, seconds=0) for b in watched]
    assert list(seen) == [0, 2, 4, 6]
    short = make(jobs, net, given=given, watch=Watch(until=4))
    for row in (0, 1):
        assert np.array_equal(seen[4][row].pixels, short[row].pixels)
        assert seen[4][row].score == short[row].score.clean


def test_a_picture_streams_its_steps_and_ends_as_rendered(tmp_path: Path) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        job = ended(desk, desk.ask(picture(net, network=net.fingerprint[:8], steps=12)))
        assert (job.state, job.error, job.step, job.title, job.model) == ("done", None, 12, "second:3", "Two")
        assert job.ask.network == net.fingerprint
        assert list(job.frames) == [step for step, _ in job.curve] == marks(12)
        jobs, given = prepare(net, [from_text("second:3")], options_of(preset="fast", steps=12))
        for step in (4, 12):
            (short,) = make(jobs, net, given=given, watch=Watch(until=step))
            assert np.array_equal(pixels(desk.picture(job.id, f"{step}.png")), short.pixels)
            assert dict(job.curve)[step] == short.score.clean
        (made,) = job.pictures
        assert np.array_equal(pixels(desk.picture(job.id, "final")), short.pixels)
        assert (made.url, made.id, made.width) == (f"jobs/{job.id}/final.png", short.id, 12)
        assert (made.score.clean, made.evidence["rank"], job.score) == (
            short.score.clean, short.evidence.rank, short.score.clean)  # fmt: skip
        assert made.spec["steps"] == 12
        assert "second:3" in made.cli
        assert "second:3" in made.python
        assert Journal(desk.ledger.place).jobs() == desk.jobs()


def test_no_more_frames_than_a_few_are_kept_the_first_ones_close() -> None:
    for steps in (1, 2, 7, 24, 64, 100, 4096):
        found = marks(steps)
        assert found[0] == 0
        assert found[-1] == steps
        assert len(found) <= 30 < MOST_FRAMES
        assert set(found) >= {step for step in (1, 2, 4, 8) if step <= steps}
        assert max(np.diff(found)) <= steps / 24 + 1


def test_paused_and_resumed_it_ends_at_the_same_bits(tmp_path: Path, slow: Network, undisturbed: np.ndarray) -> None:
    with desk_on(tmp_path, slow) as desk:
        job = desk.ask(picture(slow))
        reached(desk, job, 5)
        assert desk.pause(job.id).state == "paused"
        held = still(desk, job)
        assert 5 <= held.step < 24
        assert held.step in held.frames
        assert Journal(desk.ledger.place).job(job.id).state == "paused"
        assert desk.resume(job.id).state == "running"
        caught: list[bool] = []
        desk.listen(lambda event: caught.append(event[1].catching))
        assert ended(desk, job).state == "done"
        assert not any(caught)
        assert np.array_equal(pixels(desk.picture(job.id, "final")), undisturbed)


def test_put_away_for_another_it_catches_up_to_the_same_bits(
    tmp_path: Path, slow: Network, undisturbed: np.ndarray
) -> None:
    with desk_on(tmp_path, slow) as desk:
        job = desk.ask(picture(slow))
        reached(desk, job, 6)
        desk.pause(job.id)
        other = ended(desk, desk.ask(picture(slow, target="first:1", steps=3)))
        assert (other.state, desk.job(job.id).state) == ("done", "paused")
        before = {step: desk.picture(job.id, str(step)) for step in desk.job(job.id).frames}
        caught: list[tuple[int, bool]] = []
        desk.listen(lambda event: caught.append((event[1].step, event[1].catching)))
        assert desk.resume(job.id).state in ("waiting", "running")
        done = ended(desk, job)
        assert (done.state, done.catching, done.step) == ("done", False, 24)
        assert any(catching for _, catching in caught)
        assert all(catching == (step < max(before)) for step, catching in caught[2:])
        assert np.array_equal(pixels(desk.picture(job.id, "final")), undisturbed)
        assert {step: desk.picture(job.id, str(step)) for step in before} == before
        assert list(done.frames) == sorted({*marks(24), *before})
        assert [step for step, _ in done.curve] == list(done.frames)


def test_a_desk_that_is_opened_again_goes_on(tmp_path: Path, slow: Network, undisturbed: np.ndarray) -> None:
    with desk_on(tmp_path, slow) as desk:
        first, second, third = (desk.ask(picture(slow, seed=seed)) for seed in (0, 1, 2))
        desk.pause(second.id)
        reached(desk, first, 6)
        version = desk.job(first.id).version
        begun = time.monotonic()
        desk.close()
        assert time.monotonic() - begun < 5
    assert [job.state for job in Journal(Place(str(tmp_path))).jobs()] == ["waiting", "paused", "running"]
    with desk_on(tmp_path, slow) as desk:
        assert [job.id for job in desk.jobs()] == [third.id, second.id, first.id]
        assert desk.job(first.id).version > version
        until(lambda: desk.job(first.id).catching)
        assert desk.job(third.id).position == 1
        assert ended(desk, first).state == "done"
        assert np.array_equal(pixels(desk.picture(first.id, "final")), undisturbed)
        assert desk.job(second.id).state == "paused"
        assert desk.stop(third.id).state == "stopped"
    with desk_on(tmp_path, two()) as desk:  # of another network
        assert [job.state for job in desk.jobs()] == ["stopped", "paused", "done"]
        with pytest.raises(PhospheneError, match=r"no network '[0-9a-f]+' is loaded"):
            desk.resume(second.id)


def test_killed_again_and_again_it_ends_at_the_same_pictures(tmp_path: Path, slow: Network) -> None:
    """By the signal that nobody catches, at one moment after another."""
    store, asks = tmp_path / "store", [{"target": "second:3", "steps": 32}, {"target": "first:2", "steps": 5}]
    journal, kills = Journal(Place(str(store))), 0
    with processes(tmp_path, store, json.dumps(asks)) as zygote:
        for frames in (0, 1, 4, 8):  # of the first job, when it ends
            child = zygote.start()
            until(lambda most=frames: journal.jobs() and len(journal.jobs()[-1].frames) >= most)  # type: ignore[misc]
            os.kill(child, signal.SIGKILL)
            kills += zygote.wait() == -signal.SIGKILL
        zygote.start()
        assert zygote.wait() == 0
    assert kills >= 3  # on a busy machine the last may come too late
    second, first = journal.jobs()
    assert [first.state, second.state] == ["done", "done"]
    for job, said in ((first, asks[0]), (second, asks[1])):
        jobs, given = prepare(slow, [from_text(str(said["target"]))], options_of(preset="fast", steps=said["steps"]))
        (whole,) = make(jobs, slow, given=given)
        assert np.array_equal(pixels(journal.picture(job.id, "final")), whole.pixels)
        assert list(job.frames) == marks(job.steps)
        assert all(pixels(journal.picture(job.id, str(step))).shape == (16, 16, 3) for step in job.frames)


def test_those_that_wait_go_in_order_and_know_their_place(tmp_path: Path, slow: Network) -> None:
    told: list[JobDoc] = []
    with desk_on(tmp_path, slow, waiting=3) as desk:
        desk.listen(lambda event: told.append(event[1]))
        begun = [desk.ask(picture(slow, target=f"first:{n}", steps=12)) for n in range(1)]
        reached(desk, begun[0], 3)
        waiting = [desk.ask(picture(slow, target=f"first:{n}", steps=3)) for n in (1, 2, 3)]
        assert [desk.job(job.id).position for job in waiting] == [1, 2, 3]
        times = [desk.job(job.id).eta or 0 for job in (*begun, *waiting)]
        assert 0 < times[0] < times[1] < times[2] < times[3] < 60
        with pytest.raises(Full, match="3 jobs wait") as full:
            desk.ask(picture(slow))
        assert 1 <= full.value.wait <= 60
        desk.pause(waiting[1].id)
        assert [desk.job(job.id).position for job in waiting] == [1, None, 2]
        desk.resume(waiting[1].id)
        assert [desk.job(job.id).position for job in waiting] == [1, 3, 2]
        for job in (*begun, *waiting):
            assert ended(desk, job).state == "done"
    running = [job.id for job in told if job.state == "running" and job.step == 0]
    assert list(dict.fromkeys(running)) == [job.id for job in (*begun, waiting[0], waiting[2], waiting[1])]


def test_a_branch_starts_from_the_very_frame_and_outlives_it(tmp_path: Path) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        job = ended(desk, desk.ask(picture(net, size=16, steps=8)))
        frame = desk.picture(job.id, "4")
        with pytest.raises(BadSpec, match="has no frame of step 9; there are 0, 1, 2, 3, 4"):
            desk.ask(picture(net, start=Start(job.id, 9)))
        branch = desk.ask(picture(net, target="first:1", start=Start(job.id, 4), steps=4))
        assert (branch.width, branch.height) == (16, 16)
        desk.remove(job.id)
        done = ended(desk, branch)
        assert done.error is None
        assert desk.picture(branch.id, "start") == frame
        begins = pixels(desk.picture(branch.id, "0")).astype(int)
        assert np.abs(begins - pixels(frame)).max() <= 1
        assert done.pictures[0].spec["start"] is not None
        with pytest.raises(StoreError, match="there is no job"):
            desk.ask(picture(net, start=Start(job.id, 4)))
        with pytest.raises(BadSpec, match="cannot start from a picture"):
            desk.ask(picture(net, image="cppn", start=Start(branch.id, 4)))


def test_between_two_targets_as_interpolate_makes_them(tmp_path: Path) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        ask = picture(net, kind="interpolate", to="second:1", count=3, steps=4)
        job = ended(desk, desk.ask(ask))
        assert (job.state, job.count, job.title) == ("done", 3, "second:3 → second:1")
        whole = interpolate(net, "second:3", "second:1", frames=3, preset="fast", steps=4)
        assert [one.id for one in job.pictures] == [one.id for one in whole]
        for row, one in enumerate(whole):
            assert np.array_equal(pixels(desk.picture(job.id, f"final-{row}")), one.pixels)
        assert pixels(desk.picture(job.id, "4")).shape == (12, 36, 3)
        with pytest.raises(BadSpec, match="several pictures in a frame"):
            desk.ask(picture(net, start=Start(job.id, 4)))


def test_units_are_what_a_sweep_makes(tmp_path: Path) -> None:
    net, told = loaded(tmp_path / "net"), list[Any]()
    with desk_on(tmp_path / "live", net) as desk:
        desk.listen(lambda event: told.append(event))
        ask = Ask(net.fingerprint, kind="units", layer="second", units="0:3,5", steps=2)
        job = ended(desk, desk.ask(ask))
        assert (job.state, job.error, job.step, job.steps) == ("done", None, 4, 4)
        assert job.title == "4 units of second (draft)"
        again = ended(desk, desk.ask(replace(ask, units=None)))
        assert (again.step, again.steps) == (8, 8)
    assert ("layer", (net.fingerprint, "second")) in told
    swept(net, tmp_path / "swept", layers=["second"], recipe=recipe("draft"), steps=2, batch=4)
    assert same(tmp_path / "live", tmp_path / "swept")


def test_units_pause_between_packs_and_end_at_once(tmp_path: Path, slow: Network) -> None:
    with desk_on(tmp_path, slow) as desk:
        job = desk.ask(Ask(slow.fingerprint, kind="units", layer="second", steps=12, recipe="signs"))
        until(lambda: desk.job(job.id).state == "running")
        time.sleep(0.1)
        desk.pause(job.id)
        other = ended(desk, desk.ask(picture(slow, steps=1)))
        assert (other.state, desk.job(job.id).state) == ("done", "paused")
        there = desk.ledger.ids(slow.fingerprint, "second")
        assert len(there) in (0, 8)
        desk.resume(job.id)
        assert ended(desk, job).step == 8
        assert len(desk.ledger.ids(slow.fingerprint, "second")) == 16
        long = desk.ask(Ask(slow.fingerprint, kind="units", layer="first", steps=4096))
        until(lambda: desk.job(long.id).state == "running")
        time.sleep(0.2)
        begun = time.monotonic()
        desk.stop(long.id)
        ended(desk, desk.ask(picture(slow, steps=1)))
        assert time.monotonic() - begun < 20  # all of it takes more than a minute


def test_what_fails_says_why_in_one_line_and_the_next_goes_on(tmp_path: Path) -> None:
    poisoned, small = loaded(tmp_path / "a", "poisoned"), loaded(tmp_path / "b", "small")
    with desk_on(tmp_path / "store", poisoned, small) as desk:
        bad = ended(desk, desk.ask(picture(poisoned, target="first:5")))
        assert bad.state == "failed"
        assert "channel five is cursed" in (bad.error or "")
        assert "\n" not in (bad.error or "")
        ask = picture(small, kind="interpolate", target="first:1", to="first:2", count=8)
        full = ended(desk, desk.ask(ask))
        assert (full.state, full.pictures) == ("failed", ())
        assert "room for 8 pictures" in (full.error or "")
        good = ended(desk, desk.ask(picture(poisoned, target="first:4", steps=2)))
        assert good.state == "done"
        with pytest.raises(BadSpec, match="is failed, it cannot be resumed"):
            desk.resume(bad.id)
        with pytest.raises(BadSpec, match="is done, it cannot be paused"):
            desk.pause(good.id)


class Leaves(torch.nn.Module):
    """Ends the program in its backward pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.requires_grad:
            x.register_hook(lambda _: exec("raise SystemExit(3)"))
        return x.mean((2, 3))


def test_a_network_that_would_end_the_program_ends_its_job(tmp_path: Path) -> None:
    import phosphene as ph

    net, other = ph.load(Leaves(), input_size=(3, 8, 8)), two()
    with desk_on(tmp_path, net, other) as desk:
        assert ended(desk, desk.ask(picture(net, target="logit:1"))).state == "failed"
        assert ended(desk, desk.ask(picture(other, steps=1))).state == "done"


def test_the_network_is_given_back_as_it_was(tmp_path: Path) -> None:
    net = two()
    net.module.train()
    with untouched(net.module), desk_on(tmp_path, net) as desk:
        job = desk.ask(picture(net, steps=400))
        reached(desk, job, 2)
        desk.pause(job.id)
        desk.stop(job.id)
        ended(desk, desk.ask(picture(net, steps=1)))
        assert desk.job(job.id).frames[-1] == desk.job(job.id).step
    assert net.module.training


def test_real_pictures_tell_how_far_it_got(tmp_path: Path) -> None:
    scan = scanned(tmp_path).scan
    net = scanned_network()
    with desk_on(tmp_path, net) as desk:
        job = ended(desk, desk.ask(picture(net, target="relu1:3", steps=2)))
        natural = job.pictures[0].evidence["natural"]
        assert natural["scan"] == scan.id
        assert 0 <= natural["percentile"] <= 100


def test_deleted_at_work_it_leaves_nothing(tmp_path: Path, slow: Network) -> None:
    told: list[Any] = []
    with desk_on(tmp_path, slow) as desk:
        desk.listen(lambda event: told.append(event))
        job, other = desk.ask(picture(slow)), desk.ask(picture(slow, steps=1))
        reached(desk, job, 2)
        desk.remove(job.id)
        assert [one.id for one in desk.jobs()] == [other.id]
        ended(desk, other)
        assert Place(str(tmp_path)).names("live") == [other.id, "lock"]
        gone = told.index(("gone", job.id))
        assert not any(kind == "job" and doc.id == job.id for kind, doc in told[gone:])
        with pytest.raises(StoreError, match="there is no job"):
            desk.picture(job.id, "0")


def test_deleted_when_all_but_the_record_is_made_it_leaves_nothing(tmp_path: Path) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        end = desk.listen(lambda event: desk.remove(event[1].id) if event[1].step == 3 else None)
        desk.ask(picture(net, steps=3))
        until(lambda: not desk.jobs())
        end()
        other = ended(desk, desk.ask(picture(net, steps=1)))
        assert Place(str(tmp_path)).names("live") == [other.id, "lock"]


def test_listeners_hear_each_change_in_order_and_not_too_often(tmp_path: Path) -> None:
    told, deaf = list[tuple[float, JobDoc]](), list[Any]()

    def raises(event: Any) -> None:
        deaf.append(event)
        raise RuntimeError("this connection is closed")

    net = two()
    with desk_on(tmp_path, net) as desk:
        desk.listen(raises)
        end = desk.listen(lambda event: told.append((time.monotonic(), event[1])))
        job = ended(desk, desk.ask(picture(net, steps=300)))
        until(lambda: told[-1][1].state == "done")
        end()
        heard = len(told)
        ended(desk, desk.ask(picture(net, steps=1)))
        assert len(told) == heard
    assert len(deaf) == 1
    versions = [doc.version for _, doc in told]
    assert versions == sorted(versions)
    assert told[-1][1] == job
    spent = told[-1][0] - told[0][0]
    assert 5 <= len(told) <= 10 * spent + 6
    assert [doc.state for _, doc in told][:1] == ["waiting"]


REFUSED: list[tuple[dict[str, Any], type[PhospheneError], str]] = [
    ({"network": "f" * 32}, PhospheneError, "no network 'f+' is loaded"),
    ({"target": "secnd:3"}, PhospheneError, "closest: second"),
    ({"target": "second:99"}, PhospheneError, "has 5 channels"),
    ({"target": "second:"}, BadTarget, "cannot read the target"),
    ({"target": "second:../../etc/passwd"}, BadSpec, "CHANNEL|no unit"),
    ({"target": "second:0..3"}, BadSpec, "several units"),
    ({"target": "+".join(["second:1"] * 400)}, BadSpec, "letters"),
    ({"preset": "x" * 10**6}, BadSpec, "preset has at most 500 letters"),
    ({"kind": "units", "layer": "x" * 10**6}, BadSpec, "layer has at most"),
    ({"target": "near:second"}, BadSpec, "compares with a photo"),
    ({"size": 513}, BadSpec, "size is a whole number from 1 to 512"),
    ({"steps": 0}, BadSpec, "steps is a whole number from 1 to 4096"),
    ({"steps": 4097}, BadSpec, "steps is"),
    ({"preset": "neural-styles"}, BadSpec, "size is a whole number"),
    ({"preset": "maco-xplique", "steps": 4096}, BadSpec, "times as much work"),
    ({"preset": "quick"}, PhospheneError, "no preset 'quick'"),
    ({"image": "prior[decoder=evil.py:build]"}, PhospheneError, "no image"),
    ({"image": "fourier[size=4096]"}, PhospheneError, "no image"),
    ({"seed": -1}, BadSpec, "seed is"),
    ({"kind": "interpolate"}, BadSpec, "need both"),
    ({"kind": "interpolate", "to": "second:3"}, BadSpec, "name two different"),
    ({"kind": "interpolate", "to": "second:1", "count": 17}, BadSpec, "count is a whole number from 2 to 16"),
    ({"kind": "interpolate", "to": "second:1", "start": Start("0" * 12, 0)}, StoreError, "there is no job"),
    ({"start": Start("../../../etc", 0)}, StoreError, "there is no job"),
    ({"kind": "units"}, BadSpec, "say which: layer"),
    ({"kind": "units", "layer": "**"}, PhospheneError, "no layer"),
    ({"kind": "units", "layer": "second", "units": "9:"}, BadSpec, "channels and ranges"),
    ({"kind": "units", "layer": "second", "units": "90:99"}, PhospheneError, "no chosen layer has such units"),
    ({"kind": "units", "layer": "second", "recipe": "/etc/evil.toml"}, PhospheneError, "no recipe"),
    ({"kind": "units", "layer": "second", "recipe": "full"}, BadSpec, "no scan of second here .* full --data"),
    ({"target": "second:3@99,0"}, UnitOutOfRange, "3@99,0 does not exist: the map of second is 6 x 6 at 12 x 12"),
    ({"target": "-second:1@0,6", "size": 10}, UnitOutOfRange, "does not exist"),
    ({"target": "head:1@0,0"}, UnitOutOfRange, "head has no map"),
    ({"kind": "interpolate", "target": "second:1@1,1", "to": "second:1@6,6"}, UnitOutOfRange, "does not exist"),
]


def test_what_cannot_be_is_refused_in_a_line_and_no_network_is_run_for_it(tmp_path: Path) -> None:
    net = two()
    with desk_on(tmp_path, net) as desk:
        there = threading.get_ident()
        net.module.register_forward_hook(lambda *_: threading.get_ident() == there and pytest.fail("it was run"))
        for said, kind, words in REFUSED:
            with pytest.raises(kind, match=words):
                desk.ask(picture(net, **said))
        assert desk.jobs() == []
        assert Place(str(tmp_path)).names("live") == ["lock"]
        larger = {"target": "second:3@11,11", "size": 24}  # with a larger map
        for said in ({}, {"target": "logit:two"}, {"preset": "maco"}, {"kind": "units", "layer": "logit", "steps": 1},
                     larger):  # fmt: skip
            desk.ask(picture(net, **{"steps": 1, **said}))


def test_a_full_disk_ends_the_job_and_not_the_desk(tmp_path: Path, slow: Network) -> None:
    with desk_on(tmp_path, slow) as desk:
        job = desk.ask(picture(slow))
        reached(desk, job, 2)
        blocked(tmp_path / "live" / job.id)
        failed = ended(desk, job)
        assert failed.state == "failed"
        assert (failed.error or "").startswith(f"cannot write live/{job.id}/")
        assert ended(desk, desk.ask(picture(slow, steps=1))).state == "done"


def test_pictures_without_colours_are_shown_and_nothing_starts_from_them(tmp_path: Path) -> None:
    net = two(channels=5)
    with desk_on(tmp_path, net) as desk:
        job = ended(desk, desk.ask(picture(net, steps=1)))
        assert (job.state, job.error) == ("done", None)
        assert pixels(desk.picture(job.id, "1")).shape == (12, 60)
        with pytest.raises(BadSpec, match="no colours"):
            desk.ask(picture(net, start=Start(job.id, 1)))


def test_a_store_that_takes_nothing_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhospheneError, match="is a file"):
        Desk(Place(str(tmp_path / "file")), {})
