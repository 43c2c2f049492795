"""phosphene: see what any unit of any vision network responds to, and how far the picture can be trusted.

>>> import phosphene as ph
>>> result = ph.render("miniception", "mixed4b:11", steps=4)
>>> result.image.size
(64, 64)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .again import replay as replay
    from .errors import PhospheneError as PhospheneError
    from .front import load as load
    from .front import render as render
    from .front import render_batch as render_batch
    from .images import Fourier as Fourier
    from .images import Pixel as Pixel
    from .models.network import Network as Network
    from .objectives import L1 as L1
    from .objectives import L2 as L2
    from .objectives import Channel as Channel
    from .objectives import Direction as Direction
    from .objectives import Layer as Layer
    from .objectives import Logit as Logit
    from .objectives import Neuron as Neuron
    from .objectives import Probability as Probability
    from .objectives import TotalVariation as TotalVariation
    from .optimizers import SGD as SGD
    from .optimizers import Adam as Adam
    from .produce import Stopped as Stopped
    from .result import Result as Result
    from .transforms import Chain as Chain
    from .transforms import Crop as Crop
    from .transforms import Jitter as Jitter
    from .transforms import Pad as Pad
    from .transforms import Rotate as Rotate
    from .transforms import Scale as Scale

_HOME = {
    "Adam": "optimizers",
    "Chain": "transforms",
    "Channel": "objectives",
    "Crop": "transforms",
    "Direction": "objectives",
    "Fourier": "images",
    "Jitter": "transforms",
    "L1": "objectives",
    "L2": "objectives",
    "Layer": "objectives",
    "Logit": "objectives",
    "Network": "models.network",
    "Neuron": "objectives",
    "Pad": "transforms",
    "PhospheneError": "errors",
    "Pixel": "images",
    "Probability": "objectives",
    "Result": "result",
    "Rotate": "transforms",
    "SGD": "optimizers",
    "Scale": "transforms",
    "Stopped": "produce",
    "TotalVariation": "objectives",
    "load": "front",
    "render": "front",
    "render_batch": "front",
    "replay": "again",
}

__all__ = [
    "L1",
    "L2",
    "SGD",
    "Adam",
    "Chain",
    "Channel",
    "Crop",
    "Direction",
    "Fourier",
    "Jitter",
    "Layer",
    "Logit",
    "Network",
    "Neuron",
    "Pad",
    "PhospheneError",
    "Pixel",
    "Probability",
    "Result",
    "Rotate",
    "Scale",
    "Stopped",
    "TotalVariation",
    "load",
    "render",
    "render_batch",
    "replay",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'phosphene' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
