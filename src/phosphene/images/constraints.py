"""Where a picture must stay: projections onto sets of pictures."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ..shapes import Images

Bound = Literal["sigmoid", "box", "free", "ball"]


def project(pictures: Images, bound: Bound, radius: float) -> Images:
    """The nearest picture in the box [0, 1] (``box``) or in the L2 ball of ``radius`` around zero (``ball``)."""
    if bound == "box":
        return pictures.clamp(0, 1)
    if bound == "ball":
        norm: Tensor = pictures.flatten(1).norm(dim=1)[:, None, None, None]
        return pictures * (radius / norm.clamp(min=1e-12)).clamp(max=1)
    return pictures
