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
    from .examples import merge as merge
    from .examples import scan as scan
    from .explanation import explain as explain
    from .faceted import facets as facets
    from .front import load as load
    from .front import render as render
    from .front import render_batch as render_batch
    from .images import Aligned as Aligned
    from .images import Cppn as Cppn
    from .images import Fourier as Fourier
    from .images import Latent as Latent
    from .images import Maco as Maco
    from .images import Pixel as Pixel
    from .images import Pyramid as Pyramid
    from .models.decoders import decoder as decoder
    from .models.network import Network as Network
    from .objectives import L1 as L1
    from .objectives import L2 as L2
    from .objectives import Blur as Blur
    from .objectives import Boundary as Boundary
    from .objectives import Caricature as Caricature
    from .objectives import Channel as Channel
    from .objectives import Direction as Direction
    from .objectives import Invert as Invert
    from .objectives import Layer as Layer
    from .objectives import Logit as Logit
    from .objectives import Near as Near
    from .objectives import Neuron as Neuron
    from .objectives import Opacity as Opacity
    from .objectives import Probability as Probability
    from .objectives import TotalVariation as TotalVariation
    from .optimizers import SGD as SGD
    from .optimizers import Adam as Adam
    from .optimizers import NAdam as NAdam
    from .photo import accentuate as accentuate
    from .photo import caricature as caricature
    from .photo import dream as dream
    from .photo import invert as invert
    from .produce import Stopped as Stopped
    from .result import Result as Result
    from .scanned import network_of as network_of
    from .scanned import open_scan as open_scan
    from .side_by_side import compare as compare
    from .store.scans import Scan as Scan
    from .store.table import units_of as units_of
    from .sweeps.recipe import Recipe as Recipe
    from .sweeps.run import SweepStopped as SweepStopped
    from .sweeps.run import sweep as sweep
    from .sweeps.where import Where as Where
    from .together import diverse as diverse
    from .together import grid as grid
    from .together import interpolate as interpolate
    from .transforms import Chain as Chain
    from .transforms import Crop as Crop
    from .transforms import Jitter as Jitter
    from .transforms import Pad as Pad
    from .transforms import Rotate as Rotate
    from .transforms import Scale as Scale
    from .unit_sheet import examples_of as examples_of

_HOME = {
    "Adam": "optimizers",
    "Aligned": "images",
    "Blur": "objectives",
    "Boundary": "objectives",
    "Caricature": "objectives",
    "Chain": "transforms",
    "Channel": "objectives",
    "Cppn": "images",
    "Crop": "transforms",
    "Direction": "objectives",
    "Fourier": "images",
    "Invert": "objectives",
    "Jitter": "transforms",
    "L1": "objectives",
    "L2": "objectives",
    "Latent": "images",
    "Layer": "objectives",
    "Logit": "objectives",
    "Maco": "images",
    "NAdam": "optimizers",
    "Near": "objectives",
    "Network": "models.network",
    "Neuron": "objectives",
    "Opacity": "objectives",
    "Pad": "transforms",
    "PhospheneError": "errors",
    "Pixel": "images",
    "Probability": "objectives",
    "Pyramid": "images",
    "Recipe": "sweeps.recipe",
    "Result": "result",
    "Rotate": "transforms",
    "SGD": "optimizers",
    "Scale": "transforms",
    "Scan": "store.scans",
    "Stopped": "produce",
    "SweepStopped": "sweeps.run",
    "TotalVariation": "objectives",
    "Where": "sweeps.where",
    "accentuate": "photo",
    "caricature": "photo",
    "compare": "side_by_side",
    "decoder": "models.decoders",
    "diverse": "together",
    "dream": "photo",
    "examples_of": "unit_sheet",
    "explain": "explanation",
    "facets": "faceted",
    "grid": "together",
    "interpolate": "together",
    "invert": "photo",
    "load": "front",
    "merge": "examples",
    "network_of": "scanned",
    "open_scan": "scanned",
    "render": "front",
    "render_batch": "front",
    "replay": "again",
    "scan": "examples",
    "sweep": "sweeps.run",
    "units_of": "store.table",
}

__all__ = [
    "L1",
    "L2",
    "SGD",
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
    "Pixel",
    "Probability",
    "Pyramid",
    "Recipe",
    "Result",
    "Rotate",
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
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'phosphene' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
