"""What every command that makes pictures does: a bar, Ctrl-C that keeps what there is, files, a line per picture."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .common import whole_numbers
from .output import Layout, Paths
from .progress import Bar

if TYPE_CHECKING:
    from ..result import Result


def output_arguments(parser: argparse.ArgumentParser) -> None:
    """Where pictures go and what is said about them."""
    parser.add_argument("-o", dest="out", metavar="FILE.png", help="the picture; its record goes beside it as .json")
    parser.add_argument("--json", action="store_true", help="print the record too; one line each for many pictures")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")


def film_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures of the way there."""
    parser.add_argument("--timelapse", metavar="STEPS", help="also a strip of the picture at these steps: 0,4,48")
    parser.add_argument("--movie", metavar="FILE", help="also a film: .gif; .mp4 or .webm with phosphene[movie]")


def frames_of(args: argparse.Namespace, paths: Paths, steps: int) -> list[int]:
    """The steps of a strip and of a film; the film's file is checked now."""
    frames = whole_numbers("--timelapse", args.timelapse) or []
    if args.movie is None:
        return frames
    paths.film(Path(args.movie), strip=bool(frames))
    from ..front import film_of

    return frames or film_of(steps)


def make_and_write(
    args: argparse.Namespace,
    paths: Paths,
    making: Callable[[Bar], list[Result]],
    layout: Layout | None = None,
    *,
    lines: bool = True,
) -> int:
    """Make pictures, write them, say where they are; what Ctrl-C leaves is written too. ``lines``: one per picture."""
    try:
        with Bar(args.quiet) as bar:
            results = making(bar)
    except KeyboardInterrupt as stopped:
        # produce.Stopped brings results; it cannot be named here, for torch may have been stopped while it was imported
        results = getattr(stopped, "results", [])
        if results:
            paths.write(results)
            tell(args, results, paths)
        if not args.quiet:
            kept = f"after {results[-1].steps} steps; marked partial" if results else "early; nothing was written"
            print(f"phosphene: stopped {kept}", file=sys.stderr)
        return 130
    paths.write(results, layout)
    tell(args, results, paths, lines=lines)
    return 0


def tell(args: argparse.Namespace, results: list[Result], paths: Paths, *, lines: bool = True) -> None:
    """Records, if they are wanted; a line per picture; where the files are."""
    if args.json:
        for result in results:
            print(json.dumps(result.record(), indent=2 if len(results) == 1 else None))
    if args.quiet:
        return
    out = sys.stderr if args.json else sys.stdout
    for result in results if lines else []:
        print(summary(result), file=out)
    store = getattr(args, "store", None)
    if store is not None and any(result.evidence.natural is None for result in results):
        print(f"no scan in {store} knows the unit of {results[0].model}, so nothing is said of real pictures", file=out)
    strip = f"  strip {paths.strip}" if paths.stripped and any(r.frames for r in results) else ""
    strip += f"  movie {paths.movie}" if paths.movie is not None else ""
    kind = "picture" if len(results) == 1 else "sheet"
    print(f"{kind} {paths.picture}  record {paths.record(len(results))}{strip}", file=out)


def summary(result: Result) -> str:
    """One picture in a line."""
    score = result.score
    named = (("start", score.start), ("clean", score.clean), ("robust", score.robust))
    values = [f"{name} -" if value is None else f"{name} {value:.3f}" for name, value in named]
    rank = "" if result.evidence.rank is None else f"  rank {result.evidence.rank} of {result.evidence.siblings}"
    why = {
        "ok": "",
        "dead": "  no gradient reached the picture: the unit is off everywhere near it; try another --seed or --start",
        "diverged": "  the score left the finite numbers; the last finite picture is kept; try a lower --lr",
    }[result.status]
    return f"{result.target}  {result.status}  {'  '.join(values)}{rank}{_natural(result)}{why}"


def _natural(result: Result) -> str:
    """Where it lies among real pictures, if that is known."""
    found = result.evidence.natural
    if found is None:
        return ""
    times = (
        "" if found.ratio is None else f", {found.ratio:.2f} x their {'maximum' if found.extreme > 0 else 'minimum'}"
    )
    return f"  above {found.percentile:.4g} % of {found.pictures} real pictures{times}"
