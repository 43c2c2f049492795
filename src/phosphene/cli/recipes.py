"""``phosphene recipes``"""

from __future__ import annotations

import argparse
import textwrap


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this one, as the file that it is")


def run(args: argparse.Namespace) -> int:
    from ..sweeps.recipe import recipe, shipped, text_of

    if args.name is not None:
        print(text_of(recipe(args.name)), end="")
        return 0
    found = shipped()
    wide = max(len(one.name) for one in found)
    for one in found:
        print(f"{one.name.ljust(wide)}  {one.about}")
    print(
        textwrap.dedent("""
        take one:        phosphene sweep miniception --store gallery/ --recipe draft
        one of your own: phosphene recipes full > mine.toml; change it; --recipe mine.toml
    """).rstrip()
    )
    return 0
