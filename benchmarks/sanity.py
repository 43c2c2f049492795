"""Which attribution methods notice that a network's weights are shuffled? The table of docs/attribution.md.

python benchmarks/sanity.py MODEL FOLDER_OF_PHOTOS [--labels FILE] [--count 32] [--seeds 3]

Each photo is explained by the class that the network sees in it. Means over photos and seeds.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import torch

import phosphene as ph
from phosphene.attribution import attributions, randomised
from phosphene.pictures import photographs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--labels", default=None)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    network = ph.load(args.model, labels=args.labels)
    every = list(photographs(args.photos, network.preprocessing.size[1], []))
    pictures = torch.stack(every[:: max(1, len(every) // args.count)][: args.count])
    with network.frozen(), torch.no_grad():
        aims = [ph.Logit(int(one)) for one in network(pictures).argmax(1)]
    methods, found, silent = attributions.names(), defaultdict(list), 0
    for seed in range(args.seeds):
        for row in randomised(network, aims, pictures, methods, seed=seed):
            found[row.layer, row.method].append((row.spearman or 0.0, row.pearson or 0.0))
            silent += row.silent
    print(f"{len(pictures)} photos, {args.seeds} seeds, {silent} maps all zero")
    print(f"| shuffled down to | {' | '.join(methods)} |\n|---|{'---|' * len(methods)}")
    for layer in dict.fromkeys(layer for layer, _ in found):
        means = (torch.tensor(found[layer, method]).mean(0).tolist() for method in methods)
        cells = " | ".join(f"{ranked:.2f}, {plain:.2f}" for ranked, plain in means)
        print(f"| `{layer}` | {cells} |")


if __name__ == "__main__":
    main()
