"""``phosphene invert MODEL LAYER PHOTO``"""

from __future__ import annotations

import argparse
from pathlib import Path

from .common import load, model_arguments, number, sides, whole
from .making import film_arguments, frames_of, make_and_write, output_arguments
from .output import Paths, default_name


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("layer", metavar="LAYER", help="whose view of the photo is drawn")
    parser.add_argument("photo", metavar="PHOTO", help="its middle is used")
    output_arguments(parser)
    parser.add_argument("--smooth", type=number, default=0.05, metavar="S", help="strength of the total variation; .05")
    parser.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    parser.add_argument("--steps", type=whole, metavar="N", help="256 by default")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same picture; 0")
    film_arguments(parser)
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    name = default_name(args.model, f"inverted {args.layer} {Path(args.photo).stem}", args.seed)
    paths, size = Paths(Path(args.out) if args.out is not None else name), sides(args.size)
    frames = frames_of(args, paths, args.steps or 256)
    from ..photo import invert

    return make_and_write(
        args,
        paths,
        lambda bar: [
            invert(
                load(args),
                args.layer,
                args.photo,
                smooth=args.smooth,
                size=size,
                steps=args.steps,
                seed=args.seed,
                frames=frames,
                progress=bar,
            )
        ],
    )
