"""Seconds until a picture is as good as lucent's of 512 steps, on trained networks.

    python -m benchmarks.speed.parity --out build/bench [--model path/to/model.py:build --layer L --size 96]

Each of some channels, drawn by seed, is made by lucent with its defaults (except that the network is shown the picture
at its own size, where its default enlarges to 224), then by phosphene with several numbers of steps. All pictures, as
they would be saved, are scored by the plain network three ways: bare, under lucent's own transforms, under ours, means
over equally many draws. A number of steps has parity where the median ratio to lucent's score is 1 or more under both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import phosphene as ph
from phosphene.presets import PRESETS
from phosphene.rng import Stream
from phosphene.tap import Tap
from phosphene.transforms import preset as chain_of

from .contenders import Clock
from .nets import Prepared

DRAWS = 32
PACES = {"draft": (32, 48, 64, 96), "fast": (96, 128), "standard": (192, 256)}  # preset -> steps


def drawn(channels: int, count: int) -> list[int]:
    return sorted(Stream.of([0]).fold("parity").uniform(channels)[0].argsort().tolist()[:count])


def scores(network: ph.Network, layer: str, channel: int, picture: np.ndarray) -> dict[str, float]:
    """``picture``: ``(h, w, 3)`` in [0, 1], rounded to 8 bits as a file would be."""
    from lucent.optvis import transform

    x = torch.from_numpy(np.round(picture * 255) / 255).float().permute(2, 0, 1)[None]
    theirs, ours = transform.compose(transform.standard_transforms), chain_of("lucid")
    size = (x.shape[2], x.shape[3])
    np.random.seed(0)
    torch.manual_seed(0)
    with network.frozen(), torch.no_grad(), Tap(network, [layer]) as tap:

        def value(seen: Tensor) -> float:
            return float(tap(seen)[layer][0, channel].mean())

        def fitted(seen: Tensor) -> Tensor:
            return torch.nn.functional.interpolate(seen, size, mode="bilinear", align_corners=True)

        own = [ours.apply(x, ours.sample(Stream.of([7]).fold(index), size)) for index in range(DRAWS)]
        return {
            "clean": value(x),
            "lucent's": statistics.mean(value(fitted(theirs(x))) for _ in range(DRAWS)),
            "ours": statistics.mean(value(seen) for seen in own),
        }


def lucent_picture(network: ph.Network, layer: str, channel: int, size: int, steps: int) -> tuple[np.ndarray, float]:
    """Its picture ``(h, w, 3)`` and how long its steps took."""
    from lucent.optvis import param, render

    clock = Clock()

    def optimizer(parameters: Any) -> torch.optim.Optimizer:
        adam = torch.optim.Adam(parameters, lr=5e-2)
        adam.register_step_post_hook(lambda *_: clock())
        return adam

    torch.manual_seed(0)
    np.random.seed(0)
    name = f"inner_{layer.replace('.', '_')}:{channel}"
    made: list[Any] = []
    seconds = clock.steps(lambda: made.extend(render.render_vis(
        Prepared(network).eval(), name, lambda: param.image(size), optimizer, thresholds=(steps,), preprocess=False,
        progress=False, show_image=False, fixed_image_size=size)))  # fmt: skip
    return made[-1][0], sum(seconds) * steps / (steps - 1)


def measure(address: str, layer: str, size: int, count: int) -> dict[str, Any]:
    network = ph.load(address)
    units = drawn(network.find(layer)[0].channels, count)
    found: dict[str, Any] = {"model": Path(network.name).name, "layer": layer, "size": size, "units": units, "rows": []}

    def note(tool: str, steps: int, unit: int, seconds: float, picture: np.ndarray) -> None:
        row = {"tool": tool, "steps": steps, "unit": unit, "seconds": seconds}
        found["rows"].append(row | scores(network, layer, unit, picture))
        print(found["rows"][-1], flush=True)

    for unit in units:
        picture, seconds = lucent_picture(network, layer, unit, size, 512)
        note("lucent", 512, unit, seconds, picture)
    paces = [(preset, steps) for preset, counts in PACES.items() for steps in counts]
    for (preset, steps), transform in product(paces, ("lucid", "lucent")):
        begun = time.perf_counter()
        targets = [f"{layer}:{unit}" for unit in units]
        results = ph.render_batch(network, targets, preset=preset, steps=steps, size=size, transform=transform)
        each = (time.perf_counter() - begun) / len(units)  # evidence included
        for unit, result in zip(units, results, strict=True):
            note(f"{preset}, {transform}", steps, unit, each, np.asarray(result.pixels) / 255)
    return found


def table(found: dict[str, Any]) -> str:
    """Markdown: per pace the medians of score and time against lucent's."""
    base = {row["unit"]: row for row in found["rows"] if row["tool"] == "lucent"}
    seconds = statistics.median(row["seconds"] for row in base.values())
    dead = [unit for unit, row in base.items() if row["clean"] <= 0]  # lucent's gradient was blocked from the start
    head = f"{found['model']} {found['layer']}, {found['size']} px, {len(base)} channels; lucent: {seconds:.1f} s"
    if dead:
        head += f"; {len(dead)} of lucent's pictures stayed dead, and their channels are left out of the ratios"
    columns = "preset, transforms", "steps", "clean", "under lucent's", "under ours", "s per picture", "times faster"
    rows = [head, "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for tool, steps in dict.fromkeys((row["tool"], row["steps"]) for row in found["rows"]):
        own = [row for row in found["rows"] if (row["tool"], row["steps"]) == (tool, steps)]
        if tool == "lucent":
            continue
        cells = []
        for key in ("clean", "lucent's", "ours"):
            low, middle, high = statistics.quantiles(
                [row[key] / base[row["unit"]][key] for row in own if row["unit"] not in dead], n=4
            )
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        each = own[0]["seconds"]
        rows.append(f"| {tool} | {steps} | {' | '.join(cells)} | {each:.2f} | {seconds / each:.1f} |")
    under = [row["lucent's"] / row["ours"] for row in found["rows"] if row["ours"]]
    share = f"{statistics.median(under):.3f}"
    rows += ["", f"The same picture under lucent's transforms scores {share} of what it scores under ours."]
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="miniception")
    parser.add_argument("--layer", default="mixed4b")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"{len(PRESETS)} presets, {args.threads} threads", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    found = measure(args.model, args.layer, args.size, args.count)
    found["threads"] = args.threads
    (args.out / f"parity-{found['model'].split(':')[0]}.json").write_text(json.dumps(found, indent=1))
    print(table(found))


if __name__ == "__main__":
    main()
