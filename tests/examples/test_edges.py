"""Scans at the edges: capped units, broken numbers, stray shards, moved and changed data, stores with several scans."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples.planted import network, pictures, write
from examples.test_scan import FEW, content
from nets import two
from PIL import Image
from torch import Tensor, nn

import phosphene as ph
from phosphene.errors import BadSpec, StoreError


class Capped(nn.Module):
    """``unit``: 0 reaches its cap on every bright picture, 1 is not a number on dark ones, 2 is below zero always."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.unit = nn.Conv2d(3, 3, 1), nn.Identity()
        self.cap = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        broken = torch.where(mean.mean((2, 3), keepdim=True) > 0.5, mean, torch.nan)
        found: Tensor = self.unit(torch.cat([(40 * mean).clamp(0, 6), broken, mean - 3], 1))
        return found.mean((2, 3))


def levels(count: int = 40) -> list[np.ndarray]:
    return [np.full((16, 16, 3), 6 * n, np.uint8) for n in range(count)]


@pytest.fixture
def capped(tmp_path: Path) -> tuple[Any, ph.Scan]:
    net = ph.load(Capped(), input_size=(3, 16, 16))
    made = ph.scan(net, levels(), store=tmp_path / "s", layers=["unit"], k=5, many=20, sample=16, batch=8)
    assert made is not None
    return net, made


def test_a_capped_unit_says_that_its_strongest_tie(capped: tuple[Any, ph.Scan], tmp_path: Path) -> None:
    net, scan = capped
    facts = scan.unit("unit", 0)
    assert facts.tied == facts.listed == 20
    assert [one.picture for one in facts.examples("top", "max", 3)] == [7, 8, 9]  # 40 * 6 * 7 / 255 is above 6
    sheet = ph.examples_of(net, scan, "unit:0")
    assert any("20 or more pictures tie" in line for line in sheet._facts)
    assert sheet.record()["tied"] == 20
    assert scan.unit("unit", 2).tied == 0


def test_what_is_no_number_is_counted_and_shown(capped: tuple[Any, ph.Scan], tmp_path: Path) -> None:
    """A unit that breaks on dark pictures; its sheet shows the others."""
    net, scan = capped
    facts = scan.unit("unit", 1)
    assert facts.broken == 22  # 0 to 21: up to 126 of 255
    assert [one.picture for one in facts.examples("bottom", "max", 2)] == [22, 23]
    ph.examples_of(net, scan, "unit:1").save(tmp_path / "e.png")
    assert scan.unit("unit", 2).state == "ok"  # below zero everywhere, and not the same
    assert scan.unit("unit", 2).density == 0


def test_a_unit_that_is_never_a_number_has_a_sheet(tmp_path: Path) -> None:
    net = ph.load(Capped(), input_size=(3, 16, 16))
    scan = ph.scan(net, levels()[:4], store=tmp_path / "s", layers=["unit"], k=2, many=2, sample=16, batch=4)
    assert scan is not None
    sheet = ph.examples_of(net, scan, "unit:1")
    assert sheet.found.top == ()
    assert scan.unit("unit", 0).state == "too few"
    sheet.save(tmp_path / "e.png")


def test_shards_of_two_divisions_merge_whatever_way_there_is(tmp_path: Path) -> None:
    """Thirds and a stray half in one store; and a half that was stopped."""
    folder = write(tmp_path / "p")
    ph.scan(network(), folder, store=tmp_path / "whole", **FEW)
    for shard in ((1, 2), (1, 3), (2, 3), (3, 3)):
        ph.scan(network(), folder, store=tmp_path / "s", shard=shard, **FEW)
    ph.scan(network(), folder, store=tmp_path / "s", shard=(1, 2), **{**FEW, "k": 4})  # of another scan
    assert len(ph.merge([tmp_path / "s"], into=tmp_path / "m")) == 1
    assert content(tmp_path / "m") == content(tmp_path / "whole")


def test_shards_of_nothing_are_no_scan(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for name in "ab":
        (tmp_path / "p" / f"{name}.png").write_bytes(b"x")
    for shard in ((1, 2), (2, 2)):
        ph.scan(network(), tmp_path / "p", store=tmp_path / "s", shard=shard, **{**FEW, "batch": 1})
    with pytest.raises(StoreError, match="none of the 2 pictures"):
        ph.merge([tmp_path / "s"])


def test_moved_pictures_are_found_after_another_scan(tmp_path: Path) -> None:
    """The second scan reads nothing, and puts down where they are now."""
    folder = write(tmp_path / "old")
    net = network()
    ph.scan(net, folder, store=tmp_path / "s", **FEW)
    shutil.move(folder, tmp_path / "new")
    with pytest.raises(BadSpec, match="say where the pictures are now: --data"):
        ph.examples_of(net, ph.open_scan(tmp_path / "s"), "colour:0")
    ph.scan(net, tmp_path / "new", store=tmp_path / "s", **FEW)
    assert len(ph.examples_of(net, ph.open_scan(tmp_path / "s"), "colour:0").found.top) == 5


def test_changed_pictures_are_another_scan(tmp_path: Path) -> None:
    """Also where the files keep their names and sizes, and where lists keep their length."""
    folder = tmp_path / "p"
    folder.mkdir()
    for turn in range(2):
        for number, (pixels, _, _) in enumerate(pictures().values()):
            Image.fromarray(pixels if turn == 0 else 255 - pixels).save(folder / f"{number:02d}.bmp")
        ph.scan(network(), folder, store=tmp_path / "s", **FEW)
    assert len(list((tmp_path / "s" / "scans").iterdir())) == 2
    rows = [pixels for pixels, _, _ in pictures().values()] * 5
    first = ph.scan(network(), rows, store=tmp_path / "l", **FEW)
    rows[101] = 255 - rows[101]
    second = ph.scan(network(), rows, store=tmp_path / "l", **FEW)
    assert first is not None
    assert second is not None
    assert first.id != second.id


def test_the_scan_that_has_the_layer_is_found(tmp_path: Path) -> None:
    net, rows = network(), [pixels for pixels, _, _ in pictures().values()]
    for layer in ("colour", "edge"):
        ph.scan(net, rows, store=tmp_path / "s", layers=[layer], **FEW)
    ph.scan(two(size=24), rows, store=tmp_path / "s", layers=["relu1"], **FEW)
    for layer in ("colour", "edge", "relu1"):
        assert [track.name for track in ph.open_scan(tmp_path / "s", layer).plan.tracks] == [layer]
    with pytest.raises(StoreError, match="scans of 2 networks; say which: --scan"):
        ph.open_scan(tmp_path / "s")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"shard": "1/2"}, "shard is"),
        ({"size": 64}, "size is"),
        ({"size": (-3, 3)}, "size is"),
        ({"every": -1.0}, "every is seconds"),
        ({"layers": []}, "no layer to scan"),
        ({"k": 0}, "k must be"),
        ({"sample": 3}, "sample must be"),
    ],
)
def test_wrong_values_are_refused_before_any_work(said: dict[str, Any], reason: str, tmp_path: Path) -> None:
    from jaxtyping import TypeCheckError

    rows = [pixels for pixels, _, _ in pictures().values()]
    with pytest.raises((BadSpec, TypeCheckError)) as caught:
        ph.scan(network(), rows, store=tmp_path / "s", **{**FEW, **said})
    assert isinstance(caught.value, TypeCheckError) or reason in str(caught.value)
    assert not (tmp_path / "s").exists()
