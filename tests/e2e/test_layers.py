"""``phosphene layers``: what a position sees, where the graph tells and where it is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.command import Ran

Here = Callable[..., Ran]

# Layers 0 and 1 see 3 by 3 pixels, and the graph loses them at the permutation; 3 sees all, 4 and 5 have no positions.
NET = """
import torch
from torch import nn

class Last(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)

class Mean(nn.Module):
    def forward(self, x):
        return x + x.mean((1, 2), keepdim=True)

class Cut(nn.Module):
    def forward(self, x):
        return x.detach()

def build():
    torch.manual_seed(0)
    parts = nn.Conv2d(3, 5, 3), Last(), nn.Linear(5, 4), Mean(), Cut(), nn.Flatten(), nn.Linear(400, 3)
    return nn.Sequential(*parts), {"input_size": (3, 12, 12)}
"""


@pytest.fixture(autouse=True)
def net(folder: Path) -> None:
    (folder / "net.py").write_text(NET)


def told(text: str) -> dict[str, str]:
    return {line.split()[0]: line.split()[4] for line in text.splitlines()[3:] if len(line.split()) == 6}


def test_what_nobody_knows_is_not_called_whole(here: Here) -> None:
    ran = here("layers", "net.py:build")
    assert told(ran.out) == {
        "layer": "sees", "0": "3x3", "1": "?", "2": "?", "3": "?", "4": "?", "5": "whole", "6": "whole",
    }  # fmt: skip
    assert ran.out.splitlines()[-1] == "?: the graph does not tell what a position sees; --measure does"


def test_what_the_graph_does_not_tell_is_measured(here: Here) -> None:
    ran = here("layers", "net.py:build", "--measure")
    assert told(ran.out) == {
        "layer": "sees", "0": "3x3", "1": "3x3", "2": "3x3", "3": "whole", "4": "?", "5": "whole", "6": "whole",
    }  # fmt: skip
    assert "--measure" not in ran.out


def test_where_all_is_known_nothing_is_hinted_at(here: Here) -> None:
    assert "--measure" not in here("layers", "net.py:build", "--match", "[056]").out


def test_fields_as_json(here: Here) -> None:
    def fields(*words: str) -> list[tuple[list[int] | None, bool]]:
        data = json.loads(here("layers", "net.py:build", "--json", *words).out)
        return [(layer["field"], layer["measured"]) for layer in data["layers"]]

    known, none = ([3, 3], False), (None, False)
    assert fields() == [known, *[none] * 6]
    assert fields("--measure") == [known, ([3, 3], True), ([3, 3], True), ([12, 12], True), (None, True), none, none]
    data = json.loads(here("layers", "net.py:build", "--json").out)
    assert data["layers"][0]["reach"] == {"low": [0, 0], "high": [2, 2], "step": [1, 1], "whole": False}
