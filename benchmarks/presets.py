"""What each preset reaches, against lucid's 512 steps: clean and robust score, unit by unit, medians and quartiles.

    python benchmarks/presets.py --out build/presets [--model path/to/model.py:build --layers blocks.7.pointwise_relu]

Units are drawn by seed 0. Robust scores are means over fresh draws of ``lucid``, the transforms of every contender.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import torch

import phosphene as ph
from phosphene.presets import PRESETS
from phosphene.rng import Stream


def drawn(channels: int, count: int) -> list[int]:
    return sorted(Stream.of([0]).fold("presets").uniform(channels)[0].argsort().tolist()[:count])


def measure(model: str, layers: list[str], count: int, size: int) -> list[dict]:
    network = ph.load(model)
    lines = []
    for layer in layers:
        targets = [f"{layer}:{unit}" for unit in drawn(network.find(layer)[0].channels, count)]
        for preset in PRESETS:
            for result in ph.render_batch(network, targets, preset=preset, size=size):
                lines.append(
                    {
                        "model": network.name,
                        "target": result.target,
                        "preset": preset,
                        "clean": result.score.clean,
                        "robust": result.score.robust,
                        "high_frequency": result.evidence.high_frequency,
                    }
                )
                print(lines[-1], flush=True)
    return lines


def table(lines: list[dict]) -> str:
    rows = [
        "| network | units | preset | steps | clean, of lucid's | robust, of lucid's | high frequencies |",
        "|---|---|---|---|---|---|---|",
    ]
    for model in dict.fromkeys(line["model"] for line in lines):
        own = [line for line in lines if line["model"] == model]
        base = {line["target"]: line for line in own if line["preset"] == "lucid"}
        for preset, how in PRESETS.items():
            found = [line for line in own if line["preset"] == preset]
            cells = []
            for key in ("clean", "robust"):
                ratios = [line[key] / base[line["target"]][key] for line in found if base[line["target"]][key]]
                low, middle, high = statistics.quantiles(ratios, n=4)
                cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
            fine = statistics.median(line["high_frequency"] for line in found)
            name = Path(model.split(":")[0]).name
            rows.append(f"| {name} | {len(found)} | {preset} | {how.steps} | {cells[0]} | {cells[1]} | {fine:.2f} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--layers", default="mixed3b,mixed4a,mixed4c,mixed5a")
    parser.add_argument("--count", type=int, default=8, help="units of each layer")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "presets.jsonl"
    for model in args.model or ["miniception", "miniception-plain"]:
        with path.open("a") as file:
            for line in measure(model, args.layers.split(","), args.count, args.size):
                print(json.dumps(line), file=file)
    print(table([json.loads(line) for line in path.read_text().splitlines()]))


if __name__ == "__main__":
    main()
