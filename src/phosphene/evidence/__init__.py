"""How far a picture can be trusted."""

from .measure import heaviest, high_frequency, observe, rank, robust

__all__ = ["heaviest", "high_frequency", "observe", "rank", "robust"]
