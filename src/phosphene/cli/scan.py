"""``phosphene scan MODEL --data D --store S``"""

from __future__ import annotations

import argparse
import json
import re
import sys

from ..errors import BadSpec
from .common import load, model_arguments, number, sides, whole
from .counting import Counter

EXAMPLES = """data:
  photos/               a folder of pictures, with subfolders; a subfolder's name is the label
  train.parquet         Parquet files with a column of pictures: a file, a folder, "train-*.parquet"
  "shard-{000..010}.tar" WebDataset: plain tars
  hf:NAME@SPLIT         a dataset of the Hugging Face hub, or on disk in its form (phosphene[hf])

examples:
  phosphene scan miniception --data photos/ --store gallery/
  phosphene scan resnet50 --data photos/ --store gallery/ --layers "layer3.*,layer4.*"
  phosphene scan miniception --data photos/ --store gallery/ --shard 1/4     then 2/4 ..., and phosphene merge gallery/
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="such as miniception; see phosphene models")
    parser.add_argument("--data", required=True, metavar="DATA", help="real pictures; see below")
    parser.add_argument("--store", required=True, metavar="S", help="where the scan is kept: a folder or a URL")
    parser.add_argument(
        "--layers",
        metavar="A,B,...",
        help="names and globs (** crosses dots); logit for the classes; by default what one would look into",
    )
    parser.add_argument("-k", type=whole, default=9, metavar="N", help="pictures kept at each end of each unit; 9")
    parser.add_argument("--many", type=whole, default=256, metavar="N", help="of the strongest, for facets; 256")
    parser.add_argument("--sample", type=whole, default=1024, metavar="N", help="pictures of which all is kept; 1024")
    parser.add_argument("--batch", type=whole, default=64, metavar="N", help="pictures at once; 64")
    parser.add_argument("--limit", type=whole, metavar="N", help="only the first N pictures")
    parser.add_argument("--size", metavar="N|HxW", help="what the network sees; by default the size it was made for")
    parser.add_argument("--shard", metavar="I/N", help="only part I of N; phosphene merge puts them together")
    parser.add_argument("--workers", type=whole, metavar="N", help="processes that decode; by default what suits")
    parser.add_argument("--every", type=number, default=30.0, metavar="SECONDS", help="how often it is saved; 30")
    parser.add_argument("--json", action="store_true", help="print the scan's record")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    shard, size = shard_of(args.shard), sides(args.size)
    layers = None if args.layers is None else words(args.layers)
    from ..examples import scan

    with Counter(args.quiet) as counter:
        try:
            made = scan(
                load(args),
                args.data,
                store=args.store,
                layers=layers,
                k=args.k,
                many=args.many,
                sample=args.sample,
                batch=args.batch,
                limit=args.limit,
                size=(size, size) if isinstance(size, int) else size,
                shard=shard,
                workers=args.workers,
                every=args.every,
                progress=counter,
            )
        except KeyboardInterrupt:
            if not args.quiet:
                done = f" after {counter.last.done} pictures" if counter.last is not None else ""
                print(f"phosphene: stopped{done}; the same command goes on from there", file=sys.stderr)
            return 130
    if made is None:
        if not args.quiet:
            print(f"shard {args.shard} is done; when all are: phosphene merge {args.store}")
        return 0
    if counter.last is None and not args.quiet:
        print("it was scanned before; nothing was read again", file=sys.stderr)
    if args.json:
        print(json.dumps(made.record, indent=2))
    if not args.quiet:
        out = sys.stderr if args.json else sys.stdout
        tell_skipped(made.skipped)
        count = len(made.plan.tracks)
        print(
            f"scan {made.id[:8]}: {made.pictures} pictures, {made.plan.units} units of "
            f"{count} {'layer' if count == 1 else 'layers'} of {made.model}",
            file=out,
        )
        first = next((track.name for track in made.plan.tracks if track.size), made.plan.tracks[0].name)
        print(f"look: phosphene examples {args.store} {first}:0", file=out)
    return 0


def tell_skipped(skipped: list[tuple[int, str, str]], most: int = 5) -> None:
    """Which pictures could not be read, the first few by name."""
    from ..data import shown

    for _, name, why in skipped[:most]:
        print(f"skipped {shown(name)}: {why}", file=sys.stderr)
    if len(skipped) > most:
        print(f"skipped {len(skipped) - most} more; all are in the record: --json", file=sys.stderr)


def words(text: str, option: str = "--layers") -> list[str]:
    """Words with commas between them."""
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        is_type = option == "--types"
        what = "names" if is_type else "names or globs"
        like = "conv,linear" if is_type else "mixed4b or 'mixed*,logit'"
        raise BadSpec(f"{option} is {what} with commas between them, such as {like}")
    return found


def shard_of(text: str | None) -> tuple[int, int]:
    """``--shard I/N`` as numbers."""
    if text is None:
        return 1, 1
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise BadSpec(f"--shard is I/N, a part and how many there are, such as 1/4 to 4/4, not {text!r}")
    return int(found[1]), int(found[2])
