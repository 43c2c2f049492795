"""How far a picture can be trusted."""

from .look import Look, Seen, observe
from .measure import heaviest, high_frequency, rank, similarity, slope, transparency

__all__ = ["Look", "Seen", "heaviest", "high_frequency", "observe", "rank", "similarity", "slope", "transparency"]
