"""``phosphene dream MODEL TARGET PHOTO``"""

from __future__ import annotations

import argparse
from pathlib import Path

from .common import load, model_arguments, number, sides, whole
from .making import film_arguments, frames_of, make_and_write, output_arguments
from .output import Paths, default_name


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("target", metavar="TARGET", help="a layer such as mixed4b, a unit or a class")
    parser.add_argument("photo", metavar="PHOTO", help="of any size")
    output_arguments(parser)
    parser.add_argument("--octaves", type=whole, default=4, metavar="N", help="sizes to climb through; 4 by default")
    parser.add_argument("--scale", type=number, default=1.4, metavar="S", help="from one size to the next; 1.4")
    parser.add_argument("--steps", type=whole, default=10, metavar="N", help="in each of them; 10")
    parser.add_argument("--rate", type=number, default=1.5, metavar="R", help="mean change in a step, of 255; 1.5")
    parser.add_argument("--roll", type=whole, default=32, metavar="N", help="pixels by which the photo moves round; 32")
    parser.add_argument("--tile", type=whole, default=512, metavar="N", help="pixels that are seen at once; 512")
    parser.add_argument("--size", metavar="N|HxW", help="pixels of the shorter side, instead of the photo's own")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same dream; 0")
    film_arguments(parser)
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    name = default_name(args.model, f"dream {args.target} {Path(args.photo).stem}", args.seed)
    paths, size = Paths(Path(args.out) if args.out is not None else name), sides(args.size)
    frames = frames_of(args, paths, args.steps * args.octaves)
    from ..photo import dream

    return make_and_write(
        args,
        paths,
        lambda bar: [
            dream(
                load(args),
                args.target,
                args.photo,
                octaves=args.octaves,
                scale=args.scale,
                steps=args.steps,
                rate=args.rate,
                roll=args.roll,
                tile=args.tile,
                size=size,
                seed=args.seed,
                frames=frames,
                progress=bar,
            )
        ],
    )
