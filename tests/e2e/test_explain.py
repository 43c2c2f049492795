"""``phosphene explain``: the sheet, its record, arrays and the sanity check's sheet; wrong turns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.command import Ran, command, files, pixels, record
from PIL import Image

import phosphene as ph
from phosphene.attribution import attribute_rows
from phosphene.explanation import SHOWN

Here = Callable[..., Ran]
UNIT = ("explain", "miniception", "mixed4b:11")
COARSE = np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8)


@pytest.fixture
def photo(folder: Path) -> Path:
    """A photo of 96 x 72 pixels in another folder."""
    path = folder.parent / "photo.png"
    Image.fromarray(COARSE.repeat(8, 0).repeat(8, 1)).save(path)
    return path


@pytest.fixture
def other(folder: Path) -> Path:
    path = folder.parent / "other.png"
    Image.fromarray(COARSE[::-1, ::-1].repeat(8, 0).repeat(8, 1)).save(path)
    return path


def test_a_sheet_and_its_record(here: Here, folder: Path, photo: Path, other: Path) -> None:
    ran = here(*UNIT, str(photo), str(other), "--method", "saliency,guided", "-o", "a.png", "--arrays", "a.npz")
    assert ran.code == 0, ran
    assert files(folder) == ["a.json", "a.npz", "a.png"]
    assert "sheet a.png  record a.json  arrays a.npz" in ran.out
    assert pixels(Path("a.png"))[:2] == ("RGB", (3 * 140 + 12, 23 + 12 + 2 * (128 + 34 + 12)))
    told = record(Path("a.json"))
    net = ph.load("miniception")
    assert (told["model"], told["fingerprint"]) == ("miniception", net.fingerprint)
    assert (told["target"], told["size"], told["peak"], told["sanity"]) == ("mixed4b:11", [64, 64], False, [])
    assert [one["photo"] for one in told["photos"]] == ["photo.png", "other.png"]
    assert told["photos"][0]["hash"] != told["photos"][1]["hash"]
    assert set(told["methods"]) == {"saliency", "guided"}
    assert told["versions"]["phosphene"]
    maps = np.load("a.npz")
    assert sorted(maps) == ["guided", "pictures", "saliency", "scores"]
    assert maps["saliency"].shape == (2, 3, 64, 64)
    assert maps["scores"].tolist() == pytest.approx([one["score"] for one in told["photos"]])
    found = ph.explain(net, ph.Channel("mixed4b", 11), [photo, Image.open(other)], methods=["saliency", "guided"])
    assert np.array_equal(found.arrays()["guided"], maps["guided"])
    assert found.photos == ("photo.png", "other.png")
    shown = np.asarray(found.image)[35:163, 12:140]
    assert np.array_equal(shown[::2, ::2], found.pictures[0])  # the photo as the network sees it, each pixel twice


def test_by_default_all_methods_and_a_name_of_its_own(here: Here, folder: Path, photo: Path) -> None:
    ran = here("explain", "miniception", "logit:goldfish", str(photo), "--json")
    assert ran.code == 0
    assert files(folder) == ["miniception_explained-logit-goldfish.json", "miniception_explained-logit-goldfish.png"]
    assert '"target": "logit:goldfish"' in ran.out
    assert "score" in ran.err
    quiet = here("explain", "miniception", "logit:goldfish", str(photo), "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_the_position_that_fires_most_in_each_photo(here: Here, folder: Path, photo: Path, other: Path) -> None:
    assert here(*UNIT, str(photo), str(other), "--peak", "--method", "saliency", "-o", "a.png").code == 0
    told = record(Path("a.json"))
    targets = [one["target"] for one in told["photos"]]
    assert told["peak"]
    assert all(target.startswith("mixed4b:11@") for target in targets)
    assert targets[0] != targets[1]
    net = ph.load("miniception")
    found = ph.explain(net, "mixed4b:11", [photo, other], methods="saliency", peak=True)
    made = attribute_rows(
        net, [ph.Neuron("mixed4b", 11, _position(target)) for target in targets], _tensor(found), "saliency"
    )
    assert np.allclose(made.scores, [one["score"] for one in told["photos"]], rtol=1e-2, atol=1e-2)


def _position(target: str) -> tuple[int, int]:
    y, x = target.partition("@")[2].split(",")
    return int(y), int(x)


def _tensor(found: Any) -> Any:
    import torch

    return torch.from_numpy(found.pictures).permute(0, 3, 1, 2) / 255


def test_the_sanity_check_is_a_table_and_a_sheet(here: Here, folder: Path, photo: Path) -> None:
    words = ("explain", "miniception", "logit:1", str(photo), "--sanity", "--method", "saliency,deconv", "-o", "a.png")
    ran = here(*words)
    assert ran.code == 0
    assert files(folder) == ["a.json", "a.png", "a.sanity.png"]
    table = ran.out[ran.out.index("shuffled down to") :].splitlines()
    assert table[0].split()[-2:] == ["saliency", "deconv"]
    assert [line.split()[0] for line in table[1:-1]] == [
        "logits", "mixed5b", "mixed5a", "mixed4c", "mixed4b", "mixed4a", "mixed3b", "mixed3a", "conv2", "conv1",
    ]  # fmt: skip
    rows = record(Path("a.json"))["sanity"]
    assert (len(rows), rows[0]["method"], rows[0]["down_to"]) == (20, "saliency", "logits")
    assert f"{rows[0]['spearman']:.2f}" in table[1]
    assert pixels(Path("a.sanity.png"))[1][0] == (1 + SHOWN) * 140 + 12
    words = ("explain", "miniception", "conv2:3", str(photo), "--sanity", "--method", "saliency", "-o", "a.png")
    assert here(*words).code == 0
    before = (folder / "a.json").read_bytes()
    assert here(*words).code == 0
    assert (folder / "a.json").read_bytes() == before
    assert here(*words, "--seed", "1").code == 0
    assert (folder / "a.json").read_bytes() != before


def test_other_sizes_and_a_dead_unit(here: Here, folder: Path, photo: Path) -> None:
    ran = here(*UNIT, str(photo), "--size", "48x80", "-o", "a.png")
    assert ran.code == 0
    assert record(Path("a.json"))["size"] == [48, 80]
    black = folder.parent / "black.png"
    Image.new("RGB", (64, 64)).save(black)
    ran = here("explain", "miniception", "mixed3a:1@0,0", str(black), "--method", "saliency", "-o", "b.png")
    assert ran.code == 0
    note = record(Path("b.json"))["methods"]["saliency"]["note"]
    assert note == "the map is all zero: the target is off there, or saturated"
    assert f"note on saliency: {note}" in ran.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*UNIT, "PHOTO", "--method", "salience"), ["no attribution method 'salience'", "closest: saliency"]),
        ((*UNIT, "PHOTO", "--method", ","), ["name at least one method", "guided"]),
        ((*UNIT, "no.png"), ["no.png", "no such file"]),
        ((*UNIT, __file__), ["it is no picture"]),
        (UNIT, ["PHOTO", "--help"]),
        (("explain", "no.py:build", "a:1", "no.png"), ["no.png", "no such file"]),
        (("explain", "no.py:build", "a:1", "PHOTO", "--method", "x"), ["no attribution method 'x'"]),
        (("explain", "miniception", "mixd4b:11", "PHOTO"), ["no layer 'mixd4b'", "closest: mixed4b"]),
        (("explain", "miniception", "mixed4b:192", "PHOTO"), ["192 channels, 0 to 191"]),
        (("explain", "miniception", "mixed4b:1@9,0", "PHOTO"), ["mixed4b:1@9,0 does not exist", "8 x 8"]),
        (("explain", "miniception", "logit:goldfsh", "PHOTO"), ["closest: goldfish"]),
        (("explain", "miniception", "tv", "PHOTO"), ["tv is a penalty"]),
        (("explain", "miniception", "mixed4b:1 - 0.1*tv", "PHOTO"), ["tv is a penalty"]),
        (("explain", "miniception", "near:mixed4b", "PHOTO"), ["compares with another photo"]),
        (("explain", "miniception", "mixed4b:0..3", "PHOTO"), ["4"]),
        (("explain", "miniception", "logit:goldfish", "PHOTO", "--peak"), ["LAYER:CHANNEL"]),
        (("explain", "miniception", "logits:3", "PHOTO", "--peak"), ["no map"]),
        (("explain", "miniception", "mixed4b:", "PHOTO"), ["cannot read the target"]),
        ((*UNIT, "PHOTO", "--size", "0"), ["--size", "from 1 up"]),
        ((*UNIT, "PHOTO", "-o", "a.jpg"), ["PNG", "a.png"]),
        ((*UNIT, "PHOTO", "-o", "no/a.png"), ["no folder no"]),
        ((*UNIT, "PHOTO", "--arrays", "a.txt"), ["NPZ", "a.npz"]),
        ((*UNIT, "PHOTO", "--arrays", "no/a.npz"), ["no folder no"]),
        ((*UNIT, "PHOTO", "-o", "PHOTO"), ["one of the photos", "-o"]),
        ((*UNIT, "PHOTO", "--sed", "1"), ["no option --sed", "closest: --seed"]),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, tuple) else "",
)
def test_a_reason_and_a_way_out(here: Here, folder: Path, photo: Path, words: tuple[str, ...], says: list[str]) -> None:
    before = photo.read_bytes()
    reason = here(*(word.replace("PHOTO", str(photo)) for word in words)).refused()
    assert all(part in reason for part in says), reason
    assert files(folder) == []
    assert photo.read_bytes() == before


def test_the_installed_command(folder: Path, photo: Path) -> None:
    ran = command(*UNIT, str(photo), "--method", "guided", "-o", "a.png", folder=folder)
    assert (ran.code, ran.err) == (0, "")
    assert files(folder) == ["a.json", "a.png"]
    quiet = "import torch\nclass N(torch.nn.Module):\n def __init__(s):\n  super().__init__()\n" \
            "  s.c = torch.nn.Conv2d(3, 4, 3)\n @torch.no_grad()\n def forward(s, x):\n" \
            "  return s.c(x).mean((2, 3))\ndef build():\n return N()\n"  # fmt: skip
    (folder / "quiet.py").write_text(quiet)
    ran = command("explain", "quiet.py:build", "logit:1", str(photo), "--input-size", "3,32,32", folder=folder)
    assert "switches gradients off" in ran.refused()


def test_python_refuses_what_it_cannot_do(photo: Path) -> None:
    with pytest.raises(ph.PhospheneError, match="at least one photo"):
        ph.explain("miniception", "mixed4b:11", [])
    with pytest.raises(ph.PhospheneError, match="from 1 up"):
        ph.explain("miniception", "mixed4b:11", photo, size=(0, 4))
    import torch

    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(3 * 16 * 16, 4)

        def forward(self, x: Any) -> Any:
            return self.line(x.flatten(1))

    fixed = ph.load(Fixed(), input_size=(3, 16, 16))
    with pytest.raises(ph.PhospheneError, match="16 x 16 alone, not 32 x 32"):
        ph.explain(fixed, "logit:1", photo, size=32)
    assert ph.explain(fixed, "logit:1", photo)._repr_png_()[:4] == b"\x89PNG"
