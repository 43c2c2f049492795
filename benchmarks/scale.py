"""How much a whole network takes, on paper: units, arithmetic, hours and bytes for torchvision's networks.

    python -m benchmarks.scale [--size 128] [--steps 256] [--rate 100] [--picture 40000] [--out FILE.json]

Every convolution's channels count as units. A picture's ascent runs the network up to its layer and back: forward, and
as much again for the gradient to the picture (weights get none), for each step. ``--rate``: sustained TFLOP/s of one
GPU, an assumption that you can measure; ``--picture``: bytes in the store. Networks are laid out without weights.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

PADDED = 1.1  # the canvas that transforms need, as a share of the picture's side


def convolutions(model: nn.Module, side: int) -> list[tuple[int, float]]:
    """Channels of every convolution, in the order in which they run, and FLOPs of one picture up to its end."""
    found: list[tuple[int, float]] = []
    done = 0.0

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal done
        if isinstance(module, nn.Conv2d):
            each = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
        elif isinstance(module, nn.Linear):
            each = module.in_features
        else:
            return
        done += 2.0 * each * output.numel()
        if isinstance(module, nn.Conv2d):
            found.append((module.out_channels, done))

    hooks = [module.register_forward_hook(count) for module in model.modules()]
    with torch.no_grad():
        model.eval()(torch.empty(1, 3, side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return found


def laid_out(name: str, side: int) -> list[tuple[int, float]]:
    """The convolutions of a network of torchvision, at its own size if it takes no other."""
    said: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    try:
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None, **said)
    except NotImplementedError:  # its widths are computed with tensors
        model = torchvision.models.get_model(name, weights=None).to("meta")
    try:
        return convolutions(model, side)
    except (RuntimeError, ValueError, AssertionError):
        return convolutions(model, 224)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--picture", type=int, default=40_000)
    parser.add_argument("--models", help="only these, with commas between them")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    names = args.models.split(",") if args.models else torchvision.models.list_models(module=torchvision.models)
    rows = []
    for name in names:
        layers = laid_out(name, round(args.size * PADDED))
        units = sum(channels for channels, _ in layers)
        flops = sum(channels * upto for channels, upto in layers) * 2 * args.steps
        rows.append({"model": name, "layers": len(layers), "units": units, "pflop": round(flops / 1e15, 1)})
        print(f"{name:24} {len(layers):4} layers {units:7} units {flops / 1e15:10.1f} PFLOP", flush=True)
    whole = {
        "networks": len(rows), "units": sum(row["units"] for row in rows),
        "pflop": round(sum(row["pflop"] for row in rows), 1),
    }  # fmt: skip
    for title, row in (("resnet50", next((r for r in rows if r["model"] == "resnet50"), None)), ("all", whole)):
        if row is not None:
            hours = row["pflop"] * 1e15 / (args.rate * 1e12) / 3600
            many = ", ".join(f"{n}: {hours / n:.2f}" for n in (1, 8, 64))
            size = row["units"] * args.picture / 1e9
            print(f"{title}: {row['units']} units, {row['pflop']} PFLOP, {size:.1f} GB; hours on {many}")
    if args.out is not None:
        args.out.write_text(json.dumps({"said": vars(args) | {"out": None}, "all": whole, "networks": rows}, indent=1))


if __name__ == "__main__":
    main()
