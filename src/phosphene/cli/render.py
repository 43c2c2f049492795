"""``phosphene render MODEL TARGET``"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec
from ..files import check_writable, write_atomic
from .common import load, model_arguments, whole_numbers
from .progress import Bar

if TYPE_CHECKING:
    from ..result import Result

TARGETS = """targets:
  mixed4b:11               a channel          mixed4b:11@3,4       one neuron (@centre: the middle one)
  mixed4b:0..63            many channels      mixed4b              the whole layer (DeepDream)
  logit:goldfish           a class            mixed4b:random#7     a random direction
  prob:goldfish            its probability    mixed4b:dir.npy      a direction from a file
  "mixed4b:11 + 0.5*mixed4b:30 - 0.1*tv"      sums; penalties are tv, l1, l2
  options in brackets: mixed4b:11[energy], mixed4b:random#7[cosine]; odd names in quotes: logit:"bow tie"
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = TARGETS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", nargs="?", help="an address; see phosphene models")
    parser.add_argument("target", nargs="?", help="what should fire; see below")
    parser.add_argument("-o", dest="out", metavar="FILE.png", help="the picture; its record goes beside it as .json")
    parser.add_argument("--json", action="store_true", help="print the record too")
    parser.add_argument("--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument("--replay", metavar="RECORD", help="make the picture of a record (.json or .jsonl) again")
    picture = parser.add_argument_group("picture")
    picture.add_argument("--size", metavar="N|HxW", help="pixels; by default what suits the network")
    picture.add_argument(
        "--image", default="fourier", metavar="NAME", help="how it is stored: fourier (default), pixel"
    )
    picture.add_argument("--colour", default="decorrelated", metavar="NAME", help="decorrelated (default) or plain")
    picture.add_argument("--start", metavar="PHOTO", help="begin with this picture instead of noise")
    picture.add_argument("--seed", type=int, default=0, help="noise and transforms; same seed, same picture")
    climb = parser.add_argument_group("ascent")
    climb.add_argument("--steps", type=int, default=512)
    climb.add_argument("--lr", type=float, default=0.05, help="Adam's rate")
    climb.add_argument("--transform", default="lucid", metavar="NAME", help="lucid (default), distill, none")
    climb.add_argument("--timelapse", metavar="STEPS", help="also a strip of the picture at these steps: 0,4,48,512")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.replay is None and (args.model is None or args.target is None):
        raise BadSpec("render needs a model and a target, such as: phosphene render miniception mixed4b:11")
    if args.replay is not None and args.target is not None:
        raise BadSpec("a replay takes model and target from the record; leave them out")
    paths = _Paths(args)
    paths.check()
    from ..produce import Stopped

    try:
        with Bar(args.quiet) as bar:
            results = _replay(args, bar) if args.replay is not None else _render(args, bar)
    except Stopped as stopped:
        if not stopped.results:
            raise
        paths.write(stopped.results)
        steps = stopped.results[-1].steps
        print(f"phosphene: stopped after {steps} steps; kept in {paths.picture}, marked partial", file=sys.stderr)
        return 130
    paths.write(results)
    _tell(args, results, paths)
    return 0


def _render(args: argparse.Namespace, bar: Bar) -> list[Result]:
    from ..front import render_batch
    from ..images import images
    from ..optimizers import Adam

    size = whole_numbers("--size", args.size)
    if size is not None and len(size) not in (1, 2):
        raise BadSpec(f"--size is one number or HEIGHTxWIDTH, not {args.size}")
    sides: Any = None if size is None else size[0] if len(size) == 1 else (size[0], size[1])
    frames = whole_numbers("--timelapse", args.timelapse) or []
    image = images.make({"name": args.image, "size": sides, "colour": args.colour})
    return render_batch(
        load(args),
        args.target,
        image=image,
        transform=args.transform,
        optimizer=Adam(args.lr),
        steps=args.steps,
        seed=args.seed,
        start=args.start,
        frames=frames,
        progress=bar,
    )


def _replay(args: argparse.Namespace, bar: Bar) -> list[Result]:
    from ..front import replay

    path = Path(args.replay)
    try:
        text = path.read_text(encoding="utf-8")
        records = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadSpec(f"cannot read the record {path}: {error}") from error
    if not all(isinstance(record, dict) for record in records):
        raise BadSpec(f"{path} holds no phosphene records")
    network = None
    if args.model is not None:
        network = load(args)
    return [replay(record, network, start=args.start, progress=bar) for record in records]


class _Paths:
    """Where things go: the picture, its record, the strip."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        if args.out is not None:
            self.picture = Path(args.out)
        elif args.replay is not None:
            self.picture = Path(args.replay).with_suffix(".again.png")
        else:
            self.picture = Path(f"{_slug(args.model)}_{_slug(args.target)}.png")
        if self.picture.suffix.lower() != ".png":
            raise BadSpec(f"pictures are written as PNG; call it {self.picture.with_suffix('.png')}")
        self.strip = self.picture.with_suffix(".timelapse.png")

    def check(self) -> None:
        for path in (self.picture, self.picture.with_suffix(".json"), self.picture.with_suffix(".jsonl")):
            check_writable(path)

    def write(self, results: list[Result]) -> None:
        """One picture and its record, or a sheet and a line per picture; the strip, if there are frames."""
        from ..gallery.sheet import Cell, cell_of, sheet

        if any(result.frames for result in results):
            cells = [
                Cell(frame.pixels, result.target, f"step {frame.step}") for result in results for frame in result.frames
            ]
            write_atomic(self.strip, _png(sheet(cells, columns=max(1, len(results[0].frames)))))
        if len(results) == 1:
            results[0].save(self.picture)
            return
        write_atomic(self.picture, _png(sheet([cell_of(result) for result in results])))
        lines = "".join(json.dumps(result.record()) + "\n" for result in results)
        write_atomic(self.picture.with_suffix(".jsonl"), lines.encode())


def _tell(args: argparse.Namespace, results: list[Result], paths: _Paths) -> None:
    if args.json:
        for result in results:
            print(json.dumps(result.record(), indent=2 if len(results) == 1 else None))
    if args.quiet:
        return
    out = sys.stderr if args.json else sys.stdout
    for result in results:
        print(_summary(result), file=out)
    beside = paths.picture.with_suffix(".json" if len(results) == 1 else ".jsonl")
    print(f"picture {paths.picture}  record {beside}" + (f"  strip {paths.strip}" if args.timelapse else ""), file=out)


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


def _slug(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", Path(text).name if text.endswith(".py") else text.split("/")[-1]).strip("-.")[:80]


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
