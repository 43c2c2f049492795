"""Scans and the commands that read them, as a user runs them: killed, stopped, misused."""

from __future__ import annotations

import contextlib
import csv
import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from data.made import encoded, photo, png, written
from e2e.command import COMMAND, Ran, command, files, record
from PIL import Image

Here = Callable[..., Ran]
SMALL = ("--layers", "conv2,mixed4b,logit", "-k", "4", "--sample", "64", "--batch", "16")


def pictures(folder: Path, count: int = 160) -> Path:
    """Blobs of many colours on noise, in two subfolders; one of them is no picture."""
    rng = np.random.default_rng(0)
    for index in range(count):
        x = rng.integers(0, 80, (48, 64, 3))
        y, z, colour = rng.integers(4, 30), rng.integers(4, 40), rng.integers(60, 176, 3)
        x[y : y + 14, z : z + 18] += colour
        path = folder / ("warm" if colour[0] > colour[2] else "cold") / f"{index:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x.astype(np.uint8)).save(path)
    (folder / "cold" / "näh 漢字.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def store(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished scan, made by the real command."""
    folder = tmp_path_factory.mktemp("made")
    ran = command("scan", "miniception", "--data", str(source), "--store", "s", *SMALL, folder=folder)
    assert ran.code == 0, ran
    assert ran.out.startswith("scan ")
    assert "160 pictures, 356 units of 3 layers of miniception" in ran.out
    assert "skipped cold/näh 漢字.jpg: " in ran.err
    return folder / "s"


def content(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def test_killed_at_random_moments_it_ends_at_the_same_bytes(source: Path, store: Path, tmp_path: Path) -> None:
    """kill -9, again and again, and the same command until it is done."""
    rng, kills = random.Random(5), 0
    words = [COMMAND, "scan", "miniception", "--data", str(source), "--store", "s", *SMALL, "--every", "0", "-q"]
    for attempt in range(12):
        running = subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        began = time.monotonic()
        late = 2 + rng.random() * 1.5
        while attempt < 4 and running.poll() is None:  # first as soon as it works, then at any moment
            took = time.monotonic() - began
            if list(tmp_path.rglob("parts/*")) if attempt == 0 else took > late:
                running.send_signal(signal.SIGKILL)
                break
            assert took < 60
        _, told = running.communicate(timeout=200)
        if running.returncode == 0:
            break
        assert running.returncode == -signal.SIGKILL, told
        kills += 1
    assert kills >= 1
    assert content(tmp_path / "s") == content(store)


def test_shards_and_merge(source: Path, store: Path, tmp_path: Path, here: Here) -> None:
    for shard, where in (("3/3", "b"), ("1/3", "a"), ("2/3", "b")):
        ran = here("scan", "miniception", "--data", str(source), "--store", where, *SMALL, "--shard", shard)
        assert ran.code == 0
        assert f"shard {shard} is done" in ran.out
    ran = here("merge", "b", "a", "--into", "whole")
    assert (ran.code, ran.out[:5]) == (0, "scan ")
    assert content(Path("whole")) == content(store)


def test_a_sheet_of_examples(store: Path, here: Here) -> None:
    ran = here("examples", str(store), "mixed4b:11", "-o", "e.png", "--explain", "deconv", "--json")
    assert ran.code == 0, ran
    data = json.loads(ran.out)
    assert data == record(Path("e.json"))
    assert [len(data[row]) for row in ("top", "bottom")] == [4, 4]
    values = [one["value"] for one in data["top"]]
    assert values == sorted(values, reverse=True)
    assert all(one["name"].split("/")[0] == one["label"] for one in data["top"])
    assert data["spectrum"][0]["level"] == "near zero"
    with Image.open("e.png") as sheet:
        assert len(sheet.convert("RGB").getcolors(10**6) or []) > 1000
    assert files(Path.cwd()) == ["e.json", "e.png"]
    assert here("examples", str(store), "logit:goldfish", "--crop", "--by", "mean", "-q").out == ""
    assert "miniception_examples-logit-goldfish.png" in files(Path.cwd())


def test_a_table_of_units(store: Path, here: Here) -> None:
    ran = here("units", str(store), "--layer", "mixed4b", "--sort", "max", "-o", "u.csv")
    assert "192 units: " in ran.out
    with open("u.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 192
    assert [float(row["max"]) for row in rows] == sorted((float(row["max"]) for row in rows), reverse=True)
    assert here("units", str(store), "--layer", "mixed4b", "--limit", "3").out.count("\n") == 5
    assert len(json.loads(here("units", str(store), "--layer", "logit", "--json").out)) == 100


def test_facets(store: Path, here: Here) -> None:
    ran = here("facets", str(store), "mixed4b:11", "--steps", "2", "--count", "2", "-o", "f.png")
    assert ran.code == 0, ran
    data = record(Path("f.json"))
    assert [facet["optimised"]["found"]["facet"]["number"] for facet in data["facets"]] == [1, 2]
    assert sum(facet["members"] for facet in data["facets"]) == data["pictures"]
    assert files(Path.cwd()) == ["f.json", "f.png"]


def test_a_record_says_where_it_lies_among_real_pictures(
    store: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the store named, and with that of the environment; without a scan nothing is said."""
    words = ("render", "miniception", "mixed4b:11", "--steps", "4", "-o", "r.png")
    assert record_of(here(*words))["evidence"]["natural"] is None
    ran = here(*words, "--store", str(store))
    found = record_of(ran)["evidence"]["natural"]
    assert found["pictures"] == 160
    assert found["statistic"] == "mean"
    assert found["value"] == pytest.approx(record(Path("r.json"))["score"]["clean"], rel=1e-5)
    assert found["ratio"] == pytest.approx(found["value"] / found["extreme"], abs=1e-3)
    assert f"above {found['percentile']:.4g} % of 160 real pictures" in ran.out
    monkeypatch.setenv("PHOSPHENE_STORE", str(store))
    assert record_of(here(*words))["evidence"]["natural"] == found
    here("render", "miniception-plain", "mixed4b:11", "--steps", "1", "-o", "p.png")
    assert record(Path("p.json"))["evidence"]["natural"] is None  # another network than was scanned
    here("render", "miniception", "mixed3a:5", "--steps", "1", "-o", "n.png")
    assert record(Path("n.json"))["evidence"]["natural"] is None  # a layer that was not scanned


def record_of(ran: Ran) -> Any:
    assert ran.code == 0, ran
    return record(Path("r.json"))


BAD = [
    (("scan", "miniception", "--data", "nowhere", "--store", "s"), "there is no file or folder nowhere"),
    (("scan", "miniception", "--data", "empty", "--store", "s"), "no pictures in empty"),
    (("scan", "miniception", "--data", "broken", "--store", "s"), "none of the 1 pictures"),
    (("scan", "miniception", "--data", "{source}", "--store", "file"), "the store file is a file"),
    (("scan", "miniception", "--data", "{source}", "--store", "what://x"), "the store what://x"),
    (("scan", "miniception", "--data", "{source}", "--store", "s", "--layers", "mixed9z"), "no layer 'mixed9z'"),
    (("scan", "miniception", "--data", "{source}", "--store", "s", "--layers", ","), "--layers is names or globs"),
    (("scan", "miniception", "--data", "{source}", "--store", "s", "--shard", "0/3"), "--shard is I/N"),
    (("scan", "miniception", "--data", "{source}", "--store", "s", "--batch", "0"), "batch must be a whole number"),
    (("scan", "miniception", "--data", "{source}", "--store", "s", "--limit", "-1"), "limit must be a whole number"),
    (("scan", "miniception", "--data", "{source}", "--store", "s", "--workers", "-1"), "workers must be a whole"),
    (("examples", "nowhere", "mixed4b:11"), "has no finished scan"),
    (("examples", "{store}", "mixed4b:192"), "192"),
    (("examples", "{store}", "mixed3a:1"), "the layer mixed3a was not scanned"),
    (("examples", "{store}", "mixed4b"), "a scan knows channels and classes"),
    (("examples", "{store}", "mixed4b:1 + mixed4b:2 + conv2:1"), "a scan knows channels and classes"),
    (("examples", "{store}", "logit:goldfisch"), "goldfish"),
    (("examples", "{store}", "mixed4b:1", "--by", "median"), "--by is max or mean"),
    (("examples", "{store}", "mixed4b:1", "--count", "5"), "the scan kept 4 pictures"),
    (("examples", "{store}", "mixed4b:1", "--explain", "salience"), "saliency"),
    (("examples", "{store}", "mixed4b:1", "--data", "broken"), "not those that were scanned"),
    (("examples", "{store}", "mixed4b:1", "--model", "miniception-plain"), "its weights differ"),
    (("examples", "{store}", "mixed4b:1", "--scan", "zz"), "no scan zz"),
    (("examples", "{store}", "mixed4b:1", "--steps", "3"), "add --optimised"),
    (("units", "{store}", "--sort", "densitty"), "closest: density"),
    (("units", "{store}", "--layer", "mixed5z"), "no scanned layer matches"),
    (("units", "{store}", "-o", "table.xlsx"), "written as .csv, .json, .parquet"),
    (("facets", "{store}", "mixed4b:1", "--count", "0"), "facets are 1 to 20"),
    (("facets", "{store}", "mixed4b:1", "--features", "mixed4z"), "no layer 'mixed4z'"),
    (("merge", "nowhere"), "no shards of a scan in nowhere"),
]


@pytest.mark.parametrize(("words", "reason"), BAD, ids=lambda value: " ".join(value[1:]) if len(value) < 9 else None)
def test_bad_input_is_one_reason(
    words: tuple[str, ...], reason: str, source: Path, store: Path, here: Here, folder: Path
) -> None:
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "a.png").write_bytes(b"x")
    (folder / "file").write_text("")
    before = files(folder)
    told = here(*(word.replace("{source}", str(source)).replace("{store}", str(store)) for word in words)).refused()
    assert reason in told, told
    assert set(files(folder)) - set(before) <= {"s"}  # no sheet, no table


def test_a_damaged_layer_is_named(store: Path, here: Here, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(store, tmp_path / "copy")
    (layer,) = (tmp_path / "copy").rglob("layers/mixed4b")
    data = bytearray(layer.read_bytes())
    data[len(data) // 2] ^= 1
    layer.write_bytes(data)
    assert "is damaged" in here("examples", str(tmp_path / "copy"), "mixed4b:1").refused()
    newer = next((tmp_path / "copy").rglob("scan.json"))
    newer.write_text(newer.read_text().replace('"version": 1', '"version": 99'))
    assert "of version 99" in here("units", str(tmp_path / "copy")).refused()


def test_ctrl_c_says_how_to_go_on(source: Path, tmp_path: Path) -> None:
    words = [COMMAND, "scan", "miniception", "--data", str(source), "--store", "s", "--workers", "2", "--every", "0"]
    running = subprocess.Popen(
        words, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    began = time.monotonic()
    while not list(tmp_path.rglob("parts/*")) and time.monotonic() - began < 100:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    if running.returncode == 0:
        pytest.skip("it was done before the signal came")
    assert running.returncode == 130
    assert "the same command goes on from there" in told
    assert "Traceback" not in told


def test_every_odd_picture_is_scanned_or_named(here: Here, folder: Path) -> None:
    """Whatever people have in a folder of photographs: it works, or one line says why not; no scan breaks off."""
    ordinary = photo()
    turned = Image.Exif()
    turned[0x0112] = 6
    good = {
        "a/plain.jpg": encoded(ordinary, "JPEG"),
        "a/16 bit.png": encoded(Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 20)),
        "a/cmyk.jpg": encoded(ordinary.convert("CMYK"), "JPEG"),
        "a/rgba.png": encoded(ordinary.convert("RGBA")),
        "a/animated.gif": encoded(ordinary, "GIF", save_all=True, append_images=[photo(seed=1)]),
        "b/turned.jpg": encoded(ordinary, "JPEG", exif=turned),
        "b/one.png": encoded(photo(1, 1)),
        "b/long.png": encoded(Image.new("RGB", (20000, 1), (200, 30, 30))),
        "b/näh 漢字 🙂.png": encoded(ordinary),
    }
    bad = {
        "b/bomb.png": png(50000, 50000, 8, 2, b""),
        "b/cut.jpg": encoded(ordinary, "JPEG")[:400],
        "b/text.jpg": b"this is no picture",
        "b/nothing.webp": b"",
    }
    written(folder / "photos", good | bad)
    words = ("scan", "miniception", "--data", "photos", "--store", "s", "--layers", "conv2", "--batch", "4")
    ran = here(*words, "--json")
    assert ran.code == 0, ran
    told = json.loads(ran.out)
    assert told["pictures"] == len(good)
    assert {name for _, name, _ in told["skipped"]} == set(bad)
    assert all(reason and "\n" not in reason for _, _, reason in told["skipped"])
    assert here("examples", "s", "conv2:3", "--count", "9", "-o", "e.png").code == 0
    labels = {one["label"] for one in record(Path("e.json"))["top"]}
    assert labels == {"a", "b"}


def test_a_decoder_that_is_killed_is_one_reason(source: Path, store: Path, tmp_path: Path) -> None:
    """As the system does when memory is short; what was saved is there, and the same command goes on."""
    words = [COMMAND, "scan", "miniception", "--data", str(source), "--store", "s", *SMALL, "--every", "0"]
    running = subprocess.Popen(
        [*words, "--workers", "1"], cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    began, killed = time.monotonic(), False
    while not killed and running.poll() is None and time.monotonic() - began < 100:
        with contextlib.suppress(psutil.NoSuchProcess):  # other children come and go
            for child in psutil.Process(running.pid).children():
                if "scan" in child.cmdline():  # a fork of the command itself
                    child.kill()
                    killed = True
        time.sleep(0.01)
    _, told = running.communicate(timeout=100)
    if not killed:
        pytest.skip("it was done before the process could be met")
    if running.returncode == 0:
        pytest.skip("the process had done its work already")
    assert running.returncode == 2
    assert "a process that decodes pictures died" in told
    assert "Traceback" not in told
    assert subprocess.run([*words, "-q"], cwd=tmp_path, stdin=subprocess.DEVNULL, timeout=200).returncode == 0
    assert content(tmp_path / "s") == content(store)
