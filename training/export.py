"""A training run's last checkpoint -> fp16 safetensors in the package: ``python training/export.py RUN NAME``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

PACKAGE = Path(__file__).parents[1] / "src/phosphene/models/miniception"


def export(run: Path, name: str) -> Path:
    state = torch.load(run / "last.pt", weights_only=True)["net"]
    weights = {
        key.removeprefix("model."): value.half().contiguous()
        for key, value in state.items()
        if key.startswith("model.") and not key.endswith("num_batches_tracked")
    }
    path = PACKAGE / f"{name}.safetensors"
    save_file(weights, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name", choices=["miniception", "miniception-plain"])
    args = parser.parse_args()
    path = export(args.run, args.name)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
