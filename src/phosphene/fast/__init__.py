"""The fast path: a network as a graph that ends at the target, folded, laid out and (where it pays) in bf16."""

from __future__ import annotations

from .graph import Refused, hooked
from .program import Program, arithmetic, trusted

__all__ = ["Program", "Refused", "arithmetic", "hooked", "trusted"]
