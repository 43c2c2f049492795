"""Real pictures: one pass over a dataset for all units of all layers, and what is seen in it."""

from .run import ScanProgress, merge, plan_of, scan
from .shots import Shot, UnitExamples, examples, pictures_of, place_of

__all__ = ["ScanProgress", "Shot", "UnitExamples", "examples", "merge", "pictures_of", "place_of", "plan_of", "scan"]
