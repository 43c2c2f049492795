"""Pictures made by the real command, and what lies beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e.command import Ran, command, files, pixels, record

RECORD = {
    "id", "model", "fingerprint", "target", "status", "seed", "size", "steps", "seconds", "score", "evidence", "spec",
    "versions",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def unit(place: Path) -> Ran:
    return command("render", "miniception", "mixed4b:11", "-o", "unit.png", "--steps", "8", folder=place)


@pytest.fixture(scope="module")
def layer(place: Path) -> Ran:
    return command(
        "render", "miniception", "mixed4b:0..63", "-o", "layer.png", "--steps", "1", "--size", "16", folder=place
    )


def test_one_unit_gives_a_picture_and_its_record(place: Path, unit: Ran) -> None:
    assert unit.code == 0
    assert pixels(place / "unit.png")[:2] == ("RGB", (64, 64))
    told = record(place / "unit.json")
    assert set(told) >= RECORD
    assert (told["model"], told["target"], told["seed"], told["steps"]) == ("miniception", "mixed4b:11", 0, 8)
    assert (told["status"], told["size"], told["partial"]) == ("ok", [64, 64], False)
    assert told["score"]["clean"] > told["score"]["start"]
    assert set(told["score"]) >= {"start", "clean", "robust"}
    assert 1 <= told["evidence"]["rank"] <= told["evidence"]["siblings"] == 192
    assert 0 <= told["evidence"]["high_frequency"] <= 1
    assert 0 <= told["evidence"]["redirected"] <= told["steps"]
    assert set(told["versions"]) >= {"phosphene", "torch", "python"}


def test_the_records_spec_leaves_no_default_unsaid(place: Path, unit: Ran) -> None:
    assert unit.code == 0
    spec = record(place / "unit.json")["spec"]
    assert spec["image"] == {
        "name": "fourier", "size": [64, 64], "channels": 3, "colour": "decorrelated", "bound": "sigmoid",
        "radius": 1.0, "sd": 0.01, "opacity": False, "power": 1.0,
    }  # fmt: skip
    assert [step["name"] for step in spec["transform"]] == ["pad", "jitter", "scale", "rotate", "jitter"]
    assert spec["optimizer"] == {"name": "adam", "lr": 0.2, "betas": [0.3, 0.9], "eps": 1e-08, "decay": "linear"}
    assert (spec["steps"], spec["seed"], spec["redirect"], spec["robust"], spec["start"]) == (8, 0, 16, 16, None)
    assert spec["arithmetic"] in ("fp32", "bf16")


def test_the_command_says_where_the_picture_is_and_how_good(unit: Ran) -> None:
    assert unit.out.splitlines()[-1] == "picture unit.png  record unit.json"
    assert "mixed4b:11  ok  start " in unit.out
    assert " of 192" in unit.out


def test_without_a_terminal_the_wait_is_a_few_plain_lines(unit: Ran) -> None:
    lines = unit.err.splitlines()
    assert 1 <= len(lines) <= 8
    assert lines[-1].startswith("step 8/8  score ")
    assert "\r" not in unit.err


def test_a_replay_is_the_same_picture_and_quiet_says_nothing(place: Path, unit: Ran) -> None:
    assert unit.code == 0
    ran = command("render", "--replay", "unit.json", "--quiet", folder=place)
    assert ran == Ran(0, "", "")
    assert (place / "unit.again.png").read_bytes() == (place / "unit.png").read_bytes()
    first, again = record(place / "unit.json"), record(place / "unit.again.json")
    assert {**first, "seconds": 0} == {**again, "seconds": 0}


def test_many_units_give_a_sheet_and_a_line_each(place: Path, layer: Ran) -> None:
    assert layer.code == 0
    assert layer.out.splitlines()[-1] == "sheet layer.png  record layer.jsonl"
    told = [json.loads(line) for line in (place / "layer.jsonl").read_text().splitlines()]
    assert [one["target"] for one in told] == [f"mixed4b:{unit}" for unit in range(64)]
    assert len({one["id"] for one in told}) == 64
    assert all(set(one) >= RECORD for one in told)
    assert not (place / "layer.json").exists()
    mode, (width, height), _ = pixels(place / "layer.png")
    assert mode == "RGB"
    assert 0.5 < width / height < 2  # in rows and columns, not one long strip


def test_many_units_are_one_batch(layer: Ran) -> None:
    assert layer.err.splitlines() == [layer.err.strip()]
    assert layer.err.startswith("pictures 1-64 of 64  step 1/1")


def test_a_class_gets_a_name_of_its_own_and_a_json_record(tmp_path: Path) -> None:
    ran = command("render", "miniception", "logit:goldfish", "--steps", "1", "--json", folder=tmp_path)
    assert ran.code == 0
    assert files(tmp_path) == ["miniception_logit-goldfish.json", "miniception_logit-goldfish.png"]
    assert json.loads(ran.out) == record(tmp_path / "miniception_logit-goldfish.json")
    assert "picture miniception_logit-goldfish.png" in ran.err


def test_a_users_own_network(shared: Path, tmp_path: Path) -> None:
    network = f"{shared}/models/mobilenet_v1_075.py:build"
    words = ("blocks.7.pointwise_relu:100", "--size", "64", "--steps", "1", "-o", "own.png")
    ran = command("render", network, *words, folder=tmp_path)
    assert ran.code == 0, ran.err
    assert pixels(tmp_path / "own.png")[1] == (64, 64)
    assert record(tmp_path / "own.json")["model"] == network
