"""README and docs are run: every command, every Python block, every link and picture."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from phosphene.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "training" / "README.md"])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str) -> list[str]:
    return [body for found, body in BLOCK.findall(page.read_text(encoding="utf-8")) if found == kind]


def commands(page: Path) -> list[list[str]]:
    lines = [line for body in blocks(page, "console") for line in body.splitlines()]
    return [shlex.split(line.removeprefix("$ phosphene ")) for line in lines if line.startswith("$ phosphene ")]


def shortened(words: list[str]) -> list[str]:
    """With few steps, unless it asks for frames of later ones."""
    if words[0] == "compare":
        return [*words, "--passes", "16"]
    few = ("render", "interpolate", "grid", "dream", "accentuate", "invert", "caricature")
    if words[0] == "scan":
        return [*words, "--batch", "16"]
    if words[0] == "sweep":
        return [*words, "--steps", "2"]
    optimises = words[0] in few or words[0] == "facets" or "--optimised" in words
    return [*words, "--steps", "2"] if optimises and not {"--timelapse", "--replay"} & set(words) else words


def world(folder: Path) -> None:
    """The drawn shapes that pages scan, fewer of them."""
    spec = importlib.util.spec_from_file_location("shapes", ROOT / "docs" / "pictures" / "shapes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(folder, 160)


WITH_COMMANDS = [page for page in PAGES if commands(page)]
WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_every_command_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, in one folder; the MobileNet's are skipped where it is not here."""
    monkeypatch.chdir(tmp_path)
    if any("shapes/" in words for words in commands(page)):
        world(tmp_path / "shapes")
    for words in commands(page):
        if any("shared/" in word for word in words):
            if not (ROOT.parent / "shared").is_dir():
                continue
            words = [word.replace("../shared", str(ROOT.parent / "shared")) for word in words]
        assert main(shortened(words)) == 0, " ".join(words)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_every_python_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "page"}
    for body in blocks(page, "python"):
        exec(compile(body, str(page), "exec"), space)
    assert "ph" in space


def test_pages_have_something_to_run() -> None:
    assert ROOT / "README.md" in WITH_COMMANDS
    assert ROOT / "README.md" in WITH_PYTHON


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
