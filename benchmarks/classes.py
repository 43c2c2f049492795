"""Does a network recognise its own class pictures? 20 classes drawn by seed, 224 px, standard settings.

python benchmarks/classes.py MODEL [--labels FILE] --out FILE.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import phosphene as ph
from phosphene.gallery.sheet import Cell, sheet
from phosphene.rng import Stream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--labels", default=None)
    parser.add_argument("--classes", help="numbers with commas, instead of a draw")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    network = ph.load(args.model, labels=args.labels)
    order = Stream.of([args.seed]).fold("classes").uniform(network.classes)[0].argsort().tolist()
    drawn = [int(c) for c in args.classes.split(",")] if args.classes else sorted(order[: args.count])
    results = ph.render_batch(
        network, [ph.Logit(number) for number in drawn], size=args.size, preset=args.preset,
        progress=lambda p: print(f"step {p.step} score {p.score:.2f}", flush=True) if p.step % 64 == 0 else None,
    )  # fmt: skip
    right = 0
    cells = []
    for result in results:
        own = result.evidence.rank == 1
        right += own
        cells.append(Cell(result.pixels, result.target.removeprefix("logit:").strip('"'),
                          f"{result.score.clean:.1f}  #{result.evidence.rank}", wrong=not own))  # fmt: skip
        print(
            f"{result.target:30} rank {result.evidence.rank}  clean {result.score.clean:.2f}  "
            f"top {result.evidence.top[0].unit}"
        )
    sheet(cells, columns=min(5, len(cells))).save(args.out)
    print(f"{right} of {len(results)} are classified as their own class")


if __name__ == "__main__":
    main()
