"""Weights between those of two runs, in fp32: ``python training/blend.py RUN_A RUN_B --share .8 --out RUN``.

``--share``: of B. The second run must have been continued from the first, a little, or the way between leads nowhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    a, b = (torch.load(run / "last.pt", weights_only=True)["net"] for run in (args.first, args.second))
    mixed = {key: torch.lerp(a[key], b[key], args.share) if a[key].is_floating_point() else b[key] for key in a}
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save({"net": mixed}, args.out / "last.pt")


if __name__ == "__main__":
    main()
