"""What should fire."""

from ..address import OUTPUT
from .base import Activations, Objective, Sum, Term, objectives
from .classes import Logit, Probability
from .directions import Direction
from .groups import Alignment, Diversity, Group, gram_cosines, groups
from .likeness import Caricature, Invert, Near
from .penalties import L1, L2, Blur, Boundary, Opacity, TotalVariation
from .rows import PerRow
from .text import from_text, named, resolve, to_text
from .units import Channel, Layer, Neuron

__all__ = [
    "L1",
    "L2",
    "OUTPUT",
    "Activations",
    "Alignment",
    "Blur",
    "Boundary",
    "Caricature",
    "Channel",
    "Direction",
    "Diversity",
    "Group",
    "Invert",
    "Layer",
    "Logit",
    "Near",
    "Neuron",
    "Objective",
    "Opacity",
    "PerRow",
    "Probability",
    "Sum",
    "Term",
    "TotalVariation",
    "from_text",
    "gram_cosines",
    "groups",
    "named",
    "objectives",
    "resolve",
    "to_text",
]
