"""``phosphene grid MODEL LAYER:3,17,42``"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..address import expand
from ..errors import BadSpec
from .common import load, model_arguments, sides, whole
from .making import make_and_write, output_arguments
from .output import Layout, Paths, default_name
from .progress import Bar

if TYPE_CHECKING:
    from ..gallery.sheet import Cell
    from ..result import Result
    from ..together import Pair


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("units", metavar="LAYER:A,B,C", help="channels of one layer; every pair is optimised together")
    output_arguments(parser)
    parser.add_argument("--preset", default="standard", metavar="NAME", help="see phosphene methods")
    parser.add_argument("--steps", type=whole, metavar="N", help="instead of the preset's")
    parser.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same pictures; 0")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    name = default_name(args.model, f"grid {args.units}", args.seed)
    paths, size = Paths(Path(args.out) if args.out is not None else name), sides(args.size)
    layer, channels = _channels(args.units)
    from ..together import grid

    pairs: list[Pair] = []

    def making(bar: Bar) -> list[Result]:
        results, found = grid(
            load(args), layer, channels, size=size, preset=args.preset, steps=args.steps, seed=args.seed, progress=bar
        )
        pairs.extend(found)
        return results

    layout = Layout(
        len(channels),
        f"{args.units}: alone on the diagonal, pairs above it",
        lambda results: _square(results, len(channels)),
    )
    code = make_and_write(args, paths, making, layout)
    if pairs and not args.quiet:
        _table(pairs, sys.stderr if args.json else sys.stdout)
    return code


def _channels(text: str) -> tuple[str, list[int]]:
    layer, _, channels = text.rpartition(":")
    if not layer or layer in ("logit", "prob") or not re.fullmatch(r"\d+(\.\.\d+)?(,\d+(\.\.\d+)?)*", channels):
        raise BadSpec(f"a grid is of channels of one layer, such as mixed4b:3,17,42, not {text}")
    return layer.strip('"'), [int(one.rpartition(":")[2]) for one in expand(text)]


def _square(results: list[Result], count: int) -> list[Cell]:
    """Row and column are units; below the diagonal, where pairs would repeat, nothing."""
    from ..gallery.sheet import blank, cell_of

    pairs = iter(results[count:])
    return [
        cell_of(results[row]) if row == column else cell_of(next(pairs)) if column > row else blank(results[0].pixels)
        for row in range(count)
        for column in range(count)
    ]


def _table(pairs: list[Pair], out: Any) -> None:
    print(
        "pair: score of each unit on their picture (share of what it reached alone); on the other's own picture",
        file=out,
    )
    for pair in pairs:
        cells = [
            f"{unit} {score:.3f} ({share:.0%}); {other:.0%}"
            for unit, score, share, other in zip(pair.units, pair.scores, pair.shares, pair.of_other, strict=True)
        ]
        print("  " + "   ".join(cells), file=out)
