"""Wrong turns: one reason, what was seen, what to do; exit code 2; nothing written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Ran, command, files

import phosphene.front
import phosphene.produce

Here = Callable[..., Ran]
UNIT = ("render", "miniception", "mixed4b:11", "--steps", "1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "minception", "mixed4b:11"), ["no model 'minception'", "miniception", "phosphene models"]),
        (("layers", "minception"), ["no model 'minception'", "miniception", "phosphene models"]),
        (("render", "miniception", "mixd4b:11"), ["no layer 'mixd4b'", "closest: mixed4b, ", "phosphene layers"]),
        (("render", "miniception", "logit:goldfsh"), ["no class 'goldfsh'", "closest: goldfish, "]),
        (("render", "miniception", "logit:100"), ["no class 100", "0 to 99"]),
        (("render", "miniception", "mixed4b:192"), ["mixed4b:192 does not exist", "192 channels, 0 to 191"]),
        (("render", "miniception", "mixed4b:190..999"), ["mixed4b:192 does not exist", "0 to 191"]),
        (("render", "miniception", "mixed4b:1@9,0"), ["mixed4b:1@9,0 does not exist", "8 x 8"]),
        (("render", "miniception", "mixed4b:no.npy"), ["no.npy", "there is no such file", "random#SEED"]),
        (("render", "miniception", "mixed4b:²"), ["from ²", "a channel's number", "random#SEED"]),
        (("render", "no.py:build", "a:1"), ["no file no.py"]),
        (("render", "miniception"), ["needs a model and a target", "mixed4b:11"]),
        (("render",), ["needs a model and a target"]),
        ((), ["which command?", "--help"]),
        (("rendr", "miniception"), ["no command 'rendr'", "closest: render", "--help"]),
        (("miniception", "mixed4b:11"), ["no command 'miniception'", "--help"]),
        ((*UNIT, "--stps", "3"), ["no option --stps", "closest: --steps", "--help"]),
        (("render", "miniception", "mixed4b:11", "+", "mixed4b:12"), ["'+' is a word too many", "quotes"]),
        (("render", "miniception", "-mixed4b:11"), ["no option -mixed4b:11", "put a space before it"]),
        ((*UNIT, "--size", "0"), ["--size", "from 1 up", "'0'"]),
        ((*UNIT, "--size=-5"), ["--size", "from 1 up", "'-5'"]),
        ((*UNIT, "--size", "big"), ["--size", "HEIGHTxWIDTH", "'big'"]),
        ((*UNIT, "--size", "64x64x64"), ["--size", "HEIGHTxWIDTH"]),
        ((*UNIT, "--steps", "0"), ["steps", "from 1 up", "0"]),
        ((*UNIT, "--steps", "many"), ["--steps", "a whole number", "'many'", "--help"]),
        ((*UNIT, "--lr", "0"), ["lr", "above 0", "0"]),
        ((*UNIT, "--lr", "nan"), ["lr", "finite", "nan"]),
        ((*UNIT, "--lr=-1"), ["lr", "above 0", "-1"]),
        ((*UNIT, "--lr", "fast"), ["--lr", "a number", "'fast'"]),
        ((*UNIT, "--seed=-1"), ["seed", "from 0 up", "-1"]),
        ((*UNIT, "--transform", "lucd"), ["no transform", "'lucd'", "closest: lucid"]),
        ((*UNIT, "--image", "furier"), ["no image 'furier'", "closest: fourier"]),
        ((*UNIT, "--colour", "grey"), ["colour", "decorrelated or plain", "'grey'"]),
        ((*UNIT, "--device", "gpu"), ["no device 'gpu'", "cuda"]),
        ((*UNIT, "--device", "meta"), ["meta is not there", "cpu"]),
        ((*UNIT, "--timelapse", "0,2"), ["step 2", "0 to 1"]),
        ((*UNIT, "--timelapse", "often"), ["--timelapse", "whole numbers", "'often'"]),
        ((*UNIT, "--input-size", "3,64"), ["--input-size", "3,224,224", "3,64"]),
        ((*UNIT, "--mean", "1,2"), ["mean has 2 values for 3 channels"]),
        ((*UNIT, "-o", "no/unit.png"), ["no folder no", "make it first"]),
        ((*UNIT, "-o", "/dev/null/unit.png"), ["/dev/null is a file, not a folder"]),
        ((*UNIT, "-o", "/proc/unit.png"), ["/proc takes no new files", "choose another"]),
        ((*UNIT, "-o", "unit.jpg"), ["PNG", "call it unit.png"]),
        ((*UNIT, "-o", "unit"), ["PNG", "call it unit.png"]),
        ((*UNIT, "-o", ".png"), ["PNG", "call it unit.png"]),
        ((*UNIT, "-o", "."), ["it is a folder", "such as unit.png"]),
        ((*UNIT, "-o", ""), ["it is a folder"]),
        ((*UNIT, "-o", "/tmp"), ["it is a folder", "such as /tmp/unit.png"]),
        ((*UNIT, "-o", "a" * 300 + ".png"), ["file name too long"]),
        ((*UNIT, "--start", "no.png"), ["no.png", "no such file"]),
        ((*UNIT, "--start", "/dev"), ["/dev", "directory"]),
        (("render", "--replay", "no.json"), ["no.json", "no such file"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_reason_and_a_way_out(here: Here, folder: Path, words: tuple[str, ...], says: list[str]) -> None:
    reason = here(*words).refused()
    assert all(part in reason for part in says), reason
    assert files(folder) == []


@pytest.mark.parametrize(
    ("target", "under"),
    [
        ("mixed4b:", "^ends"),
        ("mixed4b:11 +", "^ends"),
        ("mixed4b:11 mixed4b:12", "mixed4b:12"),
        ("2*(a:1)", "("),
        ("mixed4b:-3", "-3"),
        ('logit:"gold', '"gold'),
        ("mixed4b:11@x", "x"),
        ("mixed4b:1 + mixed4b:11@3", "3"),
        ("mixed4b:11[foo]", "foo"),
        ("mixed4b:11[", "^ends"),
        ("mixed4b:11]", "]"),
        ("", "^ends"),
        ("mixed4b:5..3", "5..3"),
        ("mixed4b:1,5..3", "5..3"),
        ("mixed4b:1..", "^ends"),
        ("conv1:1..3 + mixed4b:5..6", "5..6"),
        ("mixed4b:0..999999999", "0..999999999"),
        ("1e999*mixed4b:1", "1e999"),
        ("mixed4b:random", "random"),
        ("mixed4b:(1,x)", "(1,x)"),
        ("mixed4b:random#1[power=two]", "power=two"),
        ("mixed4b:1 - 0.1*tv[power=nan]", "power=nan"),
        ("mixed4b:1\n+ a:", "^ends"),
        ("mixed4b:1 + logit", "logit"),
    ],
)
def test_a_caret_stands_under_the_place(here: Here, folder: Path, target: str, under: str) -> None:
    reason = here("render", "miniception", target).refused()
    first, text, caret = reason.rstrip("\n").split("\n")
    assert first.startswith("phosphene: cannot read the target: ")
    assert text == "  " + target.replace("\n", " ")
    place = len(target) if under == "^ends" else target.rindex(under)
    assert caret == "  " + " " * place + "^"
    assert files(folder) == []


def forbidden(*_: Any, **__: Any) -> None:
    raise AssertionError("memory was asked for")


@pytest.mark.parametrize("more", [(), ("--start", "photo.png")])
def test_a_picture_larger_than_memory_is_refused_before_any_is_taken(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr(phosphene.produce, "restart", forbidden)
    monkeypatch.setattr(phosphene.front, "picture_tensor", forbidden)
    reason = here(*UNIT, "--size", "200000", *more).refused()
    assert "200000 x 200000" in reason
    assert reason.count("GiB") == 2
    assert "smaller --size" in reason


def test_a_start_photo_that_is_none(here: Here, folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    assert "no picture" in here(*UNIT, "--start", str(text)).refused()
    whole = tmp_path / "whole.png"
    from PIL import Image

    Image.effect_noise((64, 64), 50).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:1000])
    assert "cannot read the start picture" in here(*UNIT, "--start", str(cut)).refused()
    assert files(folder) == []


def test_an_output_that_is_a_folder_is_found_before_the_work(
    here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phosphene.front, "load", forbidden)
    for name in ("unit.png", "unit.json", "unit.timelapse.png"):
        Path(name).mkdir()
        assert "it is a folder" in here(*UNIT, "-o", "unit.png", "--timelapse", "0").refused()
        Path(name).rmdir()


def test_a_read_only_folder_is_found_before_the_work(here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(phosphene.front, "load", forbidden)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert "takes no new files (read-only file system)" in here(*UNIT, "-o", "unit.png").refused()


@pytest.fixture
def made(here: Here, folder: Path) -> dict[str, Any]:
    assert here("render", "miniception", "conv2:3", "--steps", "1", "-o", "good.png").code == 0
    data: dict[str, Any] = json.loads((folder / "good.json").read_text())
    return data


def change(data: dict[str, Any], path: str, value: Any) -> None:
    *most, last = path.split(".")
    for key in most:
        data = data[key]
    data[last] = value


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("spec.recipe", 99, "recipe 99"),
        ("spec.recipe", None, "recipe None"),
        ("spec.extra", 1, "unknown keys"),
        ("spec.model.extra", 1, "extra"),
        ("spec.model", 5, "cannot be read"),
        ("spec.image", {}, "no name"),
        ("spec.image.name", "furier", "closest: fourier"),
        ("spec.image.extra", 1, "no option 'extra'"),
        ("spec.image.sd", -1, "sd must be"),
        ("spec.image.size", None, "no size"),
        ("spec.transform", [5], "no name"),
        ("spec.steps", 0, "steps must be"),
        ("spec.target", "conv2:", "cannot read the target"),
        ("spec", None, "no spec"),
        ("frames", [{}], "frames cannot be read"),
        ("fingerprint", "0" * 32, "other weights"),
    ],
)
def test_an_edited_record_is_refused(
    here: Here, folder: Path, made: dict[str, Any], path: str, value: Any, says: str
) -> None:
    change(made, path, value)
    Path("edited.json").write_text(json.dumps(made))
    assert says in here("render", "--replay", "edited.json").refused()
    assert files(folder) == ["edited.json", "good.json", "good.png"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", b'{"id": "e8', "damaged"),
        ("a.json", b"", "damaged"),
        ("a.json", b"[1, 2]", "no phosphene records"),
        ("a.json", b"{}", "no spec"),
        ("a.jsonl", b"\n", "no phosphene records"),
        ("a.jsonl", b'{"id": 1}\n{"id', "damaged"),
        ("a.png", b"\x89PNG\r\n\xff", "did you mean a.json?"),
    ],
)
def test_a_damaged_record_is_refused(here: Here, folder: Path, name: str, content: bytes, says: str) -> None:
    Path(name).write_bytes(content)
    assert says in here("render", "--replay", name).refused()
    assert files(folder) == [name]


def test_the_real_command_refuses_in_the_same_way(tmp_path: Path) -> None:
    ran = command("render", "miniception", "mixed4b:11 mixed4b:12", folder=tmp_path)
    assert ran.refused().endswith("\n  mixed4b:11 mixed4b:12\n             ^\n")
    assert os.listdir(tmp_path) == []
