"""How far a picture can be trusted."""

from .measure import heaviest, high_frequency, observe, only_size, rank, robust

__all__ = ["heaviest", "high_frequency", "observe", "only_size", "rank", "robust"]
