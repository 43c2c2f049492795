"""What bf16 costs: pictures ascended in bf16 and in fp32, both scored by the plain network in fp32.

python -m benchmarks.speed.fidelity --out build/bench [--model path/to/model.py:build --layers L --size 96]
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import torch

import phosphene as ph

from .parity import drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="miniception")
    parser.add_argument("--layers", default="mixed3b,mixed4b,mixed4c,mixed5b")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--count", type=int, default=64, help="channels, spread over the layers")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    network = ph.load(args.model)
    rows = []
    layers = args.layers.split(",")
    for layer in layers:
        units = drawn(network.find(layer)[0].channels, args.count // len(layers))
        made = {
            kind: ph.render_batch(network, [f"{layer}:{unit}" for unit in units], size=args.size, arithmetic=kind)
            for kind in ("bf16", "fp32")
        }
        for half, full in zip(made["bf16"], made["fp32"], strict=True):
            rows.append({"target": half.target, "ran": half.arithmetic,
                         "clean": [half.score.clean, full.score.clean],
                         "robust": [half.score.robust, full.score.robust]})  # fmt: skip
        print(layer, len(rows), flush=True)
    name = Path(network.name.split(":")[0]).name
    (args.out / f"fidelity-{name}.json").write_text(
        json.dumps({"model": name, "size": args.size, "rows": rows}, indent=1)
    )
    for key in ("clean", "robust"):
        ratios = [row[key][0] / row[key][1] for row in rows if row[key][1]]
        low, middle, high = statistics.quantiles(ratios, n=4)
        mean = statistics.fmean(row[key][0] for row in rows) / statistics.fmean(row[key][1] for row in rows)
        spread = f"median {middle:.3f} ({low:.3f} to {high:.3f}), of means {mean:.3f}"
        print(f"{name}, {len(ratios)} channels, {key}: bf16 / fp32 {spread}")


if __name__ == "__main__":
    main()
