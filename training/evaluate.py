"""Clean and robust accuracy of a run on all validation images, fp16 weights as shipped.

``python training/evaluate.py RUN --data DIR``: top-1 at 64 px, clean and under a 4-step L2 attack of radius .75
in [0, 1] (steps of 1.25 eps / 4, random start in the ball).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from data import load_split
from phosphene.models.miniception.architecture import Miniception
from train import Normalised, accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    net = Normalised(Miniception()).to(memory_format=torch.channels_last)
    state = torch.load(args.run / "last.pt", weights_only=True)["net"]
    net.load_state_dict({key: v.half().float() if v.is_floating_point() else v for key, v in state.items()})
    pictures, labels = load_split(args.data / "val.parquet")
    found = {"images": len(labels), "clean": accuracy(net, pictures, labels)}
    found["robust"] = accuracy(net, pictures, labels, eps=0.75)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
