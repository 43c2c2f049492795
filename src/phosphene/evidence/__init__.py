"""How far a picture can be trusted."""

from .look import Look, Seen, observe
from .measure import heaviest, high_frequency, rank, similarity, slope, transparency
from .natural import Naturals

__all__ = [
    "Look",
    "Naturals",
    "Seen",
    "heaviest",
    "high_frequency",
    "observe",
    "rank",
    "similarity",
    "slope",
    "transparency",
]
