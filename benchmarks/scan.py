"""What a scan costs beside the plain forward of the same batches, and how fast it is from end to end.

    python -m benchmarks.scan MODEL --data DATA [--batches 12] [--repeats 5] [--layers A,B] [--out FILE.json]

Both run over the same decoded batches in memory, in turns, so that what else the machine does hits both alike; the
ratio of the medians is what counts. ``--whole N``: also the command's own pass over the first N pictures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch

import phosphene as ph
from phosphene.data import open_pictures
from phosphene.examples.feed import feed
from phosphene.examples.glance import Glance
from phosphene.examples.run import plan_of
from phosphene.examples.tally import Tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--layers")
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--whole", type=int)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    network, pictures = ph.load(args.model), open_pictures(args.data)
    layers = None if args.layers is None else args.layers.split(",")
    plan = plan_of(network, pictures, layers)
    chunks = list(feed(pictures, plan, range(min(args.batches, plan.chunks)), 0))
    batches = [torch.from_numpy(chunk.pixels).permute(0, 3, 1, 2).contiguous().float() / 255 for chunk in chunks]
    numbers = [torch.tensor(plan.chunk(chunk.number)) for chunk in chunks]
    plain, scanned = [], []
    with network.frozen(), Glance(network, plan) as glance, torch.no_grad():
        tally = Tally(plan.units, plan.k, plan.many)
        for _ in range(args.repeats + 1):  # the first time is for warming up
            begun = time.perf_counter()
            for batch in batches:
                network.module(network.prepare(batch))
            plain.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            for batch, which in zip(batches, numbers, strict=True):
                tally.add(glance(batch, which), which)
            scanned.append(time.perf_counter() - begun)
    ratios = [b / a for a, b in zip(plain[1:], scanned[1:], strict=True)]
    seen = sum(len(batch) for batch in batches)
    found = {
        "model": Path(args.model).name, "layers": len(plan.tracks), "units": plan.units, "pictures": seen,
        "threads": torch.get_num_threads(),
        "plain_per_second": round(seen / statistics.median(plain[1:]), 1),
        "scan_per_second": round(seen / statistics.median(scanned[1:]), 1),
        "overhead": round(statistics.median(ratios) - 1, 4),
        "overhead_spread": [round(min(ratios) - 1, 4), round(max(ratios) - 1, 4)],
    }  # fmt: skip
    if args.whole:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            ph.scan(network, pictures, store=folder, layers=layers, limit=args.whole)
            spent = time.perf_counter() - begun
        found["whole"] = {"pictures": min(args.whole, len(pictures)), "seconds": round(spent, 1)}
    print(json.dumps(found, indent=1))
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
