"""``phosphene sweep`` as a user meets it: what it says, what it leaves, how it refuses, how it ends."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from e2e.command import files
from PIL import Image

from phosphene.cli.main import main

NET = """
import torch
from torch import nn

class Poison(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        alone = (gradient[:, 1] != 0) & (gradient[:, 0] == 0)  # not when memory is measured, with all at once
        if alone.any() and POISONED():
            raise RuntimeError("channel 1 cannot be looked at")
        return gradient

def POISONED():
    from pathlib import Path
    return not Path(__file__).with_name("cured").exists()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 3, 3)

    def forward(self, x):
        return Poison.apply(self.second(torch.relu(self.first(x)))).mean((2, 3))

def build():
    torch.manual_seed(0)
    return Net()
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    Path("exact.toml").write_text('[picture]\narithmetic = "exact"\n')  # the fast path would not run into the poison
    return tmp_path


SWEEP = [
    "sweep",
    "net.py:build",
    "--input-size",
    "3,16,16",
    "--store",
    "gallery",
    "--executor",
    "serial",
    "--steps",
    "2",
]


EXACT = ["--recipe", "exact.toml"]


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert main(list(words)) == code
    return capsys.readouterr()


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    out, err = said(capsys, *words, code=2)
    assert out == ""
    assert err.startswith("phosphene: ")
    assert len(err.rstrip("\n").split("\n")) <= 2, err
    assert "Traceback" not in err
    return err


def test_a_dry_run_says_what_it_takes_and_makes_nothing(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = said(capsys, *SWEEP, "--dry-run", "--layers", "first,second", "--units", "0:2")
    assert "left: 4 tasks, 4 pictures, about" in out
    assert "time: about" in out
    assert set(files(there)) - {"__pycache__"} == {"net.py", "exact.toml"}


def test_swept_looked_at_and_swept_again(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = said(capsys, *SWEEP, "--layers", "first")
    assert "4 made in" in out
    assert "first      4      4     4" in out
    out, _ = said(capsys, "status", "gallery")
    assert re.match(r"sweep \w{8}: net.py:build \w{8}, recipe default \(positive; 2 steps\), 4 of 4 made\n", out)
    (status,) = json.loads(said(capsys, "status", "gallery", "--json")[0])
    assert (status["tasks"], status["made"], status["left"], status["failures"]) == (4, 4, 0, [])
    assert said(capsys, *SWEEP, "--layers", "first")[0].endswith("0 made; 4 were there\n")
    record = next(Path("gallery/records").rglob("*.json"))
    assert main(["render", "--replay", str(record), "-o", "again.png", "-q"]) == 0
    name = json.loads(record.read_text())["payloads"]["picture"]["hash"]
    assert Path("again.png").read_bytes() == Path(f"gallery/objects/{name[:2]}/{name}.png").read_bytes()


def test_one_unit_cannot_be_made_then_it_can(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = said(capsys, *SWEEP, "--layers", "logit", *EXACT, code=3)
    assert "1 failed; why: phosphene status gallery; again: phosphene retry gallery" in out
    assert "failed: logit:1 (positive): net.py:build failed on a picture of 16 x 16" in err
    out, _ = said(capsys, "status", "gallery")
    assert "failed logit:1 (positive): net.py:build failed on a picture of 16 x 16" in out
    said(capsys, *SWEEP, "--layers", "logit", *EXACT, code=3)
    said(capsys, "retry", "gallery", "--executor", "serial", code=3)
    Path("cured").touch()
    assert "1 made" in said(capsys, "retry", "gallery", "--executor", "serial")[0]
    assert said(capsys, "retry", "gallery")[0] == "nothing failed in gallery\n"
    assert "0 made; 3 were there" in said(capsys, *SWEEP, "--layers", "logit", *EXACT)[0]


def test_one_sweep_of_several_is_looked_at_and_tried_again(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for steps in ("2", "3"):
        said(capsys, *SWEEP[:-1], steps, "--layers", "logit", *EXACT, code=3)
    first, second = (one["id"] for one in json.loads(said(capsys, "status", "gallery", "--json")[0]))
    assert said(capsys, "status", "gallery", "--sweep", second[:8])[0].startswith(f"sweep {second[:8]}: ")
    assert len(json.loads(said(capsys, "status", "gallery", "--json", "--sweep", second[:8])[0])) == 1
    for wrong, many in (("nowhere", "no sweep"), ("", "no sweep")):
        told = refused(capsys, "status", "gallery", "--sweep", wrong)
        assert f"the id of {many} in gallery begins with '{wrong}'; there are {first[:8]} (net.py:build, exact)" in told
    Path("cured").touch()
    assert "1 made" in said(capsys, "retry", "gallery", "--executor", "serial", "--sweep", second)[0]
    nothing = f"nothing failed in sweep {second[:8]} of gallery\n"
    assert said(capsys, "retry", "gallery", "--sweep", second)[0] == nothing
    left = json.loads(said(capsys, "status", "gallery", "--json")[0])
    assert {one["id"]: len(one["failures"]) for one in left} == {first: 1, second: 0}


def test_sweeps_stand_in_the_order_in_which_they_were_begun(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for steps in ("2", "3", "4"):
        said(capsys, *SWEEP[:-1], steps, "--layers", "first", "--units", "0")
    ids = sorted(path.stem for path in Path("gallery/sweeps").glob("*.json"))
    for order in (ids, ids[::-1]):
        for place, name in enumerate(order):
            when = time.time() - 1000 + place
            os.utime(f"gallery/sweeps/{name}.json", (when, when))
        assert [one["id"] for one in json.loads(said(capsys, "status", "gallery", "--json")[0])] == order


def test_a_sheet_of_one_sweep(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, *SWEEP, "--layers", "first")
    said(capsys, *SWEEP[:-1], "3", "--layers", "first", "--units", "0:2")
    found = {one["tasks"]: one["id"][:8] for one in json.loads(said(capsys, "status", "gallery", "--json")[0])}
    sheets = {}
    for tasks, name in found.items():
        said(capsys, "sheet", "gallery", "--layer", "first", "--sweep", name, "--columns", "1", "-o", f"{tasks}.png")
        with Image.open(f"{tasks}.png") as paper:
            sheets[tasks] = paper.height
    said(capsys, "sheet", "gallery", "--layer", "first", "--columns", "1", "-o", "usual.png")
    with Image.open("usual.png") as paper, Image.open("4.png") as own, Image.open("2.png") as few:
        assert sheets[2] < sheets[4] == own.height
        assert paper.crop((0, 40, *own.size)).tobytes() == own.crop((0, 40, *own.size)).tobytes()  # but for the title
        assert few.width == own.width
    for words, why in (
        (["--layer", "frist"], f"the sweep {found[2]} has no layer frist; closest: first"),
        (["--layer", "first", "--kind", "negative"], "no negative pictures of first"),
        (["--layer", "first", "--network", "zz"], f"the sweep {found[2]} is of the network "),
        (["--layer", "first", "--sweep", "zz"], "the id of no sweep in gallery begins with 'zz'"),
    ):
        assert why in refused(capsys, "sheet", "gallery", "--sweep", found[2], *words)


def test_units_that_are_not_there_are_told(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*words: str) -> str:
        return said(capsys, *SWEEP, "--dry-run", *words)[1]

    assert told("--layers", "first", "--units", "0:9") == "first has 4 units; 4 to 8 are not there\n"
    assert told("--layers", "first,second", "--units", "3,5") == (
        "first has 4 units; 5 is not there; 1 other layer lacks some, too\n"
    )
    assert told("--layers", "first", "--units", "0:9", "-q") == ""
    assert told("--layers", "first", "--units", "0:4") == ""
    assert said(capsys, *SWEEP, "--layers", "first", "--units", "3:9")[1].startswith("first has 4 units; 4 to 8 are")


def test_a_retry_that_cannot_begin_loses_no_failure(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, *SWEEP, "--layers", "first,logit", *EXACT, code=3)
    failed = files(next(Path("gallery/failed").glob("*/*")))
    assert "nothing answers" in refused(capsys, "retry", "gallery", "--executor", "ray", "--address", "127.0.0.1:9")
    assert files(next(Path("gallery/failed").glob("*/*"))) == failed
    assert "no sweep in gallery has the layer frist" in refused(capsys, "retry", "gallery", "--layer", "frist")
    assert said(capsys, "retry", "gallery", "--layer", "first")[0] == "nothing failed in gallery in the layer first\n"
    Path("cured").touch()
    Path("gallery/sweeps/0.json").write_text("{}")  # a plan that cannot be read keeps nobody from the others
    out, err = said(capsys, "retry", "gallery", "--executor", "serial")
    assert "1 made" in out
    assert "left out: sweeps/0.json is damaged" in err
    assert not any(Path("gallery/failed").rglob("*.json"))


def test_what_fails_again_is_tried_to_the_last(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A retry of many that still cannot be made does not stop at the first few."""
    net = NET.replace("nn.Conv2d(4, 3, 3)", "nn.Conv2d(4, 13, 3)")
    net = net.replace("gradient[:, 1] != 0", "gradient[:, 1:] != 0")
    net = net.replace("(gradient[:, 0] == 0)", "(gradient[:, :1] == 0)")
    Path("net.py").write_text(net)
    said(capsys, *SWEEP, "--layers", "first,logit", *EXACT, "--tries", "1", code=3)
    out, _ = said(capsys, "retry", "gallery", "--executor", "serial", "--tries", "1", code=3)
    assert "12 failed" in out
    assert len(json.loads(said(capsys, "status", "gallery", "--json")[0])[0]["failures"]) == 12


def test_a_line_of_json_for_everything(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = said(capsys, *SWEEP, "--layers", "first,logit", "--log-json", *EXACT, code=3)
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0]["event"] == "begin"
    assert events[-1] | {"event": "end", "done": 7, "total": 7, "failed": 1, "ended": "done"} == events[-1]
    made = [(one["layer"], channel) for one in events if one["event"] == "made" for channel in one["channels"]]
    assert sorted(made) == [("@output", 0), ("@output", 2), *(("first", n) for n in range(4))]
    assert any("channel 1 cannot be looked at" in one["error"] for one in events if one["event"] == "failed")
    assert "1 failed; why" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--layers", "frist"], "first"),
        (["--layers", "*z"], "no layer of net.py:build matches '*z'"),
        (["--types", "attention"], "closest: "),
        (["--units", "4:2"], "0:24,31"),
        (["--units", "90:99"], "the widest, first, has 0 to 3"),
        (["--recipe", "defualt"], "closest: default"),
        (["--recipe", "mine.toml"], "cannot read the recipe mine.toml"),
        (["--recipe", "full"], "--data"),
        (["--limit", "0"], "limit must be"),
        (["--shard", "3/2"], "1/4 to 4/4"),
        (["--steps", "0"], "steps"),
        (["--workers", "0"], "workers are 1 or more"),
        (["--batch", "0"], "batch"),
        (["--tries", "0"], "once or more"),
        (["--executor", "slurm"], "serial, processes or ray"),
        (["--num-gpus-per-worker", "1"], "--executor ray"),
        (["--data", "nowhere/"], "nowhere"),
        (["--store", "net.py"], "is a file; name a folder"),
        (["--store", "nope://x"], "cannot open the store"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    there: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert why in refused(capsys, *SWEEP, *words)
    assert not Path("gallery/sweeps").exists()


def test_commands_on_what_is_no_store(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["status"], ["retry"], ["verify"], ["compact"]):
        assert "there is no store nowhere" in refused(capsys, *words, "nowhere")
    assert not Path("nowhere").exists()
    Path("others/sweeps").mkdir(parents=True)
    Path("others/sweeps/theirs.json").write_text("{}")
    other = "others is no store: it has no phosphene.json, but other things; name another folder"
    assert other in refused(capsys, "verify", "others")
    assert "the store net.py is a file; name a folder" in refused(capsys, "status", "net.py")
    Path("empty").mkdir()
    assert "make one: phosphene sweep MODEL --store empty" in refused(capsys, "status", "empty")
    assert Path("others/sweeps/theirs.json").exists()
    Path("gallery").mkdir()
    Path("gallery/phosphene.json").write_text('{"format": 2}')
    assert "update phosphene" in refused(capsys, "status", "gallery")
    assert "update phosphene" in refused(capsys, *SWEEP)


def test_recipes_are_listed_and_are_files(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "recipes")[0].startswith("default ")
    text, _ = said(capsys, "recipes", "draft")
    Path("mine.toml").write_text(text.replace('"draft"', '"fast"'))
    out, _ = said(capsys, *SWEEP, "--recipe", "mine.toml", "--layers", "first", "--dry-run")
    assert "recipe mine: positive; 16 x 16 pixels, 2 steps" in out
    Path("mine.toml").write_text("[make]\npositiv = true\n")
    assert "closest: positive" in refused(capsys, *SWEEP, "--recipe", "mine.toml")
