"""``phosphene compare MODEL TARGET``"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .common import load, model_arguments, sides, whole
from .making import make_and_write, output_arguments
from .output import Layout, Paths, default_name
from .progress import Bar

if TYPE_CHECKING:
    from ..gallery.sheet import Cell
    from ..result import Result
    from ..side_by_side import Row


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("target", metavar="TARGET", help="a unit, a class, a direction or a sum of them")
    output_arguments(parser)
    parser.add_argument(
        "--methods",
        metavar="A,B,...",
        help="presets by name, see phosphene methods; by default pixel, "
        "fourier, pyramid, cppn, maco, prior and the descent directions l2, linf, decorrelated",
    )
    parser.add_argument(
        "--passes",
        type=whole,
        default=512,
        metavar="N",
        help="pictures that go through the network for each method; 512",
    )
    parser.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same pictures; 0")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    name = default_name(args.model, f"compared {args.target}", args.seed)
    paths, size = Paths(Path(args.out) if args.out is not None else name), sides(args.size)
    from ..side_by_side import METHODS, compare

    rows: list[Row] = []

    def making(bar: Bar) -> list[Result]:
        methods = METHODS if args.methods is None else [one.strip() for one in args.methods.split(",") if one.strip()]
        rows.extend(
            compare(load(args), args.target, methods, passes=args.passes, size=size, seed=args.seed, progress=bar)
        )
        return [row.result for row in rows]

    title = f"{args.target}: clean and robust score"
    code = make_and_write(args, paths, making, Layout(title=title, cells=lambda _: _cells(rows)), lines=False)
    if rows and not args.quiet:
        _table(rows, sys.stderr if args.json else sys.stdout)
    return code


def _cells(rows: list[Row]) -> list[Cell]:
    from ..gallery.sheet import Cell

    return [
        Cell(row.result.pixels, row.method, f"{_number(row.clean)} · {row.robust:.2f}", row.result.status != "ok")
        for row in rows
    ]


def _table(rows: list[Row], out: Any) -> None:
    print(f"{'method':16} {'passes':>6} {'clean':>8} {'robust':>8} {'slope':>6} {'seconds':>8}  status", file=out)
    for row in rows:
        print(
            f"{row.method:16} {row.passes:6} {_number(row.clean):>8} {row.robust:8.2f} {row.slope:6.2f} "
            f"{row.seconds:8.1f}  {row.result.status}",
            file=out,
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
