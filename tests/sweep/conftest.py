"""What the tests of sweeps share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jaxtyping import config


@pytest.fixture
def unchecked() -> Iterator[None]:
    """What users have: nobody checks types before we do."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
