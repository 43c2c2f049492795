"""``phosphene accentuate MODEL TARGET PHOTO``"""

from __future__ import annotations

import argparse
from pathlib import Path

from .common import load, model_arguments, number, sides, whole
from .making import film_arguments, frames_of, make_and_write, output_arguments
from .output import Paths, default_name


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("target", metavar="TARGET", help="what should fire more: a unit, a class")
    parser.add_argument("photo", metavar="PHOTO", help="where it shows what it responds to")
    output_arguments(parser)
    parser.add_argument("--at", metavar="LAYER", help="what must see much the same; by default the target's own layer")
    parser.add_argument("--weight", type=number, default=1.0, metavar="W", help="of that, 1 balances the gradients; 1")
    parser.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    parser.add_argument("--steps", type=whole, metavar="N", help="100 by default")
    parser.add_argument("--transparency", action="store_true", help="opaque only where gradients were")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same picture; 0")
    film_arguments(parser)
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    name = default_name(args.model, f"accentuated {args.target} {Path(args.photo).stem}", args.seed)
    paths, size = Paths(Path(args.out) if args.out is not None else name), sides(args.size)
    frames = frames_of(args, paths, args.steps or 100)
    from ..photo import accentuate

    return make_and_write(
        args,
        paths,
        lambda bar: [
            accentuate(
                load(args),
                args.target,
                args.photo,
                layer=args.at,
                weight=args.weight,
                size=size,
                steps=args.steps,
                transparency=args.transparency,
                seed=args.seed,
                frames=frames,
                progress=bar,
            )
        ],
    )
