"""What should fire."""

from ..address import OUTPUT
from .base import Activations, Objective, PerRow, Sum, Term, objectives
from .classes import Logit, Probability
from .directions import Direction
from .penalties import L1, L2, TotalVariation
from .text import from_text, named, resolve, to_text
from .units import Channel, Layer, Neuron

__all__ = [
    "L1",
    "L2",
    "OUTPUT",
    "Activations",
    "Channel",
    "Direction",
    "Layer",
    "Logit",
    "Neuron",
    "Objective",
    "PerRow",
    "Probability",
    "Sum",
    "Term",
    "TotalVariation",
    "from_text",
    "named",
    "objectives",
    "resolve",
    "to_text",
]
