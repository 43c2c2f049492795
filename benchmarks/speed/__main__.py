"""Milliseconds per picture and step, ours and others', interleaved in one process.

    python -m benchmarks.speed --out build/bench --threads 1      # one core; leave --threads out for all
    python -m benchmarks.speed --out build/bench --table          # the tables of what was measured

Random weights, batch norms calibrated on noise. Medians over the steps of all rounds, with quartiles. The share of the
limit counts the convolutions of the forward to the target and of the input gradient (twice the forward), for the
picture's own size, against the larger of a matrix product and a 1x1 convolution measured in the same run. "Its
convolutions alone": the same convolutions one by one, as phosphene runs them, with nothing in between.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from phosphene.fast import arithmetic

from .contenders import Flashtorch, Horama, Lucent, Ours, TfKerasVis, TorchDreams, Xplique
from .limit import convolutions, limits, work
from .nets import network

ROUNDS, STEPS = 5, 4
BATCH = 16

Make = Callable[[nn.Module], Any]
# benchmark -> network, layer, size, contenders
CASES: dict[str, tuple[str, str, int, dict[str, Make]]] = {
    "step_googlenet_4a": ("googlenet", "inception4a", 128, {
        "phosphene": lambda m: Ours(m, "inception4a", 128, BATCH),
        "phosphene, lucent's transforms": lambda m: Ours(m, "inception4a", 128, BATCH, transform="lucent"),
        "phosphene fp32": lambda m: Ours(m, "inception4a", 128, BATCH, "fp32"),
        "phosphene fp32, one picture": lambda m: Ours(m, "inception4a", 128, 1, "fp32"),
        "phosphene --exact": lambda m: Ours(m, "inception4a", 128, BATCH, "exact"),
        "lucent at 128": lambda m: Lucent(m, "inception4a", 128, 128),
        "flashtorch": lambda m: Flashtorch(m, "inception4a", 128),
        "torch-dreams": lambda m: TorchDreams(m, "inception4a", 128),
        "horama (6 crops a step)": lambda m: Horama(m, "inception4a", 128),
    }),
    "step_googlenet_4a_224": ("googlenet", "inception4a", 224, {
        "phosphene": lambda m: Ours(m, "inception4a", 224, BATCH),
        "phosphene, lucent's transforms": lambda m: Ours(m, "inception4a", 224, BATCH, transform="lucent"),
        "lucent default": lambda m: Lucent(m, "inception4a", 128, None),
    }),
    "step_resnet50_layer2": ("resnet50", "layer2", 128, {
        "phosphene": lambda m: Ours(m, "layer2", 128, BATCH),
        "phosphene, lucent's transforms": lambda m: Ours(m, "layer2", 128, BATCH, transform="lucent"),
        "lucent at 128": lambda m: Lucent(m, "layer2", 128, 128),
        "xplique": lambda m: Xplique("ResNet50", "conv3_block4_out", 128, BATCH),
        "tf-keras-vis": lambda m: TfKerasVis("ResNet50", "conv3_block4_out", 128),
    }),
    "step_vgg16_conv5_3": ("vgg16", "features.29", 128, {
        "phosphene": lambda m: Ours(m, "features.29", 128, BATCH),
        "phosphene, lucent's transforms": lambda m: Ours(m, "features.29", 128, BATCH, transform="lucent"),
        "lucent at 128": lambda m: Lucent(m, "features.29", 128, 128),
        "xplique": lambda m: Xplique("VGG16", "block5_conv3", 128, BATCH),
    }),
}  # fmt: skip


def measure(case: str) -> dict[str, Any]:
    name, layer, size, contenders = CASES[case]
    model = network(name)
    live, missing = {}, {}
    for label, make in contenders.items():
        try:
            contender = make(model)
            contender.steps(2)  # warm
            live[label] = contender
        except Exception as error:  # a tool that fails here is reported, not hidden
            missing[label] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    times: dict[str, list[float]] = {label: [] for label in live}
    for _ in range(ROUNDS):
        for label, contender in live.items():
            times[label] += contender.steps(STEPS)
    return {
        "case": case, "network": name, "layer": layer, "size": size, "flop": work(model, layer, size),
        "convolutions": convolutions(model, layer, size, BATCH),
        "ms": {label: [1e3 * value for value in values] for label, values in times.items()}, "missing": missing,
    }  # fmt: skip


def run(out: Path, cases: list[str], threads: int) -> None:
    torch.set_num_threads(threads)
    found: dict[str, Any] = {
        "threads": threads,
        "arithmetic": arithmetic(torch.device("cpu")),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "limit": limits(),
        "cases": [],
    }
    for case in cases:
        found["cases"].append(measure(case))
        print(table(found, found["cases"][-1]), flush=True)
        (out / f"speed-{threads}.json").write_text(json.dumps(found, indent=1))


def table(found: dict[str, Any], case: dict[str, Any]) -> str:
    threads = f"{found['threads']} thread" + "s" * (found["threads"] > 1)
    rows = [f"`{case['case']}`, {threads}", "", "| | ms per picture and step | quartiles | times ours | of the limit |",
            "|---|---|---|---|---|"]  # fmt: skip
    ours = statistics.median(case["ms"]["phosphene"]) if "phosphene" in case["ms"] else float("nan")
    for label, values in case["ms"].items():
        low, middle, high = statistics.quantiles(values, n=4)
        kind = "bf16" if label.split(",")[0] == "phosphene" and found["arithmetic"] == "bf16" else "fp32"
        best = max(value for name, value in found["limit"].items() if name.endswith(kind))
        share = case["flop"] / (middle / 1e3) / 1e9 / best
        cell = f"{share:.0%} ({kind})" if label.startswith("phosphene") else ""
        rows.append(f"| {label} | {middle:.1f} | {low:.1f} to {high:.1f} | {middle / ours:.1f} | {cell} |")
    alone = case["convolutions"]
    rows.append(f"| its convolutions alone | {alone:.1f} | | {alone / ours:.2f} | |")
    rows += [f"| {label} | - | | | {why} |" for label, why in case["missing"].items()]
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.table:
        run(args.out, args.cases, args.threads)
        return
    for path in sorted(args.out.glob("speed-*.json")):
        found = json.loads(path.read_text())
        print(f"limit, {found['threads']} threads, GFLOP/s: {found['limit']}\n")
        print("\n".join(table(found, case) for case in found["cases"]))


if __name__ == "__main__":
    main()
