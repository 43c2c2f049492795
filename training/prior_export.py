"""A decoder's last checkpoint -> fp16 safetensors in the package: ``python training/prior_export.py RUN --data DIR``.

With the weights go the codes' mean and deviation over the training pictures, which bound a code, and the leading
directions of their spread, from which random codes are drawn; and distances on pictures never trained on are printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from data import load_split
from export import PACKAGE
from phosphene.models.miniception.decoder import Decoder, code_of
from prior import COMPARED, Features

RANK = 64


@torch.no_grad()
def codes_of(pictures: Tensor, features: Features) -> Tensor:
    parts = [code_of(features.maps(x.float().div(255))[-1]) for x in pictures.split(500)]
    return torch.cat(parts).flatten(1)


@torch.no_grad()
def distances(decoder: Decoder, pictures: Tensor, features: Features) -> dict[str, float]:
    """Mean absolute difference of pixels, and mean squared difference of features in units of their spread."""
    pixel, feature, count = 0.0, dict.fromkeys(COMPARED, 0.0), 0
    for x in pictures.split(500):
        photos = x.float().div(255)
        wanted = features(photos)
        made = decoder(code_of(wanted[-1] * features.spread[-1]))
        pixel += float((made - photos).abs().mean()) * len(x)
        for name, a, b in zip(COMPARED, features(made), wanted, strict=True):
            feature[name] += float((a - b).square().mean()) * len(x)
        count += len(x)
    return {"pixel": pixel / count, **{name: value / count for name, value in feature.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    pictures, _ = load_split(args.data / "train.parquet")
    features = Features(pictures[:512].float().div(255))
    state = torch.load(args.run / "last.pt", weights_only=True)["averaged"]
    decoder = Decoder().eval()
    decoder.load_state_dict({key.removeprefix("module."): value for key, value in state.items() if "module." in key})
    codes = codes_of(pictures, features)
    mean, spread = codes.mean(0), codes.std(0)
    _, values, directions = torch.pca_lowrank(codes, q=RANK, center=True, niter=4)
    factor = directions * (values / len(codes) ** 0.5)
    shape = (384, 2, 2)
    weights = {name: value.half().contiguous() for name, value in decoder.state_dict().items()
               if not name.endswith("num_batches_tracked")}  # fmt: skip
    weights |= {"code.mean": mean.view(shape).half(), "code.std": spread.view(shape).half(),
                "code.factor": factor.half().contiguous()}  # fmt: skip
    path = PACKAGE / "decoder.safetensors"
    save_file(weights, path)
    decoder.load_state_dict({name: value.float() for name, value in weights.items() if not name.startswith("code.")},
                            strict=False)  # fmt: skip
    print(f"{path} ({path.stat().st_size / 1e6:.2f} MB)")
    held_back = load_split(args.data / "val.parquet")[0]
    for name, value in distances(decoder, held_back, features).items():
        print(f"{name} {value:.4f}")


if __name__ == "__main__":
    main()
