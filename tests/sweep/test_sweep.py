"""A sweep makes what ``render`` makes, in whatever parts and order, and what cannot be made harms nothing else."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sweep.made import (
    LAYERS,
    SERIAL,
    all_failures,
    all_records,
    files,
    ledger,
    loaded,
    noted,
    same,
    swept,
    tiny,
    written,
)
from torch import nn
from untouched import untouched

import phosphene as ph
from phosphene.errors import BadSpec, OutputError, SweepError
from phosphene.models.network import Network
from phosphene.spec import canonical
from phosphene.sweeps.drive import HOPELESS, Event
from phosphene.sweeps.where import Where
from phosphene.sweeps.worker import finite

UNITS = {"first": 6, "second": 8}
TWO = Where("processes", workers=2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("network")


@pytest.fixture(scope="module")
def net(home: Path) -> Network:
    return loaded(home)


@pytest.fixture(scope="module")
def whole(net: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What fires and what silences all units of two layers, one pack after the other."""
    store = tmp_path_factory.mktemp("whole") / "s"
    tally = swept(net, store, recipe=tiny(negative=True))
    assert (tally.made, tally.failed, tally.ended) == (Counter(ok=28), 0, "done")
    return store


def by_unit(store: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    return {(one["unit"], one["kind"], one["row"]): one for one in all_records(ledger(store))}


def pixels(store: Path, record: dict[str, Any], name: str = "picture") -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(ledger(store).payload(record, name))))


def said(result: ph.Result) -> Any:
    """A picture's record as a store has it, but for what differs each time."""
    return finite({key: value for key, value in result.record().items() if key != "seconds"})


def test_a_record_is_that_of_the_rendered_picture(net: Network, whole: Path) -> None:
    """Each alone and from the front door: the same id, pixels, scores and evidence, and its place."""
    found = by_unit(whole)
    assert set(found) == {(f"{layer}:{n}", kind, 0) for layer, many in UNITS.items() for n in range(many)
                          for kind in ("positive", "negative")}  # fmt: skip
    for unit, kind in (("first:2", "positive"), ("second:7", "negative")):
        record = found[unit, kind, 0]
        result = ph.render(net, "-" * (kind == "negative") + unit, **tiny().render)
        assert np.array_equal(pixels(whole, record), result.pixels)
        wanted = said(result)
        assert canonical({key: record[key] for key in wanted}) == canonical(wanted)
        assert set(record) - set(wanted) == {"unit", "layer", "channel", "kind", "row", "payloads"}
        assert (record["layer"], record["channel"]) == (unit[:-2], int(unit[-1]))


def test_diverse_pictures_are_those_of_diverse(net: Network, tmp_path: Path) -> None:
    recipe = tiny(positive=False, diverse=2, strength=0.5, seed=3)
    tally = swept(net, tmp_path, recipe=recipe, layers=["second"], limit=2)
    assert tally.made == Counter(ok=2)
    found = by_unit(tmp_path)
    assert set(found) == {(f"second:{unit}", "diverse", row) for unit in range(2) for row in range(2)}
    options = {key: value for key, value in recipe.render.items() if value is not None}
    for row, result in enumerate(ph.diverse(net, "second:1", 2, strength=0.5, **options)):
        record = found["second:1", "diverse", row]
        assert record["id"] == result.id
        assert np.array_equal(pixels(tmp_path, record), result.pixels)
        assert canonical([record["score"], record["group"]]) == canonical(finite([said(result)["score"], result.group]))


def test_a_group_of_which_one_is_missing_is_made_again(net: Network, tmp_path: Path) -> None:
    recipe = tiny(positive=False, diverse=2)
    swept(net, tmp_path, recipe=recipe, layers=["first"], limit=3)
    before = files(tmp_path)
    for row in range(2):
        record = by_unit(tmp_path)["first:1", "diverse", row]
        (path,) = tmp_path.rglob(f"{record['id']}.json")
        path.unlink()
        tally = swept(net, tmp_path, recipe=recipe, layers=["first"], limit=3)
        assert (tally.before, tally.made) == (2, Counter(ok=1))
        assert files(tmp_path) == before


def near(one: Path, other: Path) -> None:
    """The same pictures, as far as a network's arithmetic does not depend on what else is in its batch."""
    ours, theirs = by_unit(one), by_unit(other)
    assert set(ours) == set(theirs)
    for key, record in ours.items():
        assert record["id"] == theirs[key]["id"]
        assert record["score"]["clean"] == pytest.approx(theirs[key]["score"]["clean"], abs=1e-4)
        seen = pixels(one, record).astype(int) - pixels(other, theirs[key]).astype(int)
        assert np.abs(seen).max() <= 1


def test_the_size_of_a_batch_changes_nothing(net: Network, whole: Path, tmp_path: Path) -> None:
    swept(net, tmp_path, recipe=tiny(negative=True), batch=3)
    near(tmp_path, whole)
    assert same(tmp_path, whole)


def test_shards_in_any_order_are_the_whole(net: Network, whole: Path, tmp_path: Path) -> None:
    made = [swept(net, tmp_path, recipe=tiny(negative=True), shard=(number, 3)) for number in (2, 3, 1)]
    assert [tally.total for tally in made] == [9, 9, 10]
    assert same(tmp_path, whole)


def test_layers_one_by_one_are_the_whole(net: Network, whole: Path, tmp_path: Path) -> None:
    for said in ({"layers": ["second"], "units": [(3, 8)]}, {"layers": ["first"]}, {"layers": ["second"]}):
        swept(net, tmp_path, recipe=tiny(negative=True), **said)
    assert same(tmp_path, whole)


def test_processes_give_the_same(home: Path, whole: Path, tmp_path: Path) -> None:
    tally = swept(written(home), tmp_path, recipe=tiny(negative=True), where=TWO, batch=4)
    assert tally.made == Counter(ok=28)
    assert same(tmp_path, whole)


def test_a_second_run_makes_nothing(net: Network, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*/*.*")}
    events: list[Event] = []
    with untouched(net.module):
        tally = swept(net, whole, recipe=tiny(negative=True), progress=events.append)
    assert (tally.before, tally.made.total(), tally.done, tally.total) == (28, 0, 28, 28)
    assert [event.what for event in events] == ["begin", "end"]
    after = {path: path.stat().st_mtime_ns for path in whole.rglob("*/*.*")}
    plans = whole / "sweeps"
    assert {path for path in after if after[path] != before.get(path)} <= set(plans.iterdir())


def test_more_of_a_recipe_keeps_what_is_there(net: Network, whole: Path, tmp_path: Path) -> None:
    swept(net, tmp_path)
    tally = swept(net, tmp_path, recipe=tiny(negative=True))
    assert (tally.before, tally.made) == (14, Counter(ok=14))
    assert same(tmp_path, whole)


def test_the_module_is_left_as_it_was(home: Path, tmp_path: Path) -> None:
    for factory in ("build", "poisoned"):
        net = loaded(home, factory)
        net.module.train()
        with untouched(net.module):
            swept(net, tmp_path / factory, batch=4, tries=1)


def test_what_does_not_fit_is_halved_and_remembered(tmp_path: Path, whole: Path) -> None:
    """Six units at once do not fit, nor three and a picture of evidence: the layer goes on in packs that did."""
    net = loaded(tmp_path, "small")
    events: list[Event] = []
    tally = swept(net, tmp_path / "s", batch=6, progress=events.append)
    assert (tally.made, tally.failed) == (Counter(ok=14), 0)
    assert noted(tmp_path) == ["6", "6"]  # once for each layer
    assert [event.what for event in events if event.what in ("halved", "failed")] == ["halved", "halved"]
    assert max(len(event.pack.tasks) for event in events if event.what == "made" and event.pack) == 3
    assert "3 pictures" not in "".join(event.text for event in events)
    assert by_unit(tmp_path / "s").keys() == {key for key in by_unit(whole) if key[1] == "positive"}


def test_a_unit_that_cannot_be_made_is_put_down_alone(home: Path, tmp_path: Path) -> None:
    net = loaded(home, "poisoned")
    tally = swept(net, tmp_path, tries=3)
    assert (tally.made, tally.failed, tally.ended) == (Counter(ok=13), 1, "done")
    (failure,) = all_failures(ledger(tmp_path))
    assert (failure["unit"], failure["kind"], failure["tries"], failure["trouble"]) == (
        "first:5",
        "positive",
        3,
        "task",
    )
    assert "channel five is cursed" in failure["error"]
    found = by_unit(tmp_path)
    assert len(found) == 13
    for unit in ("first:2", "second:5"):
        assert np.array_equal(
            pixels(tmp_path, found[unit, "positive", 0]), ph.render(net, unit, **tiny().render).pixels
        )
    before = files(tmp_path)
    again = swept(net, tmp_path)
    assert (again.before, again.failed_before, again.made.total(), again.failed) == (13, 1, 0, 0)
    assert files(tmp_path) == before
    ledger(tmp_path).forget(failure)
    third = swept(net, tmp_path, tries=1)
    assert (third.before, third.failed_before, third.failed) == (13, 0, 1)


def test_a_unit_that_kills_processes_is_put_down_alone(tmp_path: Path) -> None:
    address = written(tmp_path, "deadly")
    said: Any = {"where": Where("processes", workers=1), "layers": ["first"], "units": [(4, 6)], "batch": 1}
    tally = swept(address, tmp_path / "s", tries=1, **said)
    assert (tally.made, tally.failed, tally.ended) == (Counter(ok=1), 1, "done")
    (failure,) = all_failures(ledger(tmp_path / "s"))
    assert (failure["unit"], failure["trouble"]) == ("first:5", "crash")
    assert "SIGKILL" in failure["error"]
    assert noted(tmp_path) == ["killed"] * 2  # the first time it may have been the machine
    assert {unit for unit, _, _ in by_unit(tmp_path / "s")} == {"first:4"}
    again = swept(address, tmp_path / "s", **said)
    assert (again.before, again.failed_before, again.made.total()) == (1, 1, 0)
    assert len(noted(tmp_path)) == 2


def test_where_everything_fails_it_ends_soon(home: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(SweepError, match="tasks all failed") as caught:
        swept(loaded(home, "cursed"), tmp_path, batch=1, progress=events.append)
    assert "channel five is cursed" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
    assert sum(event.what == "failed" for event in events) == HOPELESS < sum(UNITS.values())
    assert not by_unit(tmp_path)


def test_frames_are_kept_in_a_row(net: Network, tmp_path: Path) -> None:
    swept(net, tmp_path, recipe=tiny(frames=(0, 1, 2), size=16), layers=["first"], limit=2)
    for record in by_unit(tmp_path).values():
        result = ph.render(net, record["unit"], **tiny(size=16).render, frames=(0, 1, 2))
        strip = pixels(tmp_path, record, "frames")
        assert strip.shape == (16, 48, 3)
        assert np.array_equal(strip, np.concatenate([frame.pixels for frame in result.frames], 1))
        assert np.array_equal(strip[:, 32:], pixels(tmp_path, record))
        assert [one["step"] for one in record["frames"]] == [0, 1, 2]


def test_fewer_steps_than_the_recipe_has_are_another_sweep(net: Network, tmp_path: Path) -> None:
    swept(net, tmp_path, recipe=tiny(steps=3, frames=(1, 3)), steps=1, layers=["first"], limit=1)
    (record,) = by_unit(tmp_path).values()
    assert record["steps"] == 1
    assert [one["step"] for one in record["frames"]] == [1]


class Live(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).mean((2, 3))


def test_a_live_module_is_swept_here_and_nowhere_else(tmp_path: Path) -> None:
    net = ph.load(Live(), input_size=(3, 16, 16))
    for number, where in enumerate((SERIAL, Where(), Where(workers=2))):
        assert swept(net, tmp_path / str(number), layers=["conv"], where=where).made == Counter(ok=4)
    with pytest.raises(BadSpec, match="serial") as caught:
        swept(net, tmp_path, layers=["conv"], where=TWO)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"shard": (0, 3)}, "shard is"),
        ({"shard": (4, 3)}, "shard is"),
        ({"batch": 0}, "batch is"),
        ({"tries": 0}, "tried once or more"),
        ({"recipe": "defualt"}, "closest: default"),
        ({"data": "nowhere"}, "nowhere"),
        ({"limit": 0}, "limit must be"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    said: dict[str, Any], reason: str, net: Network, tmp_path: Path
) -> None:
    with pytest.raises(ph.errors.PhospheneError, match=reason) as caught:
        swept(net, tmp_path, **said)
    assert len(str(caught.value).splitlines()) == 1
    assert not files(tmp_path)


@pytest.mark.parametrize(
    "said", [{"executor": "thread"}, {"workers": 0}, {"gpus": 1.0}, {"executor": "ray", "cpus": -1.0}], ids=str
)
def test_who_cannot_do_the_work_is_one_line(said: dict[str, Any]) -> None:
    with pytest.raises(BadSpec) as caught:
        Where(**said)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_is_no_store(net: Network, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        swept(net, tmp_path / "s")
    assert (tmp_path / "s").read_text() == "mine"


def test_other_weights_are_kept_apart(home: Path, net: Network, whole: Path, tmp_path: Path) -> None:
    other = loaded(home)
    with torch.no_grad():
        other.module.first.weight.mul_(2)  # type: ignore[union-attr, operator]
    swept(net, tmp_path, recipe=tiny(negative=True))
    tally = swept(other, tmp_path, recipe=tiny(negative=True))
    assert (tally.before, tally.made.total()) == (0, 28)
    assert len(ledger(tmp_path).networks()) == 2
    assert files(tmp_path).items() >= files(whole).items()


def test_processes_that_find_other_weights_say_so_once(tmp_path: Path) -> None:
    """The file has changed since the network was loaded."""
    net = loaded(tmp_path)
    (tmp_path / "net.py").write_text((tmp_path / "net.py").read_text().replace("manual_seed(0)", "manual_seed(1)"))
    with pytest.raises(SweepError, match="other weights") as caught:
        swept(net, tmp_path / "s", where=TWO)
    assert len(str(caught.value).splitlines()) == 1
    assert not files(tmp_path / "s")


def test_progress_counts_up_to_the_end(net: Network, tmp_path: Path) -> None:
    done: list[int] = []
    swept(net, tmp_path, batch=4, progress=lambda event: done.append(event.tally.done))
    assert done == [0, 4, 6, 10, 14, 14]
    assert list(UNITS) == LAYERS
