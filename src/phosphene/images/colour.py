"""Decorrelated colour: optimise along the axes in which natural colours vary independently.

The matrix is the square root of the colour covariance of ImageNet that the Distill article on feature visualization
published (Olah 2017), divided by its largest column norm. Implied correlations: RG .914, RB .794, GB .909.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from ..errors import BadSpec
from ..shapes import Images

Colour = Literal["decorrelated", "plain"]

_SQRT = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


@lru_cache(maxsize=8)
def matrix(device: torch.device) -> Tensor:
    """``(3, 3)``: decorrelated -> colour, the largest column norm 1."""
    root = torch.tensor(_SQRT, device=device)
    made: Tensor = root / root.norm(dim=0).max()
    return made


def recorrelate(x: Images) -> Images:
    """Decorrelated -> RGB, both unbounded; a fourth channel is left alone."""
    return _mixed(matrix(x.device), x)


def decorrelate(x: Images) -> Images:
    """RGB -> decorrelated, the inverse of ``recorrelate``."""
    return _mixed(torch.linalg.inv(matrix(x.device)), x)


def _mixed(by: Tensor, x: Images) -> Images:
    if x.shape[1] == 3:
        return torch.einsum("rc,bchw->brhw", by, x)
    return torch.cat([torch.einsum("rc,bchw->brhw", by, x[:, :3]), x[:, 3:]], dim=1)


def check(colour: str, channels: int) -> Colour:
    """The colour space to use: only three channels can be decorrelated, others are plain."""
    if colour not in ("decorrelated", "plain"):
        raise BadSpec(f"colour is decorrelated or plain, not {colour!r}")
    return "plain" if channels != 3 or colour == "plain" else "decorrelated"
