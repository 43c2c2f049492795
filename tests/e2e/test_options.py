"""Options of render, layers and models; in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from e2e.command import Ran, files, pixels, record
from PIL import Image

Here = Callable[..., Ran]
DEAD = '''
import torch
from torch import nn

def build():
    """Channel 1 of layer 1 can never fire."""
    torch.manual_seed(0)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)
    net = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), *head)
    with torch.no_grad():
        net[0].weight[1] = 0
        net[0].bias.copy_(torch.tensor([1.0, -1.0, 1.0]))
    return net, {"input_size": (3, 32, 48)}
'''


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path


def test_a_sum_with_a_timelapse(here: Here, folder: Path) -> None:
    target = "mixed4b:11 + 0.5*mixed4b:30 - 0.1*tv"
    ran = here("render", "miniception", target, "--seed", "3", "--steps", "4", "--timelapse", "0,2,4")
    assert ran.code == 0
    name = "miniception_mixed4b-11+0.5xmixed4b-30_-0.1xtv_seed3"
    assert files(folder) == [f"{name}.json", f"{name}.png", f"{name}.timelapse.png"]
    assert f"strip {name}.timelapse.png" in ran.out
    told = record(folder / f"{name}.json")
    assert (told["target"], told["seed"], told["evidence"]["unit"]) == (target, 3, "mixed4b:11")
    assert [frame["step"] for frame in told["frames"]] == [0, 2, 4]
    width, height = pixels(folder / f"{name}.timelapse.png")[1]
    assert width > 3 * 128 > 1.5 * height  # three frames beside each other


def test_different_targets_do_not_share_a_default_name(here: Here, folder: Path) -> None:
    for target in ("conv1:1 + conv1:2", "conv1:1 - conv1:2", "2*conv1:1", "conv1:1@2,2"):
        words = ("--steps", "1", "--transform", "none", "--size", "16")
        assert here("render", "miniception", target, *words).code == 0
    assert len([name for name in files(folder) if name.endswith(".png")]) == 4


def test_json_with_quiet_is_the_record_alone(here: Here, folder: Path) -> None:
    ran = here("render", "miniception", "conv1:1", "--steps", "1", "--json", "--quiet", "-o", "a.png")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == record(folder / "a.json")


def test_json_of_many_is_a_line_each(here: Here, folder: Path) -> None:
    ran = here("render", "miniception", "conv1:1,3", "--steps", "1", "--json", "--quiet", "-o", "a.png")
    assert ran.out == (folder / "a.jsonl").read_text()
    assert [json.loads(line)["target"] for line in ran.out.splitlines()] == ["conv1:1", "conv1:3"]


def test_a_dead_unit_is_said_to_be_dead(here: Here, folder: Path) -> None:
    Path("net.py").write_text(DEAD)
    ran = here("render", "net.py:build", "1:0..2", "--steps", "2", "-o", "a.png")
    assert ran.code == 0
    told = [json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines()]
    assert [one["status"] for one in told] == ["ok", "dead", "ok"]
    assert "1:1  dead" in ran.out
    assert "try another --seed" in ran.out


@pytest.mark.parametrize("size", ["1", "1x1", "7x100", "100x7"])
def test_odd_sizes_work(here: Here, folder: Path, size: str) -> None:
    assert here("render", "miniception", "conv2:3", "--size", size, "--steps", "1", "-o", "a.png").code == 0
    height, _, width = size.partition("x")
    assert pixels(folder / "a.png")[1] == (int(width or height), int(height))


def test_same_seed_same_picture_other_seed_another(here: Here, folder: Path) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        here("render", "miniception", "conv2:3", "--steps", "2", "--seed", seed, "-o", f"{name}.png")
    assert pixels(folder / "a.png") == pixels(folder / "b.png") != pixels(folder / "c.png")


def test_a_start_photo_is_not_stretched(here: Here, folder: Path) -> None:
    wide = Image.new("RGB", (192, 64), "red")
    wide.paste("blue", (64, 0, 128, 64))
    wide.save("wide.png")
    words = ("conv1:1", "--steps", "1", "--lr", "1e-9", "--transform", "none", "-o", "a.png", "--start", "wide.png")
    assert here("render", "miniception", *words).code == 0
    with Image.open("a.png") as picture:
        colours = picture.getcolors(64 * 64)
    assert colours is not None
    assert all(blue > 240 and red < 15 for _, (red, _, blue) in colours)  # type: ignore[misc]


def test_a_replay_of_many_is_bit_for_bit(here: Here, folder: Path) -> None:
    assert here("render", "miniception", "mixed4b:0..4", "--steps", "3", "--timelapse", "0,3", "-o", "a.png").code == 0
    ran = here("render", "--replay", "a.jsonl")
    assert ran.out.splitlines()[-1] == "sheet a.again.png  record a.again.jsonl  strip a.again.timelapse.png"
    assert (folder / "a.again.png").read_bytes() == (folder / "a.png").read_bytes()
    assert (folder / "a.again.timelapse.png").read_bytes() == (folder / "a.timelapse.png").read_bytes()


def test_a_replay_needs_the_same_start_photo(here: Here, folder: Path, photo: Path) -> None:
    words = ("--steps", "2", "-o", "a.png")
    assert here("render", "miniception", "conv2:3", "--start", str(photo), *words).code == 0
    assert here("render", "--replay", "a.json", "--start", str(photo), "-o", "b.png").code == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    assert "--start" in here("render", "--replay", "a.json", "-o", "c.png").refused()
    Image.new("RGB", (9, 9)).save("other.png")
    here("render", "--replay", "a.json", "-o", "c.png", "--start", "other.png").refused()
    assert "c.png" not in files(folder)


def test_a_replay_refuses_other_weights(here: Here, folder: Path) -> None:
    Path("net.py").write_text(DEAD)
    assert here("render", "net.py:build", "1:0", "--steps", "1", "-o", "a.png").code == 0
    assert here("render", "--replay", "a.json", "-o", "b.png").code == 0
    Path("net.py").write_text(DEAD.replace("manual_seed(0)", "manual_seed(1)"))
    assert "other weights" in here("render", "--replay", "a.json", "-o", "c.png").refused()
    assert "other weights" in here("render", "net.py:build", "--replay", "a.json", "-o", "c.png").refused()
    assert "c.png" not in files(folder)


def test_a_replay_ignores_nothing_that_was_said(here: Here, folder: Path) -> None:
    assert here("render", "miniception", "conv2:3", "--steps", "1", "-o", "a.png").code == 0
    for words in (("--steps", "3"), ("--seed", "0"), ("--timelapse", "0"), ("--untrained",), ("--weights", "w.pt")):
        assert f"takes {words[0]} from the record" in here("render", "--replay", "a.json", *words).refused()
    assert "no device" in here("render", "--replay", "a.json", "--device", "foo").refused()
    assert "target" in here("render", "miniception", "conv2:4", "--replay", "a.json").refused()


def test_layers_are_listed_with_what_one_needs_to_choose(here: Here) -> None:
    ran = here("layers", "miniception")
    rows = {line.split()[0]: line.split() for line in ran.out.splitlines() if line}
    assert rows["layer"] == ["layer", "kind", "channels", "positions", "sees", "module"]
    assert rows["mixed4b"][1:4] == ["map", "192", "8x8"]
    assert rows["logits"][1:4] == ["vector", "100", "-"]
    assert "3 x 64 x 64" in ran.out
    assert "100 class names" in ran.out


def test_layers_as_json(here: Here) -> None:
    told = json.loads(here("layers", "miniception", "--json").out)
    assert (told["model"], len(told["labels"])) == ("miniception", 100)
    assert {"name": "mixed4b", "channels": 192}.items() <= next(
        layer for layer in told["layers"] if layer["name"] == "mixed4b"
    ).items()


def test_layers_of_an_untrained_googlenet(here: Here) -> None:
    pytest.importorskip("torchvision")
    ran = here("layers", "googlenet", "--untrained")
    assert ran.code == 0
    assert [line.split()[1:3] for line in ran.out.splitlines() if line.startswith("inception4a ")] == [["map", "512"]]


def test_models_are_listed(here: Here) -> None:
    ran = here("models")
    assert (ran.code, ran.err) == (0, "")
    assert "miniception, miniception-plain" in ran.out
    assert "path/to/file.py:factory" in ran.out
    assert "miniception" in json.loads(here("models", "--json").out)["embedded"]["names"]


def test_version_and_help(here: Here) -> None:
    assert here("--version") == Ran(0, f"phosphene {metadata.version('phosphene')}\n", "")
    top = here("--help")
    assert top.code == 0
    assert all(word in top.out for word in ("render", "layers", "models", "phosphene render miniception mixed4b:11"))
    about = here("render", "--help").out
    words = ("-o FILE.png", "--replay", "standard (default): 256 steps", "logit:goldfish", "lucid")
    assert all(word in about for word in words)


def test_layers_can_be_narrowed_down(here: Here) -> None:
    outer = here("layers", "miniception", "--depth", "1")
    assert outer.code == 0
    assert [line.split()[0] for line in outer.out.splitlines()[4:]][:4] == ["conv1", "conv2", "pool2", "mixed3a"]
    assert "mixed4b.branch1" not in outer.out
    some = here("layers", "miniception", "--match", "mixed4*", "--depth", "1")
    assert [line.split()[0] for line in some.out.splitlines()[4:]] == ["mixed4a", "mixed4b", "mixed4c"]
    none = here("layers", "miniception", "--match", "mixd*")
    assert none.code == 2
    assert "closest: mixed" in none.err
