"""How far pictures go beyond photographs: for every channel of every mixed layer of both trainings of miniception, the
clean score of its picture (64 px, standard settings) against its maximum over the validation images.

    python benchmarks/above_natural.py --data DIR --out build/above_natural      # resumes where it was
    python benchmarks/above_natural.py --out build/above_natural                 # the table of what is there

DIR holds ``val.parquet``: pictures as encoded bytes in the column ``image``.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image

import phosphene as ph
from phosphene.rng import Stream
from phosphene.tap import Tap

NETWORKS = ("miniception", "miniception-plain")
TOGETHER = 64


def mixed_layers(network: ph.Network) -> list[str]:
    return [name for name in network.layers if name.startswith("mixed") and "." not in name]


def natural_maxima(network: ph.Network, data: Path) -> dict[str, list[float]]:
    """Layer -> each channel's largest mean activation over the validation images."""
    column = pq.read_table(data / "val.parquet")["image"].to_pylist()
    layers = mixed_layers(network)
    best = {layer: torch.full((network.layers[layer].channels,), -torch.inf) for layer in layers}
    with network.frozen(), Tap(network, layers) as tap, torch.no_grad():
        for first in range(0, len(column), 200):
            pictures = [np.asarray(Image.open(io.BytesIO(b)).convert("RGB")) for b in column[first : first + 200]]
            x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
            for layer, acts in tap(x).items():
                best[layer] = torch.maximum(best[layer], acts.mean((2, 3)).amax(0))
    return {layer: values.tolist() for layer, values in best.items()}


def drawn(channels: int, sample: int | None) -> list[int]:
    """All channels, or ``sample`` of them drawn by seed 0."""
    if sample is None or sample >= channels:
        return list(range(channels))
    order = Stream.of([0]).fold("sample").uniform(channels)[0].argsort().tolist()
    return sorted(order[:sample])


def measure(name: str, data: Path, out: Path, sample: int | None) -> None:
    """One line per channel, written batch by batch; batches that are there are not made again."""
    network = ph.load(name)
    path = out / f"{name}.jsonl"
    known = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {line["target"] for line in known if line["fingerprint"] == network.fingerprint}
    natural = natural_maxima(network, data)
    with path.open("a") as file:
        for layer, maxima in natural.items():
            todo = [channel for channel in drawn(len(maxima), sample) if f"{layer}:{channel}" not in done]
            for first in range(0, len(todo), TOGETHER):
                channels = todo[first : first + TOGETHER]
                for channel, result in zip(
                    channels, ph.render_batch(network, [f"{layer}:{c}" for c in channels], size=64), strict=True
                ):
                    line = {
                        "target": result.target,
                        "fingerprint": result.fingerprint,
                        "natural": maxima[channel],
                        "clean": result.score.clean,
                        "robust": result.score.robust,
                        "status": result.status,
                        "rank": result.evidence.rank,
                        "redirected": result.evidence.redirected,
                    }
                    print(json.dumps(line), file=file, flush=True)
                print(f"{name} {layer} {first + len(channels)}/{len(todo)}", flush=True)


def table(out: Path) -> str:
    """Markdown: per network and layer, live channels, share above the natural maximum, ratio's median and quartiles."""
    rows = ["| network | layer | measured | live | above the maximum | median ratio | quartiles | dead pictures |",
            "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in NETWORKS:
        path = out / f"{name}.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        layers = dict.fromkeys(line["target"].split(":")[0] for line in lines)
        for layer in layers:
            own = [line for line in lines if line["target"].split(":")[0] == layer]
            live = [line for line in own if line["natural"] > 0]
            ratios = [(line["clean"] or 0.0) / line["natural"] for line in live]
            low, middle, high = statistics.quantiles(ratios, n=4)
            above = sum(ratio > 1 for ratio in ratios)
            dead = sum(line["status"] != "ok" for line in live)
            share = f"{above} ({above / len(live):.1%})"
            rows.append(f"| {name} | {layer} | {len(own)} | {len(live)} | {share} | {middle:.2f} "
                        f"| {low:.2f} to {high:.2f} | {dead} |")  # fmt: skip
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with val.parquet; measures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the measurements")
    parser.add_argument("--networks", nargs="*", default=NETWORKS)
    parser.add_argument("--sample", type=int, help="so many channels of each layer, drawn by seed; default: all")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.data is not None:
        for name in args.networks:
            measure(name, args.data, args.out, args.sample)
    print(table(args.out))


if __name__ == "__main__":
    main()
