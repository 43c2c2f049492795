"""Kinds of pictures that fire one unit for reasons that we planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nets import two
from torch import Tensor, nn

import phosphene as ph
from phosphene.errors import BadSpec
from phosphene.examples.kinds import kinds_of
from phosphene.examples.shots import examples, heat_of

SIDE = 24


class Either(nn.Module):
    """``units``: 0 fires for red and for blue alike, 1 for red, 2 for blue, 3 for green."""

    def __init__(self) -> None:
        super().__init__()
        self.parts, self.relu = nn.Conv2d(3, 3, 1, bias=False), nn.ReLU()
        self.sums, self.units = nn.Conv2d(3, 4, 1, bias=False), nn.ReLU()
        with torch.no_grad():
            self.parts.weight.copy_(torch.tensor([[1, -1, -1], [-1, -1, 1], [-1, 1, -1.0]]).view(3, 3, 1, 1))
            rows = [[1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]
            self.sums.weight.copy_(torch.tensor(rows).view(4, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.units(self.sums(self.relu(self.parts(x)))).mean((2, 3))


def blobs(colours: list[tuple[float, float, float]], count: int) -> list[np.ndarray]:
    """Noise with a blob of each colour in turn, somewhere."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(count):
        x = rng.uniform(0, 0.15, (SIDE, SIDE, 1)).repeat(3, 2)
        y, z = rng.integers(2, 14, 2)
        x[y : y + 7, z : z + 7] += np.array(colours[index % len(colours)]) * rng.uniform(0.6, 0.8)
        rows.append((x.clip(0, 1) * 255).astype(np.uint8))
    return rows


RED, BLUE, GREEN = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)


@pytest.fixture
def net() -> Any:
    return ph.load(Either(), input_size=(3, SIDE, SIDE))


def scanned(net: Any, rows: list[np.ndarray], tmp_path: Path) -> ph.Scan:
    made = ph.scan(net, rows, store=tmp_path / "s", k=6, many=96, sample=32, batch=32, layers=["units"])
    assert made is not None
    return made


def test_two_planted_kinds_are_told_apart(net: Any, tmp_path: Path) -> None:
    """Exactly, wherever the blob lies; and the mean of each is its colour, in the middle."""
    rows = blobs([RED, BLUE, GREEN], 180)
    scan = scanned(net, rows, tmp_path)
    found = kinds_of(net, scan, ph.Channel("units", 0), data=rows)
    assert found.found.count == 2
    assert (found.features, found.at) == ("units", "peak")
    listed = [example.picture for example in scan.unit("units", 0).examples("top", "max", 96)]
    for kind in range(2):
        colours = {listed[i] % 3 for i in np.flatnonzero(found.found.labels == kind)}
        assert len(colours) == 1
        assert colours <= {0, 1}
        middle = found.kinds[kind].mean[SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 - 1 : SIDE // 2 + 1].mean((0, 1))
        assert int(middle.argmax()) == (0 if colours == {0} else 2)
        assert middle.max() > 2 * np.sort(middle)[1]
        assert {shot.example.picture % 3 for shot in found.kinds[kind].shots} == colours


def test_one_kind_is_one_facet(net: Any, tmp_path: Path) -> None:
    """A number is found, not fixed."""
    rows = blobs([GREEN], 120)
    scan = scanned(net, rows, tmp_path)
    assert kinds_of(net, scan, ph.Channel("units", 3), data=rows).found.count == 1
    with pytest.raises(BadSpec, match="fires on 0 of the pictures"):
        kinds_of(net, scan, ph.Channel("units", 1), data=rows)


def test_facets_begin_from_their_means_and_keep_their_edges(net: Any, tmp_path: Path) -> None:
    rows = blobs([RED, BLUE], 120)
    scan = scanned(net, rows, tmp_path)
    made = ph.facets(net, scan, "units:0", steps=8, spread=0.15, data=rows, store=tmp_path / "s")
    assert len(made.pictures) == 2
    for picture, kind in zip(made.pictures, made.kinds.kinds, strict=True):
        apart = np.abs(picture.pixels.astype(int) - kind.mean.astype(int))
        assert apart[0].max() <= 1  # the edge stays, the middle moves
        assert apart[SIDE // 2, SIDE // 2].max() > 3
        assert picture.score.clean > picture.score.start
        assert picture.evidence.natural is not None
    made.save(tmp_path / "f.png")


def test_tokens_are_laid_out_as_their_patches() -> None:
    """Without the class token and registers before them; not where no grid has the picture's proportions."""
    for extra in (0, 1, 2, 5):
        tokens = np.arange(extra + 4 * 6, dtype=np.float32)
        found = heat_of(tokens, (64, 96))
        assert found is not None
        assert np.array_equal(found, tokens[extra:].reshape(4, 6))
    assert heat_of(np.zeros(5, np.float32), (64, 96)) is None
    assert heat_of(np.zeros((), np.float32), (64, 96)) is None
    assert heat_of(np.eye(3, dtype=np.float32), (64, 96)).shape == (3, 3)


def test_the_heat_of_a_transformer_lies_where_its_patch_is(tmp_path: Path) -> None:
    """A patch embedding that fires for red, its tokens behind a class token."""

    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.tokens = nn.Conv2d(3, 2, 6, stride=6, bias=False), nn.Identity()
            with torch.no_grad():
                self.embed.weight.copy_(torch.tensor([[1, -1, -1], [-1, 1, -1.0]]).view(2, 3, 1, 1).repeat(1, 1, 6, 6))

        def forward(self, x: Tensor) -> Tensor:
            patches = self.embed(x).flatten(2).transpose(1, 2)
            return self.tokens(torch.cat([torch.zeros_like(patches[:, :1]), patches], 1)).mean(1)

    rows = []
    for place in range(16):
        x = np.zeros((SIDE, SIDE, 3), np.uint8)
        y, z = divmod(place, 4)
        x[6 * y : 6 * y + 6, 6 * z : 6 * z + 6, 0] = 150 + place
        rows.append(x)
    net = ph.load(Patches(), input_size=(3, SIDE, SIDE))
    scan = ph.scan(net, rows, store=tmp_path / "s", layers=["tokens"], k=4, many=4, sample=16, batch=8)
    assert scan is not None
    found = examples(net, scan, ph.Channel("tokens", 0), data=rows)
    for shot in found.top:
        assert shot.heat is not None
        assert shot.heat.shape == (4, 4)
        assert int(shot.heat.argmax()) == shot.example.picture
    ph.examples_of(net, scan, "tokens:0").save(tmp_path / "e.png")


def test_examples_show_what_the_unit_sees(tmp_path: Path) -> None:
    """Positions, maps and boxes are those of the pictures, against the network itself."""
    net, rows = two(size=SIDE), blobs([RED, GREEN, BLUE], 40)
    scan = ph.scan(net, rows, store=tmp_path / "s", k=5, many=8, sample=16, batch=8, layers=["relu2"])
    assert scan is not None
    found = examples(net, scan, ph.Channel("relu2", 2), data=rows)
    assert [shot.example.value for shot in found.top] == sorted((s.example.value for s in found.top), reverse=True)
    for shot in (*found.top, *found.spectrum):
        assert np.array_equal(shot.pixels, rows[shot.example.picture])
        assert shot.heat is not None
        assert shot.heat.max() == pytest.approx(shot.example.value, abs=1e-5)
        if shot.heat.max() == 0:
            continue
        y, x = np.unravel_index(shot.heat.argmax(), shot.heat.shape)
        assert shot.example.position == (y, x)
        low, high = (max(0, 2 * y - 2), max(0, 2 * x - 2)), (min(SIDE, 2 * y + 3), min(SIDE, 2 * x + 3))
        assert shot.box is not None
        assert (shot.box.top, shot.box.left, shot.box.bottom, shot.box.right) == (*low, *high)
