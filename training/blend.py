"""The mean of several runs' weights: ``python training/blend.py RUN RUN ... --out RUN [--shares .3 .7] [--data DIR]``.

The runs must be near each other, one continued from the other or all from the same, or the way between leads nowhere
(Wortsman 2022, model soups). ``--data``: the batch norms' statistics are then measured anew on training pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from data import load_split
from phosphene.models.miniception.architecture import Miniception
from train import Normalised

PICTURES = 20_000


def blend(states: list[dict[str, Tensor]], shares: list[float]) -> dict[str, Tensor]:
    return {
        key: sum(share * state[key] for share, state in zip(shares, states, strict=True))  # type: ignore[misc]
        if value.is_floating_point() else value
        for key, value in states[0].items()
    }  # fmt: skip


def calibrate(net: nn.Module, pictures: Tensor) -> None:
    """Batch norms: means and variances over ``pictures``, uint8, as they are."""
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None
    net.train()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for some in pictures.split(500):
            net(some.float().div(255).contiguous(memory_format=torch.channels_last))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--shares", type=float, nargs="+", help="one for each run, sum 1; default: equal")
    parser.add_argument("--data", type=Path, help="folder with train.parquet")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    shares = args.shares or [1 / len(args.runs)] * len(args.runs)
    net = Normalised(Miniception()).to(memory_format=torch.channels_last)
    net.load_state_dict(blend([torch.load(run / "last.pt", weights_only=True)["net"] for run in args.runs], shares))
    if args.data is not None:
        pictures, _ = load_split(args.data / "train.parquet")
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
        calibrate(net, pictures[order[:PICTURES]])
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save({"net": net.state_dict()}, args.out / "last.pt")


if __name__ == "__main__":
    main()
