"""Commands on stores, as a user runs them: verify, compact, diff, sheet."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Ran, command, files, pixels
from PIL import Image
from store.shelf import LAYER, NETWORK, OTHER, everything, fill, job, put, record, shelf

from phosphene.store.ledger import Ledger
from phosphene.store.paths import record_of
from phosphene.store.place import Place

Here = Callable[..., Ran]


@pytest.fixture
def store(folder: Path) -> Ledger:
    return shelf(folder / "s")


def test_a_whole_store(store: Ledger, here: Here) -> None:
    ran = here("verify", "s")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("29 records, 38 pictures, ")
    assert ran.out.endswith(": whole\n")
    assert here("verify", "s", "-q") == Ran(0, "", "")
    found = json.loads(here("verify", "s", "--json").out)
    assert (found["whole"], found["records"], found["faults"]) == (True, 29, [])


def test_damage_is_told_put_aside_and_gone_the_next_time(store: Ledger, here: Here) -> None:
    names = [record_of(NETWORK, LAYER, name) for name in sorted(store.ids(NETWORK, LAYER))[:12]]
    for name in names:
        store.place.write(name, store.place.read(name)[:-30])
    dry = here("verify", "s", "--dry-run")
    assert dry.code == 1
    assert f"{names[0]}: its content does not fit its seal" in dry.out
    assert "quarantine" not in dry.out
    assert "and 2 more: --json" in dry.out
    assert all(store.place.has(name) for name in names)
    ran = here("verify", "s")
    assert ran.code == 1
    assert f"  now quarantine/{names[0]}" in ran.out
    assert ": 12 damaged" in ran.out
    assert not any(store.place.has(name) for name in names)
    again = here("verify", "s", "--prune")
    assert again.code == 0
    assert "that no record needs" in again.out
    assert "delete that first" in again.err


def test_pruning(store: Ledger, here: Here, folder: Path) -> None:
    store.place.write("objects/ab/" + "ab" * 16 + ".png", b"x")
    (folder / "s" / ".phosphene-1").write_bytes(b"half")
    assert here("verify", "s", "-q").code == 1  # its content does not fit its name
    (folder / "s" / "quarantine").rename(folder / "q")
    old = time.time() - 9999
    os.utime(folder / "s" / ".phosphene-1", (old, old))
    ran = here("verify", "s", "--prune")
    assert ran.code == 0
    assert "deleted 1 file of them (4 B)" in ran.out
    assert not (folder / "s" / ".phosphene-1").exists()


def test_packing(store: Ledger, here: Here) -> None:
    pytest.importorskip("pyarrow")
    known = everything(store)
    before = here("sheet", "s", "--layer", LAYER, "-o", "a.png")
    ran = here("compact", "s")
    assert ran.code == before.code == 0
    assert ran.out.startswith("2 layers: 29 records packed (29 were files of their own), 21 thumbnails")
    assert here("compact", "s").out == "everything is packed already\n"
    assert everything(Ledger(Place("s"))) == known
    assert here("verify", "s").code == 0
    here("sheet", "s", "--layer", LAYER, "-o", "b.png")
    assert pixels(Path("a.png")) == pixels(Path("b.png"))


def test_a_sheet(store: Ledger, here: Here) -> None:
    lines = [{"layer": LAYER, "units": [[0, 100]]}]
    store.plan({"id": "1", "fingerprint": NETWORK, "recipe": {"positive": True}, "lines": lines})
    assert here("sheet", "s", "--layer", LAYER).out == f"{LAYER}.png\n"
    with Image.open(f"{LAYER}.png") as paper:
        assert paper.width * paper.height > 100 * 128 * 128  # with those that are not made
    assert here("sheet", "s", "--layer", "logit", "--kind", "diverse", "--columns", "2").out == "logit_diverse.png\n"
    assert here("sheet", "s", "--layer", "logit", "--sort", "score", "-o", "x.png", "-q").out == ""
    assert files(Path.cwd()) == ["logit_diverse.png", f"{LAYER}.png", "s", "x.png"]


def test_differences(store: Ledger, here: Here, folder: Path) -> None:
    other = Ledger(Place("t"), write=True)
    fill(other, LAYER, range(4), network=OTHER)
    put(other, record(LAYER, 9, network=OTHER))
    ran = here("diff", "s", "t", "--layer", LAYER)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "first: fake abababab; second: fake cdcdcdcd"
    assert lines[1].split() == ["unit", "kind", "likeness", "first", "second"]
    assert lines[-1].startswith("18 pictures: 0 the same, 14 changed (likeness ")
    assert lines[-1].endswith(", 3 only in the first, 1 only in the second")
    rows = json.loads(here("diff", "s", "t", "--layer", LAYER, "--json", "--limit", "3").out)
    assert len(rows) == 3
    assert [row["likeness"] for row in rows] == sorted(row["likeness"] for row in rows)
    assert here("diff", "s", "t", "-o", "d.csv").code == 0
    with open("d.csv") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 31
    assert {row["state"] for row in table} == {"changed", "only first", "only second"}
    assert "d.png" in here("diff", "s", "t", "--layer", LAYER, "-o", "d.png", "--limit", "4").out
    with Image.open("d.png") as paper:
        assert len(paper.convert("RGB").getcolors(10**6) or []) > 500
    shutil.copytree("s", "u")
    same = "both: fake abababab, same weights\n30 pictures: 30 the same, 0 changed\n"
    assert here("diff", "s", "u").out == same


def made_in(ledger: Ledger, steps: int, layer: str = LAYER, channel: int = 1, **more: Any) -> None:
    spec = replace(job(layer, channel, steps=steps), **more)
    one = record(layer, channel, id=spec.id(NETWORK), spec=spec.to_dict(), steps=steps)
    put(ledger, one, seed=steps)


def test_differences_of_what_was_made_otherwise(here: Here, folder: Path) -> None:
    first, second = Ledger(Place("s"), write=True), Ledger(Place("t"), write=True)
    made_in(first, 8)
    made_in(first, 9)
    made_in(second, 30)
    made_in(first, 8, channel=2)
    made_in(second, 8, channel=2, redirect=3)
    lines = here("diff", "s", "t").out.splitlines()
    assert lines[0] == "both: fake abababab, same weights"
    rows = {line.split("  ")[0]: line for line in lines[2:-1] if "not there" not in line}
    assert rows[f"{LAYER}:1"].endswith("otherwise: 8 steps, 16 x 16; 30 steps, 16 x 16") or rows[f"{LAYER}:1"].endswith(
        "otherwise: 9 steps, 16 x 16; 30 steps, 16 x 16"
    )
    assert rows[f"{LAYER}:2"].count("8 steps, 16 x 16 (way ") == 2  # nothing that is shown tells them apart
    assert lines[-1] == (
        "3 pictures: 0 the same, 0 changed, 2 made otherwise (recipe, steps or size), 1 only in the first"
    )
    ran = here("diff", "s", "t", "--json")
    found = json.loads(ran.out)
    assert [row["state"] for row in found] == ["made otherwise", "made otherwise", "only first"]
    assert {row["steps_second"] for row in found} == {30, 8, None}
    assert "2 made otherwise" in ran.err


def test_differences_of_networks_with_other_layers(store: Ledger, here: Here) -> None:
    other = Ledger(Place("t"), write=True)
    fill(other, "conv1", range(2), network=OTHER)
    lines = here("diff", "s", "t").out.splitlines()
    assert lines[1] == f"they have no layer in common: the first has logit, {LAYER}, the second conv1"
    assert len(lines) == 3


def test_a_layer_that_only_one_network_has(here: Here, folder: Path) -> None:
    ledger = shelf("two", networks=(NETWORK, OTHER))
    put(ledger, record("conv1", 0, network=OTHER))
    assert here("sheet", "two", "--layer", "conv1").out == "conv1.png\n"
    assert "cdcdcdcd, same weights" in here("diff", "two", "two", "--layer", "conv1").out


BAD = [
    (("verify", "nowhere"), "there is no store nowhere"),
    (("verify", "s", "--dry-run", "--prune"), "leave out --prune"),
    (("compact", "nowhere"), "there is no store nowhere"),
    (("compact", "bare"), "has no pictures; make some"),
    (("sheet", "nowhere", "--layer", LAYER), "there is no store nowhere"),
    (("sheet", "bare", "--layer", LAYER), "has no pictures; make some"),
    (("sheet", "s", "--layer", "mixed4c"), "no pictures of the layer mixed4c; closest: mixed4b, logit"),
    (("sheet", "s", "--layer", LAYER, "--kind", "positve"), "no kind 'positve'; closest: positive"),
    (("sheet", "s", "--layer", LAYER, "--sort", "ranks"), "no order 'ranks'; closest: rank"),
    (("sheet", "s", "--layer", LAYER, "--columns", "0"), "--columns is 1 or more"),
    (("sheet", "s", "--layer", LAYER, "--network", "99"), "has no network 99; there is abababab (fake)"),
    (("sheet", "s", "--layer", LAYER, "-o", "a.jpg"), "call it a.png"),
    (("sheet", "s", "--layer", LAYER, "-o", "no/a.png"), "there is no folder no"),
    (("sheet", "two", "--layer", LAYER), f"has pictures of 2 networks with the layer {LAYER}; name one with --network"),
    (("sheet", "bare", "--layer", LAYER, "--sweep", "x"), "no sweep in bare"),
    (("diff", "s", "nowhere"), "there is no store nowhere"),
    (("diff", "s", "bare"), "has no pictures"),
    (("diff", "s", "two"), "name one with --network, by its beginning: abababab (fake), cdcdcdcd (fake)"),
    (("diff", "s", "s", "--layer", "mixed9"), "neither store has pictures of mixed9; closest: "),
    (("diff", "s", "s", "-o", "a.xlsx"), "written as .csv, .json, .png; call it a.csv"),
    (("diff", "s", "s", "-o", "a.png"), "nothing has changed"),
    (("diff", "s", "s", "--limit", "0"), "--limit is 1 or more"),
    (("diff", "s", "s", "--network", "a,b,c"), "--network is the beginning"),
]


@pytest.mark.parametrize(
    ("words", "reason"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else None
)
def test_bad_input_is_one_reason(words: tuple[str, ...], reason: str, store: Ledger, here: Here, folder: Path) -> None:
    Ledger(Place("bare"), write=True)
    if "two" in words:
        shelf("two", networks=(NETWORK, OTHER))
    before = files(folder)
    told = here(*words).refused()
    assert reason in told, told
    assert files(folder) == before


def test_the_installed_command(folder: Path) -> None:
    shelf(folder / "s")
    ran = command("verify", "s", folder=folder)
    assert ran.code == 0, ran
    assert ran.out.endswith("whole\n")
