"""``phosphene layers MODEL``"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec, NotDifferentiable, closest
from .common import load, model_arguments, whole

if TYPE_CHECKING:
    from ..models.layers import Layer
    from ..models.network import Network

UNKNOWN = "?"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="an address; see phosphene models")
    parser.add_argument(
        "--match", metavar="GLOB", default="*", help='only layers called so, such as "mixed*" or "*.relu"'
    )
    parser.add_argument("--depth", type=whole, metavar="N", help="only names of up to N parts: 1 for the outermost")
    parser.add_argument(
        "--measure",
        action="store_true",
        help="where the graph does not tell what a position sees, measure it at the middle one (about a second each)",
    )
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
        print(json.dumps({**data, "layers": [_data(network, layer, args.measure) for layer in layers]}, indent=2))
        return 0
    print(f"{network.name}: {network.preprocessing}")
    print(f"labels: {f'{len(network.labels)} class names' if network.labels else 'none, classes go by number'}\n")
    rows = [
        ("layer", "kind", "channels", "positions", "sees", "module"),
        *(_row(network, layer, args.measure) for layer in layers),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if not args.measure and any(row[4] == UNKNOWN for row in rows):
        print(f"\n{UNKNOWN}: the graph does not tell what a position sees; --measure does")
    return 0


def _row(network: Network, layer: Layer, measure: bool) -> tuple[str, ...]:
    name = layer.name if layer.calls == 1 else f"{layer.name}  (runs {layer.calls}x: #0 to #{layer.calls - 1})"
    sees = _sees(network, layer, measure)
    return name, layer.kind, str(layer.channels), "x".join(map(str, layer.size)) or "-", sees, layer.module


def _sees(network: Network, layer: Layer, measure: bool) -> str:
    if layer.field is not None:
        return "{}x{}".format(*layer.field)
    if math.prod(layer.size) == 1:  # one position for the whole picture
        return "whole"
    field = _measured(network, layer) if measure else None
    if field is None:
        return UNKNOWN
    return "whole" if field == network.preprocessing.size[1:] else "{}x{}".format(*field)


def _measured(network: Network, layer: Layer) -> tuple[int, int] | None:
    """Rows and columns that the middle position sees; None where no gradient tells."""
    try:
        return network.sees(layer.name, tuple(count // 2 for count in layer.size)).size
    except NotDifferentiable:
        return None


def _data(network: Network, layer: Layer, measure: bool) -> dict[str, Any]:
    """``field``: rows and columns that a position sees, null for the whole picture or where nobody knows; ``measured``:
    it was measured at the middle position, within the picture."""
    data = asdict(layer)
    if data["reach"] is not None:
        del data["reach"]["spans"]  # a line for each row and column of the map
    measured = measure and layer.field is None and math.prod(layer.size) != 1
    return {**data, "field": _measured(network, layer) if measured else layer.field, "measured": measured}
