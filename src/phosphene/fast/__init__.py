"""The fast path: a network as a graph that ends at the target, folded, laid out and (where it pays) in bf16."""

from __future__ import annotations

from .graph import Refused, hooked
from .program import CLOSE, Program, arithmetic, differs, program

__all__ = ["CLOSE", "Program", "Refused", "arithmetic", "differs", "hooked", "program"]
