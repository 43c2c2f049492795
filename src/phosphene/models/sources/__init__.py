"""Where networks come from, one file each; importing this registers them in the order in which they are asked."""

from . import embedded, file, timm, transformers, vision
from .base import Loaded, Source, is_address, load, network_of, sources, usable
from .file import wrap

__all__ = [
    "Loaded",
    "Source",
    "embedded",
    "file",
    "is_address",
    "load",
    "network_of",
    "sources",
    "timm",
    "transformers",
    "usable",
    "vision",
    "wrap",
]
