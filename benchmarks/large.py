"""Peak memory of large pictures: ``python -m benchmarks.large dream 3000x4000``, ``canvas 2048``; a process each.

And of a scan of many: ``python -m benchmarks.large scan 40000 DATA``, of the first layers, so that it is quick.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time

import numpy as np
from PIL import Image

import phosphene as ph


def peak() -> float:
    """MiB that the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(what: str, size: str, data: str = "") -> None:
    net = ph.load("miniception")
    if what == "scan":
        with tempfile.TemporaryDirectory() as folder:
            ph.scan(net, data, store=folder, layers=["conv1", "conv2"], limit=int(size))
        print(f"scan of {size} pictures: peak {peak():.0f} MiB")
        return
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
