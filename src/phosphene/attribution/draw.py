"""Maps as pictures, each scaled to its own range. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..result import Pixels

QUANTILE = 0.995  # of the magnitudes that are not zero: a few outliers would leave the rest dark


def reach(values: NDArray[np.float32]) -> float:
    """The magnitude that is drawn brightest; 0 for a map that is all zero."""
    sizes = np.abs(values[values != 0])
    return float(np.quantile(sizes, QUANTILE)) if sizes.size else 0.0


def drawn(signed: NDArray[np.float32], *, colours: bool = False) -> tuple[Pixels, float]:
    """``(c, h, w)`` as pixels, and the value that is drawn brightest.

    The largest magnitude among the colours, black where nothing is; or with ``colours`` the values themselves, grey
    where nothing is: .5 + value / (2 reach).
    """
    shown = signed if colours else np.abs(signed).max(0, keepdims=True)
    most = reach(shown)
    scaled = shown / most if most else np.zeros_like(shown)
    light = 0.5 + scaled / 2 if colours else scaled
    return (light.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0), most
