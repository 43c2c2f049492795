"""``phosphene layers MODEL``"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..errors import BadSpec, closest
from .common import load, model_arguments, whole

if TYPE_CHECKING:
    from ..models.layers import Layer


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="an address; see phosphene models")
    parser.add_argument(
        "--match", metavar="GLOB", default="*", help='only layers called so, such as "mixed*" or "*.relu"'
    )
    parser.add_argument("--depth", type=whole, metavar="N", help="only names of up to N parts: 1 for the outermost")
    parser.add_argument("--json", action="store_true", help="as JSON")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    network = load(args)
    layers = [
        layer
        for layer in network.layers.values()
        if fnmatchcase(layer.name, args.match) and (args.depth is None or layer.name.count(".") < args.depth)
    ]
    if not layers:
        raise BadSpec(f"no layer of {network.name} matches; {closest(args.match.strip('*'), network.layers)}")
    if args.json:
        data = {"model": network.name, "input": asdict(network.preprocessing), "labels": network.labels}
        print(json.dumps({**data, "layers": [asdict(layer) for layer in layers]}, indent=2))
        return 0
    print(f"{network.name}: {network.preprocessing}")
    print(f"labels: {f'{len(network.labels)} class names' if network.labels else 'none, classes go by number'}\n")
    rows = [("layer", "kind", "channels", "positions", "sees", "module"), *(_row(layer) for layer in layers)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _row(layer: Layer) -> tuple[str, ...]:
    name = layer.name if layer.calls == 1 else f"{layer.name}  (runs {layer.calls}x: #0 to #{layer.calls - 1})"
    sees = "whole" if layer.field is None else "{}x{}".format(*layer.field)
    return name, layer.kind, str(layer.channels), "x".join(map(str, layer.size)) or "-", sees, layer.module
