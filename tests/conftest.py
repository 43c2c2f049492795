"""What all tests share. Shapes in annotations are checked at run time here, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

import phosphene.models.miniception.architecture  # noqa: F401  before the hook: it is traced, with symbols for tensors

install_import_hook("phosphene", "typecheck.check")  # before any test imports phosphene

torch.set_num_threads(int(os.environ.get("PHOSPHENE_TEST_THREADS", "2")))
settings.register_profile("phosphene", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("phosphene")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real network and the photographs; tests that use it skip where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the shared folder with the MobileNet and the photographs is not here")
    return SHARED
