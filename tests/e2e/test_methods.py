"""The commands for methods, photos, groups and comparisons, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from e2e.command import Ran, files, record
from PIL import Image

Here = Callable[..., Ran]
SMALL = ("--size", "24")


@pytest.fixture
def photo(folder: Path) -> str:
    values = np.random.default_rng(0).integers(0, 256, (8, 10, 3)).repeat(9, 0).repeat(9, 1).astype(np.uint8)
    Image.fromarray(values).save(folder / "photo.jpg")
    return "photo.jpg"


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as opened:
        return opened.size


def test_compare_makes_a_sheet_a_record_each_and_a_table(here: Here, folder: Path) -> None:
    ran = here(
        "compare", "miniception", "conv2:3", *SMALL, "--methods", "pixel,fourier,maco", "--passes", "8", "-o", "c.png"
    )
    assert ran.code == 0
    assert files(folder) == ["c.jsonl", "c.png"]
    lines = ran.out.splitlines()
    assert lines[0] == "sheet c.png  record c.jsonl"
    assert lines[1].split() == ["method", "passes", "clean", "robust", "slope", "seconds", "status"]
    assert [line.split()[:2] for line in lines[2:]] == [["pixel", "8"], ["fourier", "8"], ["maco", "8"]]
    records = [json.loads(line) for line in (folder / "c.jsonl").read_text().splitlines()]
    assert [one["spec"]["image"]["name"] for one in records] == ["pixel", "fourier", "maco"]


def test_unknown_methods_are_refused_with_the_nearest(here: Here, folder: Path) -> None:
    assert "no preset 'pixl'" in here("compare", "miniception", "conv2:3", "--methods", "pixl").refused()
    assert files(folder) == []


def test_grid_prints_what_each_pair_scored(here: Here, folder: Path) -> None:
    ran = here("grid", "miniception", "conv2:3,5,7", *SMALL, "--steps", "2", "-o", "g.png")
    assert ran.code == 0
    assert len((folder / "g.jsonl").read_text().splitlines()) == 6
    table = ran.out.splitlines()[-3:]
    assert all(line.count("conv2:") == 2 and line.count("%") == 4 for line in table)
    wide, high = size(folder / "g.png")
    assert 0.6 < wide / high < 1.2


def test_interpolate_writes_frames_and_a_film(here: Here, folder: Path) -> None:
    words = ("interpolate", "miniception", "conv2:3", "conv2:5", *SMALL, "--frames", "3", "--steps", "2", "-o", "i.png")
    assert here(*words, "--movie", "i.gif").code == 0
    assert files(folder) == ["i.gif", "i.jsonl", "i.png"]
    records = [json.loads(line) for line in (folder / "i.jsonl").read_text().splitlines()]
    assert [one["spec"]["target"] for one in records] == ["conv2:3", "0.5*conv2:3 + 0.5*conv2:5", "conv2:5"]
    with Image.open(folder / "i.gif") as film:
        assert film.n_frames >= 4
    assert here("render", "--replay", "i.jsonl", "-o", "again.png").code == 0
    again = [json.loads(line) for line in (folder / "again.jsonl").read_text().splitlines()]
    assert [one["id"] for one in again] == [one["id"] for one in records]
    assert [one["score"] for one in again] == [one["score"] for one in records]


def test_diverse_says_how_alike_the_pictures_are(here: Here, folder: Path) -> None:
    words = ("render", "miniception", "conv2:3", *SMALL, "--steps", "3", "-o", "d.png", "--diverse", "3")
    assert here(*words, "--strength", ".5", "--at", "conv1").code == 0
    records = [json.loads(line) for line in (folder / "d.jsonl").read_text().splitlines()]
    assert [one["group"]["row"] for one in records] == [0, 1, 2]
    assert [len(one["group"]["similarity"]) for one in records] == [3, 3, 3]
    assert records[0]["found"]["diversity"]["layer"] == "conv1"
    assert "how many with --diverse" in here("render", "miniception", "conv2:3", "--at", "conv1").refused()


@pytest.mark.parametrize("words", [
    ("dream", "miniception", "conv2", "photo.jpg", "--octaves", "2", "--steps", "2"),
    ("accentuate", "miniception", "conv2:3", "photo.jpg", "--steps", "2", *SMALL),
    ("invert", "miniception", "conv2", "photo.jpg", "--steps", "2", *SMALL),
    ("caricature", "miniception", "conv2", "photo.jpg", "--steps", "2", *SMALL),
    ("render", "miniception", "conv2:3", "--start", "photo.jpg", "--within", "linf[.02]", "--steps", "2", *SMALL),
    ("render", "miniception", "caricature:conv2", "--photo", "photo.jpg", "--steps", "2", *SMALL),
])  # fmt: skip
def test_what_is_made_of_a_photo_replays_with_it(here: Here, folder: Path, photo: str, words: tuple[str, ...]) -> None:
    assert here(*words, "-o", "a.png").code == 0
    told = record(folder / "a.json")["spec"]
    given = [
        text for name, flag in (("start", "--start"), ("reference", "--photo")) if told[name] for text in (flag, photo)
    ]
    assert given
    assert "is not the one given" in here("render", "--replay", "a.json", "-o", "b.png").refused()
    assert here("render", "--replay", "a.json", "-o", "b.png", *given).code == 0
    with Image.open(folder / "a.png") as first, Image.open(folder / "b.png") as second:
        assert first.tobytes() == second.tobytes()
    if words[0] == "dream":
        assert size(folder / "a.png") == (90, 72)


@pytest.mark.parametrize("words", [
    ("dream", "miniception", "conv2", "photo.jpg", "--octaves", "2", "--steps", "2"),
    ("accentuate", "miniception", "conv2:3", "photo.jpg", "--steps", "4", *SMALL),
    ("invert", "miniception", "conv2", "photo.jpg", "--steps", "4", *SMALL),
    ("caricature", "miniception", "conv2", "photo.jpg", "--steps", "4", *SMALL),
])  # fmt: skip
def test_photos_have_films_and_strips_too(here: Here, folder: Path, photo: str, words: tuple[str, ...]) -> None:
    assert here(*words, "-o", "a.png", "--movie", "a.gif").code == 0
    assert files(folder) == ["a.gif", "a.json", "a.png", "photo.jpg"]
    with Image.open(folder / "a.gif") as film:
        assert film.n_frames == 5
    assert here(*words, "-o", "b.png", "--timelapse", "0,4").code == 0
    assert [frame["step"] for frame in record(folder / "b.json")["frames"]] == [0, 4]
    assert (folder / "b.timelapse.png").exists()


def test_a_missing_photo_is_one_line(here: Here, folder: Path) -> None:
    assert "nowhere.jpg" in here("dream", "miniception", "conv2", "nowhere.jpg").refused()
    assert files(folder) == []


def test_transparent_pictures_are_rgba(here: Here, folder: Path) -> None:
    for flag in ("--alpha", "--transparency"):
        assert here("render", "miniception", "conv2:3", *SMALL, "--steps", "3", "-o", "t.png", flag).code == 0
        with Image.open(folder / "t.png") as picture:
            assert picture.mode == "RGBA"


def test_methods_lists_every_preset_with_its_source_and_every_part(here: Here) -> None:
    from phosphene.presets import PRESETS

    ran = here("methods")
    assert ran.code == 0
    for name in PRESETS:
        assert f"\n  {name} " in ran.out
    for word in ("maco", "Fel et al. 2023", "differs:", "colour_jitter", "small_benefit", "laplacian"):
        assert word in ran.out
    data = json.loads(here("methods", "--json").out)
    assert set(data["presets"]) == set(PRESETS)


def test_spectrum_of_a_folder_is_used_by_maco_and_known_by_its_digest(here: Here, folder: Path, photo: str) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    ran = here("spectrum", ".", "--size", "32", "-o", "own.npz")
    assert ran.code == 0
    assert ran.out.startswith("spectrum own.npz of 1 pictures")
    assert "broken.png" in ran.err
    words = (
        "render",
        "miniception",
        "conv2:3",
        *SMALL,
        "--steps",
        "2",
        "--image",
        "maco[spectrum=own.npz]",
        "-o",
        "m.png",
    )
    assert here(*words).code == 0
    assert record(folder / "m.json")["spec"]["image"]["digest"]
    (folder / "bare").mkdir()
    assert "no pictures in bare" in here("spectrum", "bare").refused()
    assert "there is no folder" in here("spectrum", "nowhere").refused()


def test_a_movie_of_an_ascent(here: Here, folder: Path) -> None:
    words = ("render", "miniception", "conv2:3", *SMALL, "--steps", "6", "-o", "a.png")
    assert here(*words, "--movie", "a.gif").code == 0
    assert files(folder) == ["a.gif", "a.json", "a.png"]
    assert "a movie is .gif, .mp4 or .webm" in here(*words, "--movie", "a.avi").refused()


@pytest.mark.parametrize(("words", "reason"), [
    (("interpolate", "miniception", "conv2:3", "conv2:5", "--frames", "1"), "takes 2 or more frames"),
    (("grid", "miniception", "conv2:3"), "two or more different channels"),
    (("grid", "miniception", "logit:goldfish"), "a grid is of channels of one layer"),
    (("render", "miniception", "conv2:3", "--mask", "m.png"), "mask"),
    (("render", "miniception", "near:conv2"), "compares with a photo"),
    (("render", "miniception", "conv2:3 - 1*opacity"), "add --alpha"),
    (("render", "miniception", "conv2:3", "--preset", "yosinski"), "no preset 'yosinski'"),
    (("render", "miniception", "conv2:3", "--image", "prior[decoder=nothing]"), "no decoder 'nothing'"),
])  # fmt: skip
def test_wrong_turns_get_one_line(here: Here, folder: Path, words: tuple[str, ...], reason: str) -> None:
    assert reason in here(*words).refused()
    assert files(folder) == []
