"""``phosphene render MODEL TARGET``"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec
from ..files import why
from .common import load, model_arguments, number, said_of_network, whole, whole_numbers
from .output import Paths, default_name
from .progress import Bar

if TYPE_CHECKING:
    from ..result import Result

TARGETS = """targets:
  mixed4b:11               a channel          mixed4b:11@3,4       one neuron (@centre: the middle one)
  mixed4b:0..63            many channels      mixed4b              the whole layer (DeepDream)
  logit:goldfish           a class            mixed4b:random#7     a random direction
  prob:goldfish            its probability    mixed4b:dir.npy      a direction from a file
  "mixed4b:11 + 0.5*mixed4b:30 - 0.1*tv"      sums; penalties are tv, l1, l2
  options in brackets: mixed4b:11[energy], mixed4b:random#7[cosine]; odd names in quotes: 'logit:"bow tie"'

examples:
  phosphene render miniception mixed4b:11 -o unit.png
  phosphene render miniception logit:goldfish --steps 256 --timelapse 0,16,64,256
  phosphene render --replay unit.json
"""
# what a replay takes from its record instead; None on the command line means that nothing was said
_DEFAULTS: dict[str, Any] = {
    "size": None,
    "image": "fourier",
    "colour": "decorrelated",
    "seed": 0,
    "preset": "standard",
    "steps": None,
    "lr": None,
    "transform": "lucid",
    "timelapse": None,
    "exact": False,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = TARGETS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "phosphene render MODEL TARGET [-o FILE.png] [options]\n       phosphene render --replay RECORD"
    parser.add_argument("model", nargs="?", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("target", nargs="?", metavar="TARGET", help="what should fire; see below")
    parser.add_argument("-o", dest="out", metavar="FILE.png", help="the picture; its record goes beside it as .json")
    parser.add_argument("--json", action="store_true", help="print the record too; one line each for many pictures")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument("--replay", metavar="RECORD", help="make the picture of a record (.json or .jsonl) again")
    picture = parser.add_argument_group("picture")
    picture.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    picture.add_argument("--image", metavar="NAME", help="how it is stored: fourier (default), pixel")
    picture.add_argument("--colour", metavar="NAME", help="decorrelated (default) or plain")
    picture.add_argument("--start", metavar="PHOTO", help="begin with this picture (its middle) instead of noise")
    picture.add_argument("--seed", type=whole, metavar="N", help="same seed, same picture; 0 by default")
    climb = parser.add_argument_group("ascent")
    climb.add_argument("--preset", metavar="NAME", help="standard (default): 256 steps; fast: 128; draft: 64, for a "
                       "first look; lucid: 512 at lucid's own rate")  # fmt: skip
    climb.add_argument("--steps", type=whole, metavar="N", help="instead of the preset's")
    climb.add_argument("--lr", type=number, metavar="RATE", help="size of a step, instead of the preset's")
    climb.add_argument(
        "--transform", metavar="NAME", help="what must not matter: lucid (default), distill, lucent, none"
    )
    climb.add_argument("--exact", action="store_true", default=None, help="the module as it is, in its own precision: "
                       "no fast path")  # fmt: skip
    climb.add_argument("--timelapse", metavar="STEPS", help="also a strip of the picture at these steps: 0,4,48,512")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    _check(args)
    if args.out is not None:
        paths = Paths(Path(args.out))
    elif args.replay is not None:
        paths = Paths(Path(args.replay).with_suffix(".again.png"))
    else:
        paths = Paths(default_name(args.model, args.target, args.seed))
    try:
        with Bar(args.quiet) as bar:
            results = _replay(args, bar) if args.replay is not None else _render(args, bar)
    except KeyboardInterrupt as stopped:
        # produce.Stopped brings results; it cannot be named here, for torch may have been stopped while it was imported
        results = getattr(stopped, "results", [])
        if results:
            paths.write(results)
            _tell(args, results, paths)
        if not args.quiet:
            kept = f"after {results[-1].steps} steps; marked partial" if results else "early; nothing was written"
            print(f"phosphene: stopped {kept}", file=sys.stderr)
        return 130
    paths.write(results)
    _tell(args, results, paths)
    return 0


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
    sides = _sides(args.size)
    frames = whole_numbers("--timelapse", args.timelapse) or []
    from ..front import render_batch, steps_of
    from ..images import images
    from ..presets import preset

    steps_of(args.preset, args.steps, frames)  # refuses before a network is loaded, let alone downloaded
    optimizer = None if args.lr is None else preset(args.preset).optimizer.at(args.lr)
    image = images.make({"name": args.image, "size": sides, "colour": args.colour})
    return render_batch(
        load(args),
        args.target,
        image=image,
        transform=args.transform,
        preset=args.preset,
        optimizer=optimizer,
        steps=args.steps,
        seed=args.seed,
        start=args.start,
        frames=frames,
        arithmetic="exact" if args.exact else None,
        progress=bar,
    )


def _sides(text: str | None) -> Any:
    """``--size`` as one number or a pair."""
    if text is None:
        return None
    try:
        sides = [int(piece) for piece in text.replace("x", ",").split(",")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise BadSpec(f"--size is pixels from 1 up, one number or HEIGHTxWIDTH such as 96x128, not {text!r}")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _replay(args: argparse.Namespace, bar: Bar) -> list[Result]:
    records = _records(Path(args.replay))
    from ..again import replay_batch

    network = load(args) if args.model is not None else None
    return replay_batch(records, network, start=args.start, device=args.device, progress=bar)


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


def _tell(args: argparse.Namespace, results: list[Result], paths: Paths) -> None:
    if args.json:
        for result in results:
            print(json.dumps(result.record(), indent=2 if len(results) == 1 else None))
    if args.quiet:
        return
    out = sys.stderr if args.json else sys.stdout
    for result in results:
        print(_summary(result), file=out)
    strip = f"  strip {paths.strip}" if any(result.frames for result in results) else ""
    kind = "picture" if len(results) == 1 else "sheet"
    print(f"{kind} {paths.picture}  record {paths.record(len(results))}{strip}", file=out)


def _summary(result: Result) -> str:
    score = result.score
    named = (("start", score.start), ("clean", score.clean), ("robust", score.robust))
    values = [f"{name} -" if value is None else f"{name} {value:.3f}" for name, value in named]
    rank = "" if result.evidence.rank is None else f"  rank {result.evidence.rank} of {result.evidence.siblings}"
    why = {
        "ok": "",
        "dead": "  no gradient reached the picture: the unit is off everywhere near it; try another --seed or --start",
        "diverged": "  the score left the finite numbers; the last finite picture is kept; try a lower --lr",
    }[result.status]
    return f"{result.target}  {result.status}  {'  '.join(values)}{rank}{why}"
