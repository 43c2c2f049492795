"""Peak memory of large pictures: ``python -m benchmarks.large dream 3000x4000``, ``canvas 2048``; a process each."""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from PIL import Image

import phosphene as ph


def peak() -> float:
    """MiB that the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(what: str, size: str) -> None:
    net = ph.load("miniception")
    ph.render(net, "mixed4b:11", steps=2)
    before, begun = peak(), time.monotonic()
    if what == "dream":
        height, width = (int(side) for side in size.split("x"))
        coarse = np.random.default_rng(0).uniform(60, 200, (12, 16, 3)).astype(np.uint8)
        photo = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        result = ph.dream(net, "mixed4b", photo)
    else:
        result = ph.render(net, "mixed4b:11[energy]", size=int(size), transform="cut[224]", views=4, steps=16, robust=2)
    print(f"{what} {size}: before {before:.0f} MiB, peak {peak():.0f} MiB, {time.monotonic() - begun:.0f} s, "
          f"score {result.score.start:.3f} -> {result.score.clean:.3f}")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
