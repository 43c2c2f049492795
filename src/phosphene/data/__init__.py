"""Datasets, one file per kind; importing this registers them in the order in which they are asked. No torch."""

from . import folder, hub, live, parquet, tars
from .base import Pictures, Raw, kinds, open_pictures
from .decode import decoded, shown

__all__ = [
    "Pictures",
    "Raw",
    "decoded",
    "folder",
    "hub",
    "kinds",
    "live",
    "open_pictures",
    "parquet",
    "shown",
    "tars",
]
