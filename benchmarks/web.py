"""How many pictures a second can be looked through: a webcam's frames, one after the other, as a page sends them.

    python -m benchmarks.web MODEL PHOTOS [--frames 30] [--size 320] [--threads N] [--out FILE.json]

``PHOTOS``: a folder; its pictures become JPEG frames of ``--size`` pixels before the clock starts. A look decodes one,
runs the network, packs the maps of a layer and explains a unit of the layer in the middle; HTTP is not in it. The first
look of each kind, in which fast paths are made and checked, is told apart.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps

import phosphene as ph
from phosphene.attribution import attributions
from phosphene.sweeps.planning import chosen
from phosphene.web.look.eye import Eye


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    network = ph.load(args.model)
    frames = frames_of(args.photos, args.size, min(args.frames, 12))
    name, eye = network.fingerprint, Eye({network.fingerprint: network})
    maps = [track.name for track in chosen(network, None, None) if len(track.size) == 2]
    middle = "mixed4b" if "mixed4b" in maps else maps[len(maps) // 2]
    kinds: list[tuple[str | None, str | None]] = [(None, None)]
    kinds += [(layer, None) for layer in dict.fromkeys((maps[0], middle, maps[-1], "logit"))]
    kinds += [(middle, method) for method in attributions.names()]
    rows: list[dict[str, Any]] = []
    print(f"{'maps of':12} {'unit by':18} {'first s':>8} {'median':>8} {'worst':>8} {'best':>8}   frames a second")
    for layer, method in kinds:
        unit = None if method is None else f"{middle}:11"
        spent = []
        for count in range(args.frames + 2):  # the first two are for warming up
            begun = time.perf_counter()
            eye.look(name, frames[count % len(frames)], layer, unit, method)
            spent.append(time.perf_counter() - begun)
        steady = spent[2:]
        row = {
            "maps": layer, "method": method, "first_seconds": round(spent[0], 3),
            "per_second": round(1 / statistics.median(steady), 1),
            "spread": [round(1 / max(steady), 1), round(1 / min(steady), 1)],
        }  # fmt: skip
        rows.append(row)
        worst, best = row["spread"]
        shown = f"{layer or '-':12} {method or '-':18} {row['first_seconds']:8.2f} {row['per_second']:8.1f}"
        print(f"{shown} {worst:8.1f} {best:8.1f}", flush=True)
    found = {
        "model": Path(args.model).name, "input": list(network.preprocessing.size), "threads": torch.get_num_threads(),
        "frame": args.size, "frames": args.frames, "unit": f"{middle}:11", "torch": torch.__version__, "looks": rows,
    }  # fmt: skip
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


def frames_of(folder: Path, side: int, count: int) -> list[bytes]:
    frames = []
    paths = (path for path in sorted(folder.iterdir()) if path.suffix in (".webp", ".jpg", ".jpeg", ".png"))
    for path, _ in zip(paths, range(count), strict=False):
        buffer = io.BytesIO()
        with Image.open(path) as picture:
            ImageOps.fit(picture.convert("RGB"), (side, side)).save(buffer, format="JPEG", quality=85)
        frames.append(buffer.getvalue())
    if not frames:
        raise SystemExit(f"no pictures in {folder}")
    return frames


if __name__ == "__main__":
    main()
