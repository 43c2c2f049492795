"""``phosphene interpolate MODEL A B``"""

from __future__ import annotations

import argparse
from pathlib import Path

from .common import load, model_arguments, number, sides, whole
from .making import make_and_write, output_arguments
from .output import Layout, Paths, default_name


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("first", metavar="A", help="a unit such as mixed4b:11, or a sum")
    parser.add_argument("last", metavar="B", help="another")
    output_arguments(parser)
    parser.add_argument("--frames", type=whole, default=6, metavar="N", help="from A to B; 6 by default")
    parser.add_argument("--strength", type=number, default=0.1, metavar="S", help="of the alignment; .1")
    parser.add_argument("--at", metavar="LAYER", help="where frames are aligned; by default A's own layer")
    parser.add_argument("--preset", default="standard", metavar="NAME", help="standard, fast, draft or lucid")
    parser.add_argument("--steps", type=whole, metavar="N", help="instead of the preset's")
    parser.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same frames; 0")
    parser.add_argument("--movie", metavar="FILE", help="there and back as .gif; .mp4 or .webm with phosphene[movie]")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    name = default_name(args.model, f"{args.first} to {args.last}", args.seed)
    paths, size = Paths(Path(args.out) if args.out is not None else name), sides(args.size)
    if args.movie is not None:
        paths.film(Path(args.movie))
    from ..together import interpolate

    return make_and_write(
        args,
        paths,
        lambda bar: interpolate(
            load(args),
            args.first,
            args.last,
            frames=args.frames,
            layer=args.at,
            strength=args.strength,
            size=size,
            preset=args.preset,
            steps=args.steps,
            seed=args.seed,
            progress=bar,
        ),
        Layout(columns=args.frames, there_and_back=True),
    )
