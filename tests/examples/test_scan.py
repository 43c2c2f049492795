"""A pass over pictures: what was planted is found, brute force agrees, and no order or interruption changes a byte."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples.planted import network, pictures, write
from nets import two
from untouched import untouched

import phosphene as ph
from phosphene.address import OUTPUT
from phosphene.errors import BadSpec, StoreError, UnknownLayer
from phosphene.examples.tally import Tally
from phosphene.store.place import Place
from phosphene.tap import Tap

FEW: Any = {"k": 5, "many": 16, "sample": 16, "batch": 7}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "pictures")


def names(scan: ph.Scan, source: Path, examples: Any) -> list[str]:
    from phosphene.data import open_pictures

    data = open_pictures(source)
    return [data.name(example.picture) for example in examples]


def content(store: Path) -> dict[str, bytes]:
    """Every file below a store."""
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("layer", "kind"), [("colour", "red"), ("edge", "edge"), ("check", "checks"), (OUTPUT, "checks")]
)
def test_what_was_planted_is_found(layer: str, kind: str, folder: Path, tmp_path: Path) -> None:
    """Exactly the right pictures, the strongest first, at the place where it was planted."""
    scan = ph.scan(network(), folder, store=tmp_path / "s", **{**FEW, "k": 9})
    right = sorted((name for name, (_, what, _) in pictures().items() if what == kind), reverse=True)
    top = scan.unit(layer, 0).examples("top", "max", 9)
    assert names(scan, folder, top) == right[:9]
    assert scan.unit(layer, 0).examples("bottom", "max", 1)[0].value == 0
    if layer == "check":
        for example, name in zip(top, right, strict=False):
            index = int(name[-6:-4])
            assert example.position == (2 + (index * 5) % 13, 2 + (index * 7) % 13)


def test_a_sparse_unit_fires_on_its_pictures_alone(folder: Path, tmp_path: Path) -> None:
    facts = ph.scan(network(), folder, store=tmp_path / "s", **FEW).unit("colour", 0)
    assert (facts.density, facts.state) == (10 / 40, "ok")
    along = facts.spectrum("max")
    assert along[0].level == "near zero"
    assert along[0].value == 0
    assert [one.value for one in along[1:]] == sorted(one.value for one in along[1:])
    assert along[1].value > 0  # quantiles of those on which it fires
    assert ph.scan(network(), folder, store=tmp_path / "s", **FEW).unit("colour", 2).state == "dead"


def test_brute_force_agrees(folder: Path, tmp_path: Path) -> None:
    """All maxima and means at once, sorted, against the pass."""
    net, source = two(size=24), folder
    from phosphene.data import decoded, open_pictures

    scan = ph.scan(net, source, store=tmp_path / "s", layers=["**"], **FEW)
    data = open_pictures(source)
    x = torch.stack([torch.from_numpy(decoded(data.raw(i), (3, 24, 24))) for i in range(len(data))])
    layers = [track.name for track in scan.plan.tracks]
    with net.frozen(), Tap(net, layers) as tap, torch.no_grad():
        acts = tap(x.permute(0, 3, 1, 2).float() / 255)
    for layer in layers:
        flat = acts[layer].flatten(2) if acts[layer].ndim == 4 else acts[layer][:, :, None]
        for channel in range(flat.shape[1]):
            facts = scan.unit(layer, channel)
            for statistic, values in (("max", flat.amax(2)[:, channel]), ("mean", flat.mean(2)[:, channel])):
                order = sorted(range(len(data)), key=lambda i: (-float(values[i]), i))
                found = facts.examples("top", statistic, 5)
                np.testing.assert_allclose([e.value for e in found], values[order[:5]], rtol=1e-5, atol=1e-6)
                if len({round(float(v), 4) for v in values}) == len(values):  # no near-ties
                    assert [e.picture for e in found] == order[:5]
            assert facts.density == float((flat[:, channel].amax(1) > 0).double().mean())
    assert {"first", "relu1", "second", "relu2", "head", OUTPUT} == set(layers)


@pytest.mark.parametrize("of", [2, 3, 6])
def test_shards_in_any_order_give_the_same_bytes(of: int, folder: Path, tmp_path: Path) -> None:
    net = network()
    whole = ph.scan(net, folder, store=tmp_path / "whole", **FEW)
    shards = list(range(1, of + 1))
    random.Random(of).shuffle(shards)
    for shard in shards:
        store = tmp_path / f"s{shard % 2}"  # on two machines
        assert ph.scan(network(), folder, store=store, shard=(shard, of), **FEW) is None
    (merged,) = ph.merge([tmp_path / "s1", tmp_path / "s0"], into=tmp_path / "m")
    assert merged.id == whole.id
    assert content(tmp_path / "m") == content(tmp_path / "whole")


def test_a_missing_shard_is_named(folder: Path, tmp_path: Path) -> None:
    ph.scan(network(), folder, store=tmp_path / "s", shard=(2, 2), **FEW)
    with pytest.raises(StoreError, match=r"lacks pictures 0 and following \(of 40\)"):
        ph.merge([tmp_path / "s"])
    with pytest.raises(StoreError, match="no shards of a scan"):
        ph.merge([tmp_path / "nothing"])


class _Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def test_any_interruption_resumes_to_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off at every batch in turn, in the middle of it, and at once after it was counted."""
    ph.scan(network(), folder, store=tmp_path / "whole", **FEW)
    real = Tally.add
    calls = 0

    def cut(self: Any, *what: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise _Killed
        real(self, *what)
        if calls % 3 == 2:
            raise _Killed

    monkeypatch.setattr(Tally, "add", cut)
    for _ in range(60):
        try:
            made = ph.scan(network(), folder, store=tmp_path / "s", every=0.0, **FEW)
        except _Killed:
            continue
        break
    assert made is not None
    assert calls > 12
    assert content(tmp_path / "s") == content(tmp_path / "whole")


@pytest.mark.parametrize("counted", [False, True])
def test_ctrl_c_keeps_whole_batches_only(
    counted: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it comes in the middle of counting."""
    ph.scan(network(), folder, store=tmp_path / "whole", **FEW)
    real, calls = Tally.add, 0

    def stopped(self: Any, *what: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            if counted:
                real(self, *what)
            raise KeyboardInterrupt
        real(self, *what)

    with monkeypatch.context() as patch:
        patch.setattr(Tally, "add", stopped)
        with pytest.raises(KeyboardInterrupt):
            ph.scan(network(), folder, store=tmp_path / "s", **FEW)
    ph.scan(network(), folder, store=tmp_path / "s", **FEW)
    assert content(tmp_path / "s") == content(tmp_path / "whole")


def test_a_damaged_shard_is_made_again(folder: Path, tmp_path: Path) -> None:
    ph.scan(network(), folder, store=tmp_path / "s", shard=(1, 2), **FEW)
    (part,) = (tmp_path / "s").rglob("1-of-2")
    before = part.read_bytes()
    part.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    ph.scan(network(), folder, store=tmp_path / "s", shard=(1, 2), **FEW)
    assert part.read_bytes() == before


def test_workers_give_the_same(folder: Path, tmp_path: Path) -> None:
    for workers in (0, 2):
        ph.scan(network(), folder, store=tmp_path / str(workers), workers=workers, **FEW)
    assert content(tmp_path / "0") == content(tmp_path / "2")


def test_what_cannot_be_read_is_named_and_changes_nothing_else(folder: Path, tmp_path: Path) -> None:
    """Broken files among good ones: counted, and the others' values are those without them."""
    clean = ph.scan(network(), folder, store=tmp_path / "clean", **FEW)
    (folder / "edge" / "00.png").write_bytes(b"no picture")
    (folder / "zzz.jpg").write_bytes(b"")
    (folder / "red" / "99.png").write_bytes((folder / "red" / "36.png").read_bytes()[:60])
    scan = ph.scan(network(), folder, store=tmp_path / "s", **FEW)
    assert [name for _, name, _ in scan.skipped] == ["edge/00.png", "red/99.png", "zzz.jpg"]
    assert all(why for _, _, why in scan.skipped)
    assert scan.pictures == clean.pictures == 40
    for channel in range(3):
        ours, theirs = scan.unit("colour", channel), clean.unit("colour", channel)
        assert [e.value for e in ours.examples("top", "max", 5)] == [e.value for e in theirs.examples("top", "max", 5)]
        assert ours.density == theirs.density


def test_nothing_readable_is_one_reason(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.jpg").write_bytes(b"x")
    with pytest.raises(BadSpec, match="none of the 1 pictures"):
        ph.scan(network(), tmp_path / "p", store=tmp_path / "s", **FEW)
    assert not list((tmp_path / "s").rglob("scan.json"))


def test_the_model_is_left_as_it_was(folder: Path, tmp_path: Path) -> None:
    net = network()
    with untouched(net.module):
        ph.scan(net, folder, store=tmp_path / "s", **FEW)


def test_a_finished_scan_is_not_made_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ph.scan(network(), folder, store=tmp_path / "s", **FEW)
    monkeypatch.setattr(Tally, "add", None)
    assert ph.scan(network(), folder, store=tmp_path / "s", **FEW).id == first.id
    assert Place(str(tmp_path / "s")).names("scans") == [first.id]


def test_live_pictures_and_a_store_in_memory(tmp_path: Path) -> None:
    rows = [(pixels, 0) for pixels, _, _ in pictures().values()]
    scan = ph.scan(network(), rows, store="memory://scans-of-a-test", limit=12, layers=["colour"], **FEW)
    assert scan.pictures == 12
    assert [track.name for track in scan.plan.tracks] == ["colour"]


def test_layers_are_chosen_by_name_and_glob(tmp_path: Path) -> None:
    from phosphene.examples.choose import tracks_of

    net = ph.load("miniception")
    chosen = [track.name for track in tracks_of(net, None, (64, 64))]
    assert chosen == ["conv1", "conv2", "mixed3a", "mixed3b", "mixed4a", "mixed4b", "mixed4c", "mixed5a", "mixed5b",
                      "logits", OUTPUT]  # fmt: skip
    assert [track.name for track in tracks_of(net, ["mixed4?", "conv1"], (64, 64))] == [
        "conv1", "mixed4a", "mixed4b", "mixed4c",
    ]  # fmt: skip
    assert len(tracks_of(net, ["mixed*"], (64, 64))) == 7
    assert len(tracks_of(net, ["**"], (64, 64))) == len(net.runs) + 1
    assert [track.name for track in tracks_of(net, ["mixed4b.branch[!3-5]*.relu"], (64, 64))] == [
        "mixed4b.branch1.relu"
    ]
    assert [track.name for track in tracks_of(net, ["logit"], (64, 64))] == [OUTPUT]
    with pytest.raises(UnknownLayer, match="closest: mixed4"):
        tracks_of(net, ["mixed4z*"], (64, 64))


@pytest.mark.parametrize("nth", range(9))
def test_a_kill_between_any_two_writes_loses_nothing(
    nth: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts, layers, the record, the tidying up: cut off before each, the same command ends at the same bytes."""
    ph.scan(network(), folder, store=tmp_path / "whole", every=0.0, **{**FEW, "batch": 20})
    calls = 0
    for name in ("write", "remove"):
        real = getattr(Place, name)

        def cut(self: Any, *what: Any, real: Any = real) -> None:
            nonlocal calls
            calls += 1
            if calls == nth + 1:
                raise _Killed
            real(self, *what)

        monkeypatch.setattr(Place, name, cut)
    with pytest.raises(_Killed):
        ph.scan(network(), folder, store=tmp_path / "s", every=0.0, **{**FEW, "batch": 20})
    made = ph.scan(network(), folder, store=tmp_path / "s", every=0.0, **{**FEW, "batch": 20})
    assert made is not None
    assert made.unit("colour", 0).density == 0.25
    left = {name: data for name, data in content(tmp_path / "s").items() if "/parts/" not in name}
    assert left == content(tmp_path / "whole")
