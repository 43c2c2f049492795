"""The goals against what was measured, from the JSON files of all benchmarks, as Markdown.

python -m benchmarks.speed.report benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .__main__ import table as speed_table
from .parity import table as parity_table

Row = tuple[str, str, str, str]


def times(case: dict[str, Any], label: str) -> float:
    """How many times as long as ours a contender takes."""
    if label not in case["ms"]:
        return float("nan")
    return statistics.median(case["ms"][label]) / statistics.median(case["ms"]["phosphene"])


def share(found: dict[str, Any], case: dict[str, Any]) -> float:
    """Of the limit that the same run measured in the arithmetic that it chose."""
    best = max(value for name, value in found["limit"].items() if name.endswith(found["arithmetic"]))
    return case["flop"] / (statistics.median(case["ms"]["phosphene"]) / 1e3) / 1e9 / best


def steps(found: dict[str, Any]) -> Iterator[Row]:
    cases = {case["case"]: case for case in found["cases"]}
    threads = f"{found['threads']} thread" + "s" * (found["threads"] > 1)
    goals = {
        "step_googlenet_4a": (("lucent at 128", 8), ("flashtorch", 0), ("torch-dreams", 0)),
        "step_googlenet_4a_224": (("lucent default", 6),),
        "step_resnet50_layer2": (("lucent at 128", 6), ("xplique", 2.5), ("tf-keras-vis", 0)),
        "step_vgg16_conv5_3": (("lucent at 128", 0), ("xplique", 0)),
    }
    for name, against in goals.items():
        if name in cases:
            for label, goal in against:
                yield name, f"{threads}, {label}", f">= {goal:g}x" if goal else "-", f"{times(cases[name], label):.1f}x"
            yield name, f"{threads}, of the {found['arithmetic']} limit", "", f"{share(found, cases[name]):.0%}"
            alone = cases[name]["convolutions"] / statistics.median(cases[name]["ms"]["phosphene"])
            yield name, f"{threads}, its convolutions alone", "", f"{alone:.0%}"
    case = cases.get("step_googlenet_4a")
    if case is not None and "phosphene fp32, one picture" in case["ms"]:
        one = statistics.median(case["ms"]["lucent at 128"]) / statistics.median(
            case["ms"]["phosphene fp32, one picture"]
        )
        yield "step_fp32_one", f"{threads}, lucent at 128", ">= 3x", f"{one:.1f}x"


def whole(found: dict[str, Any]) -> Iterator[Row]:
    if "sweep" in found:
        yield "layer_sweep", "512 channels, 256 steps, one core", "<= 18 min", f"{found['sweep']['minutes']:.1f} min"
    if "memory" in found:
        each = {name: one["per picture"] for name, one in found["memory"].items()}
        part = each["phosphene"] / each["full autograd"]
        yield "memory_per_picture", "full autograd", "<= 1/3", f"1/{1 / part:.1f}"
    for name, one in found.get("window", {}).items():
        yield (
            "neuron_crop",
            f"{name}, {one['ran']}",
            ">= 5x to vgg16 conv3_3 (features.14)",
            (f"{one['times']:.1f}x the steps, {one['times with evidence']:.1f}x a render of 64"),
        )
    if "first" in found:
        ours, theirs = (statistics.median(found["first"][name]) for name in ("phosphene", "lucent"))
        yield "first_picture", f"lucent: {theirs:.1f} s, ours {ours:.1f} s", "<= 1/4", f"1/{theirs / ours:.1f}"


def fidelity(found: dict[str, Any]) -> Iterator[Row]:
    for key in ("clean", "robust"):
        half, full = (statistics.fmean(row[key][i] for row in found["rows"]) for i in (0, 1))
        ratios = statistics.median(row[key][0] / row[key][1] for row in found["rows"] if row[key][1])
        yield (
            "bf16_fidelity",
            f"{found['model']}, {len(found['rows'])} units, {key}",
            "1.00 +- .02",
            (f"{half / full:.3f} of means, median {ratios:.3f}"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    read = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    rows: list[Row] = []
    for name, found in read.items():
        kind = name.split("-")[0]
        if kind in ("speed", "whole", "fidelity"):
            rows += {"speed": steps, "whole": whole, "fidelity": fidelity}[kind](found)
    print("| benchmark | against | goal | measured |\n|---|---|---|---|")
    print("\n".join("| " + " | ".join(row) + " |" for row in rows))
    for name, found in read.items():
        if name.startswith("speed"):
            rates = ", ".join(f"{key} {value:.0f}" for key, value in found["limit"].items())
            print(f"\n{found['threads']} threads, torch {found['torch']}, GFLOP/s: {rates}\n")
            print("\n".join(speed_table(found, case) for case in found["cases"]))
        if name.startswith("parity"):
            print("\n" + parity_table(found))


if __name__ == "__main__":
    main()
