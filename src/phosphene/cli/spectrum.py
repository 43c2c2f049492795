"""``phosphene spectrum DIR``"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import BadSpec
from ..files import check_writable, write_atomic
from .common import whole


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="photographs, in it and in the folders below")
    parser.add_argument("-o", dest="out", metavar="FILE.npz", default="spectrum.npz", help="spectrum.npz by default")
    parser.add_argument(
        "--size", type=whole, default=128, metavar="N", help="their middle, N x N pixels; 128 by default"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")


def run(args: argparse.Namespace) -> int:
    out = Path(args.out)
    check_writable(out)
    if out.suffix != ".npz":
        raise BadSpec(f"a spectrum is written as .npz; call it {out.with_suffix('.npz')}")
    if args.size < 8:
        raise BadSpec(f"--size is 8 pixels or more, not {args.size}")
    from ..images.spectrum import measured, packed
    from ..pictures import photographs

    skipped: list[str] = []
    flat, count = measured(photographs(Path(args.folder), args.size, skipped))
    write_atomic(out, packed(flat))
    if not args.quiet:
        for name in skipped:
            print(f"skipped {name}", file=sys.stderr)
        print(f'spectrum {out} of {count} pictures; use it: --image "maco[spectrum={out}]"')
    return 0
