"""What in a picture a target responds to: maps from one pass back through the network."""

from .draw import drawn
from .methods import Attribution, Method, attribute, attribute_rows, attributions, explainable, peaks
from .sanity import Randomised, randomised

__all__ = [
    "Attribution",
    "Method",
    "Randomised",
    "attribute",
    "attribute_rows",
    "attributions",
    "drawn",
    "explainable",
    "peaks",
    "randomised",
]
