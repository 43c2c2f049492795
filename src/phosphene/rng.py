"""Randomness, born only here: counter-based draws, one independent stream per picture.

A stream's numbers depend on its key and on nothing else: not on the batch, the order, the worker or the device. So a
picture made alone sees the same noise and the same transforms as in a batch of 64. The mixer is splitmix64
(Steele, Lea & Flood 2014), evaluated on whole tensors of counters.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_CPU = torch.device("cpu")


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift; torch's own carries the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shift(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shift(x, 31)


def _hash(name: str | int) -> int:
    digest = hashlib.blake2b(f"{type(name).__name__}:{name}".encode(), digest_size=8).digest()
    return _signed(int.from_bytes(digest, "little"))


@dataclass(frozen=True, eq=False)
class Stream:
    """One key per row; ``fold`` derives streams, ``uniform``, ``normal`` and ``choice`` draw from one.

    Numbers are made on the CPU, where all types are to be had, and go to ``device`` finished.
    """

    keys: Tensor  # (b,) int64
    device: torch.device = _CPU

    @classmethod
    def of(cls, seeds: Sequence[int], device: torch.device | str = "cpu") -> Stream:
        """A stream whose row i depends on ``seeds[i]`` alone."""
        return cls(torch.tensor([_hash(seed) for seed in seeds], dtype=torch.int64), torch.device(device))

    def __len__(self) -> int:
        return len(self.keys)

    def fold(self, *names: str | int) -> Stream:
        """An independent stream for a purpose: ``stream.fold("transform", step)``."""
        keys = self.keys
        for name in names:
            keys = _mix(keys ^ _hash(name))
        return Stream(keys, self.device)

    def folds(self, names: Sequence[str | int]) -> Stream:
        """The streams ``fold(name)`` of several names as one, one after the other: ``(len(names) * b)`` rows."""
        turns = torch.tensor([_hash(name) for name in names], dtype=torch.int64)
        return Stream(_mix(self.keys[None, :] ^ turns[:, None]).flatten(), self.device)

    def _bits(self, count: int) -> Tensor:
        counters = torch.arange(1, count + 1, dtype=torch.int64) * _signed(_GOLDEN)
        return _mix(self.keys[:, None] + counters[None, :])

    def uniform(self, *shape: int) -> Tensor:
        """``(b, *shape)`` float32, uniform in [0, 1)."""
        bits = _shift(self._bits(math.prod(shape)), 40)
        return (bits.to(torch.float32) * 2.0**-24).view(len(self), *shape).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """``(b, *shape)`` float32, standard normal (Box-Muller)."""
        count = math.prod(shape)
        pair = _shift(self._bits(2 * count), 11).to(torch.float64) * 2.0**-53
        radius = torch.sqrt(-2 * torch.log1p(-pair[:, :count]))
        return (
            (radius * torch.cos(2 * math.pi * pair[:, count:]))
            .to(torch.float32)
            .view(len(self), *shape)
            .to(self.device)
        )

    def field(self, *shape: int, law: str = "normal") -> Tensor:
        """``(b, *shape)`` float32, ``normal`` or ``uniform`` in [0, 1): torch's own generator for each row, for many
        numbers at once."""
        drawn = torch.empty(len(self), *shape)
        for row, key in zip(drawn, self.keys.tolist(), strict=True):
            generator = torch.Generator().manual_seed(key & _MASK >> 1)
            row.normal_(generator=generator) if law == "normal" else row.uniform_(generator=generator)
        return drawn.to(self.device)

    def choice(self, count: int) -> Tensor:
        """``(b,)`` int64, uniform in 0 .. count-1."""
        return (self.uniform(1)[:, 0] * count).to(torch.int64).clamp(max=count - 1)
