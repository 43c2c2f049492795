"""``phosphene render MODEL TARGET``"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec
from ..files import why
from .common import load, model_arguments, number, said_of_network, sides, whole, whole_numbers
from .making import make_and_write, output_arguments
from .output import Layout, Paths, default_name
from .progress import Bar

if TYPE_CHECKING:
    from ..result import Result

TARGETS = """targets:
  mixed4b:11               a channel          mixed4b:11@3,4       one neuron (@centre: the middle one)
  mixed4b:0..63            many channels      mixed4b              the whole layer (DeepDream)
  logit:goldfish           a class            mixed4b:random#7     a random direction
  prob:goldfish            its probability    mixed4b:dir.npy      a direction from a file
  "mixed4b:11 + 0.5*mixed4b:30 - 0.1*tv"      sums; penalties are tv, l1, l2, blur, boundary, opacity
  options in brackets: mixed4b:11[energy], mixed4b:random#7[cosine]; odd names in quotes: 'logit:"bow tie"'

examples:
  phosphene render miniception mixed4b:11 -o unit.png
  phosphene render miniception logit:goldfish --steps 256 --timelapse 0,16,64,256
  phosphene render miniception logit:goldfish --preset maco --movie goldfish.gif
  phosphene render miniception mixed4b:11 --diverse 4
  phosphene render --replay unit.json
"""
# what a replay takes from its record instead; None on the command line means that nothing was said
_DEFAULTS: dict[str, Any] = {
    "size": None,
    "image": None,
    "colour": None,
    "alpha": False,
    "transparency": False,
    "within": None,
    "seed": 0,
    "preset": "standard",
    "steps": None,
    "lr": None,
    "transform": None,
    "views": None,
    "filter": None,
    "gradient": None,
    "keep": None,
    "diverse": None,
    "strength": None,
    "at": None,
    "timelapse": None,
    "movie": None,
    "exact": False,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = TARGETS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "phosphene render MODEL TARGET [-o FILE.png] [options]\n       phosphene render --replay RECORD"
    parser.add_argument("model", nargs="?", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("target", nargs="?", metavar="TARGET", help="what should fire; see below")
    output_arguments(parser)
    parser.add_argument("--replay", metavar="RECORD", help="make the picture of a record (.json or .jsonl) again")
    _picture_arguments(parser)
    _ascent_arguments(parser)
    differ = parser.add_argument_group("several pictures of one unit that differ")
    differ.add_argument("--diverse", type=whole, metavar="N", help="so many; the record says how alike they are")
    differ.add_argument(
        "--strength", type=number, metavar="S", help="what a likeness of 1 costs, in shares of the score; 1 by default"
    )
    differ.add_argument("--at", metavar="LAYER", help="where they are compared; by default the unit's own layer")
    parser.add_argument("--store", metavar="S", help="a store with a scan: the record says where the score lies among "
                        "real pictures; by default that in PHOSPHENE_STORE")  # fmt: skip
    model_arguments(parser)


def _picture_arguments(parser: argparse.ArgumentParser) -> None:
    """What the picture is, and where it begins and stays."""
    picture = parser.add_argument_group("picture")
    picture.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    picture.add_argument(
        "--image",
        metavar="NAME",
        help="how it is stored: fourier (default), pixel, pyramid, cppn, maco, "
        "prior; options in brackets: 'cppn[drawn=512]'",
    )
    picture.add_argument("--colour", metavar="NAME", help="decorrelated (default) or plain")
    picture.add_argument(
        "--alpha",
        action="store_true",
        default=None,
        help="an opacity is optimised too, over random backgrounds; the PNG is transparent",
    )
    picture.add_argument(
        "--transparency",
        action="store_true",
        default=None,
        help="an opacity from the gradients that each pixel has had",
    )
    picture.add_argument("--start", metavar="PHOTO", help="begin with this picture (its middle) instead of noise")
    picture.add_argument("--within", metavar="BALL", help="stay near the start: l2[3] or linf[.05], values in [0, 1]")
    picture.add_argument("--mask", metavar="FILE", help="change the start only where this picture is white")
    picture.add_argument("--photo", metavar="FILE", help="what near:, invert: and caricature: compare with")
    picture.add_argument("--seed", type=whole, metavar="N", help="same seed, same picture; 0 by default")


def _ascent_arguments(parser: argparse.ArgumentParser) -> None:
    """How it climbs, and what is kept of the way."""
    climb = parser.add_argument_group("ascent")
    climb.add_argument(
        "--preset",
        metavar="NAME",
        help="standard (default): 256 steps; fast: 128; draft: 64, for a "
        "first look; or published settings: phosphene methods",
    )
    climb.add_argument("--steps", type=whole, metavar="N", help="instead of the preset's")
    climb.add_argument("--lr", type=number, metavar="RATE", help="size of a step, instead of the preset's")
    climb.add_argument(
        "--transform",
        metavar="NAME",
        help="what must not matter: lucid (default), distill, lucent, none, or steps such as 'pad[12] jitter[8] noise'",
    )
    climb.add_argument("--views", type=whole, metavar="N", help="transformed copies of each picture in a step")
    climb.add_argument(
        "--filter",
        action="append",
        metavar="NAME",
        help="done to the picture after steps: "
        "'blur[every=4,sigma=.5]', bilateral, decay, small_norm, small_benefit; may be repeated",
    )
    climb.add_argument(
        "--gradient",
        action="append",
        metavar="NAME",
        help="preconditioner: sign, unit, mean_abs, and for "
        "--image pixel blur, laplacian, decorrelated; may be repeated",
    )
    climb.add_argument("--keep", metavar="WHICH", help="the last picture (default) or the best on the way")
    climb.add_argument(
        "--exact", action="store_true", default=None, help="the module as it is, in its own precision: no fast path"
    )
    climb.add_argument("--timelapse", metavar="STEPS", help="also a strip of the picture at these steps: 0,4,48,512")
    climb.add_argument(
        "--movie", metavar="FILE", help="also a film of the ascent: .gif; .mp4 or .webm with phosphene[movie]"
    )


def run(args: argparse.Namespace) -> int:
    _check(args)
    if args.out is not None:
        paths = Paths(Path(args.out))
    elif args.replay is not None:
        paths = Paths(Path(args.replay).with_suffix(".again.png"))
    else:
        paths = Paths(default_name(args.model, args.target, args.seed))
    if args.movie is not None:
        paths.film(Path(args.movie), strip=args.timelapse is not None)
    layout = Layout(columns=args.diverse) if args.diverse is not None else None
    making = _replay if args.replay is not None else _render
    return make_and_write(args, paths, lambda bar: making(args, bar), layout)


def _check(args: argparse.Namespace) -> None:
    """Refuse what contradicts itself; put in the defaults."""
    if args.replay is None and (args.model is None or args.target is None):
        raise BadSpec("render needs a model and a target, such as: phosphene render miniception mixed4b:11")
    if args.replay is not None:
        if args.target is not None:
            raise BadSpec("--replay takes the target from the record; leave it out")
        given = [name for name in _DEFAULTS if getattr(args, name) is not None]
        if args.model is None:
            given += said_of_network(args)
        if given:
            raise BadSpec(f"--replay takes --{given[0].replace('_', '-')} from the record; leave it out")
    for name, value in _DEFAULTS.items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def _render(args: argparse.Namespace, bar: Bar) -> list[Result]:
    size, frames = sides(args.size), whole_numbers("--timelapse", args.timelapse) or []
    from ..front import film_of, image_of, render_batch, steps_of
    from ..presets import preset
    from ..together import diverse

    steps = steps_of(args.preset, args.steps, frames)  # refuses before a network is loaded, let alone downloaded
    if args.movie is not None and not frames:
        frames = film_of(steps)
    optimizer = None if args.lr is None else preset(args.preset).optimizer.at(args.lr)
    image = image_of(args.preset, args.image, size)
    changes = {"colour": args.colour} if args.colour is not None else {}
    if args.alpha:
        changes["opacity"] = True
    if changes:
        image = replace(image or preset(args.preset).image, **changes)
    said = {
        "image": image,
        "transform": args.transform,
        "preset": args.preset,
        "optimizer": optimizer,
        "steps": args.steps,
        "seed": args.seed,
        "start": args.start,
        "frames": frames,
        "views": args.views,
        "gradient": args.gradient,
        "filters": args.filter,
        "within": args.within,
        "mask": args.mask,
        "reference": args.photo,
        "transparency": args.transparency,
        "keep": args.keep,
        "store": args.store,
        "arithmetic": "exact" if args.exact else None,
        "progress": bar,
    }
    if args.diverse is None:
        if args.strength is not None or args.at is not None:
            raise BadSpec("--strength and --at are for several pictures of one unit; say how many with --diverse N")
        return render_batch(load(args), args.target, **said)
    strength = 1.0 if args.strength is None else args.strength
    return diverse(load(args), args.target, args.diverse, strength=strength, layer=args.at, **said)


def _replay(args: argparse.Namespace, bar: Bar) -> list[Result]:
    records = _records(Path(args.replay))
    from ..again import replay_batch

    network = load(args) if args.model is not None else None
    return replay_batch(
        records, network, start=args.start, mask=args.mask, reference=args.photo, device=args.device, progress=bar
    )


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        hint = f"; did you mean {path.with_suffix('.json')}?" if path.suffix == ".png" else ""
        raise BadSpec(f"{path} is no record: a record is the .json beside a picture{hint}") from error
    except OSError as error:
        raise BadSpec(f"cannot read the record {path}: {why(error)}") from error
    try:
        lines = [line for line in text.splitlines() if line.strip()] if path.suffix == ".jsonl" else [text]
        records = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise BadSpec(f"the record {path} is damaged, it is not JSON: {why(error)}") from error
    if not records or not all(isinstance(record, dict) for record in records):
        raise BadSpec(f"{path} holds no phosphene records")
    return records
