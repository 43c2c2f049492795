"""Terminals, pipes and what is imported when."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e.command import COMMAND, files

import phosphene

HEAVY = ["PIL", "numpy", "safetensors", "torch", "torchvision", "tqdm"]


@contextmanager
def closed_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals on this system")
def test_on_a_terminal_there_is_a_bar_with_the_score(tmp_path: Path) -> None:
    master, slave = os.openpty()
    words = ("render", "miniception", "conv2:3", "--steps", "16", "-o", "a.png")
    process = subprocess.Popen([COMMAND, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # Linux says so when the other side has left
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    text = shown.decode()
    assert "\r" in text
    assert "score " in text
    assert "16/16" in text
    assert "100%" in text
    assert b"picture a.png" in out


@pytest.mark.parametrize("words", [("models",), ("--help",), ("layers", "--help")])
def test_a_closed_pipe_is_no_error(words: tuple[str, ...]) -> None:
    with closed_pipe() as nowhere:
        done = subprocess.run([COMMAND, *words], stdout=nowhere, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_nobody_listening_does_not_cost_the_picture(tmp_path: Path) -> None:
    words = ("render", "miniception", "conv2:3", "--steps", "8", "-o", "a.png")
    with closed_pipe() as nowhere:
        done = subprocess.run([COMMAND, *words], cwd=tmp_path, stdout=nowhere, stderr=nowhere, timeout=60)
    assert done.returncode == 0
    assert files(tmp_path) == ["a.json", "a.png"]


def imported(code: str) -> list[str]:
    """The heavy packages that a fresh Python has loaded after some code."""
    code = f"import sys\n{code}\nsys.stderr.write(' '.join(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stderr.split()


def test_importing_phosphene_is_light() -> None:
    assert imported("import phosphene; dir(phosphene)") == []
    assert "torch" in imported("import phosphene; phosphene.render")  # so the check above can see it


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["render", "--help"], ["layers", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = f"from phosphene.cli.main import main\ntry: main({words})\nexcept SystemExit: pass"
    assert imported(code) == []


def test_a_slip_is_told_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    slips = "[[], ['rendr'], ['render'], ['render', 'a', 'b', '-o', 'x.jpg'], ['render', 'a', 'b', '--size', '0']]"
    code = f"import io; from phosphene.cli.main import main\nsys.stderr, real = io.StringIO(), sys.stderr\n\
for words in {slips}: assert main(words) == 2\nsys.stderr = real"
    assert imported(code) == []


def test_the_public_names() -> None:
    assert phosphene.__all__ == sorted(
        phosphene.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    assert set(phosphene.__all__) == {
        "Adam",
        "Aligned",
        "Blur",
        "Boundary",
        "Caricature",
        "Chain",
        "Channel",
        "Cppn",
        "Crop",
        "Direction",
        "Fourier",
        "Invert",
        "Jitter",
        "L1",
        "L2",
        "Latent",
        "Layer",
        "Logit",
        "Maco",
        "NAdam",
        "Near",
        "Network",
        "Neuron",
        "Opacity",
        "Pad",
        "PhospheneError",
        "Recipe",
        "Pixel",
        "Probability",
        "Pyramid",
        "Result",
        "Rotate",
        "SGD",
        "Scale",
        "Scan",
        "Stopped",
        "SweepStopped",
        "TotalVariation",
        "Where",
        "accentuate",
        "caricature",
        "compare",
        "decoder",
        "diverse",
        "dream",
        "examples_of",
        "explain",
        "facets",
        "grid",
        "interpolate",
        "invert",
        "load",
        "merge",
        "network_of",
        "open_scan",
        "render",
        "render_batch",
        "replay",
        "scan",
        "sweep",
        "units_of",
    }  # fmt: skip
    assert all(getattr(phosphene, name) is not None for name in phosphene.__all__)
    with pytest.raises(AttributeError, match="no attribute 'renderr'"):
        _ = phosphene.renderr
