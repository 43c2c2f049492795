"""``phosphene COMMAND``: the command table."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from importlib import metadata
from typing import NoReturn

from ..errors import BadSpec, PhospheneError, closest

COMMANDS = {
    "render": "a picture of what fires a unit, a class, a direction or a sum of them",
    "compare": "one unit under many methods: a labelled sheet and a table",
    "interpolate": "pictures from one unit to another, aligned",
    "grid": "every pair of some units optimised together, and how they get on",
    "dream": "DeepDream on a photo of any size",
    "accentuate": "a photo, changed so that a unit shows what it responds to in it",
    "invert": "what a layer keeps of a photo",
    "caricature": "a layer's features of a photo, exaggerated",
    "explain": "what in photos a unit responds to: saliency, deconv, guided backpropagation, gradient x input",
    "scan": "real pictures through all layers at once: what fires every unit",
    "examples": "the real pictures that fire a unit most and least, and those in between",
    "facets": "the kinds of real pictures that fire a unit, and a picture made for each",
    "units": "all units as a table: dead ones, always on, near-duplicates, how often each fires",
    "merge": "the shards of a scan put together",
    "sheet": "a layer of a store on one sheet: every unit, also dead, failed and missing ones",
    "diff": "two stores compared unit by unit, such as two checkpoints of a network",
    "verify": "whether all of a store is whole; what is damaged is put aside",
    "compact": "a store's records packed into Parquet, its pictures into sheets of thumbnails",
    "sweep": "pictures of every unit of a network, into a store; stopped and gone on with at any moment",
    "status": "how far the sweeps of a store are, and what failed",
    "retry": "what failed in a store, tried again",
    "serve": "the microscope: a web page to look into a network, live",
    "export": "a store as web pages: plain files that open without a server",
    "recipes": "what a sweep can make of each unit",
    "layers": "a network's layers: name, kind, channels, map size, receptive field; and its preprocessing",
    "models": "what can be loaded, and from where",
    "methods": "presets, images, transforms, filters and preconditioners, with their sources",
    "spectrum": "how strong each frequency is in photographs of yours, for maco",
}
INTERRUPTED, BAD = 130, 2
EXAMPLES = """first steps:
  phosphene render miniception mixed4b:11 -o unit.png    what one channel responds to; its record lies beside it
  phosphene render miniception mixed4b:0..63             64 channels on one sheet
  phosphene compare miniception logit:goldfish           one class under many methods
  phosphene layers miniception                           the layers to choose from
  phosphene COMMAND --help                               everything about a command
"""


class Parser(argparse.ArgumentParser):
    """An argparse parser that says what is wrong in a line, without the whole usage around it."""

    def error(self, message: str) -> NoReturn:
        text = message.removeprefix("argument ")
        self.exit(BAD, f"phosphene: {text}\nall options: {self.prog} --help\n")


def parser() -> Parser:
    top = Parser(
        prog="phosphene",
        description="See what any unit of any vision network responds to, and how far the picture can be trusted.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"phosphene {metadata.version('phosphene')}")
    commands = top.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for name, about in COMMANDS.items():
        sub = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        module = importlib.import_module(f"phosphene.cli.{name}")
        module.arguments(sub)
        sub.set_defaults(run=module.run, options=list(sub._option_string_actions))
    return top


def read(words: list[str]) -> argparse.Namespace:
    """The command line as a namespace; BadSpec for words that nothing takes."""
    first = next((word for word in words if not word.startswith("-")), None)
    if first is None and not words:
        raise BadSpec("which command? render, compare, layers, models ...\nall of them: phosphene --help")
    if first is not None and first not in COMMANDS:
        raise BadSpec(f"no command {first!r}; {closest(first, COMMANDS)}\nall commands: phosphene --help")
    args, extra = parser().parse_known_args(words)
    if not extra:
        return args
    word = extra[0]
    if word.startswith("--"):
        near = closest(word, args.options)
        raise BadSpec(f"no option {word}; {near}\nall options: phosphene {args.command} --help")
    if word.startswith("-") and len(word) > 1:
        raise BadSpec(f"no option {word}; for a target that begins with a minus, put a space before it: ' {word}'")
    raise BadSpec(f"{word!r} is a word too many; a target with spaces goes in quotes: 'mixed4b:11 + mixed4b:30'")


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 done, 2 bad input (one reason on stderr), 130 stopped by Ctrl-C."""
    try:
        try:
            args = read(sys.argv[1:] if argv is None else argv)
            return int(args.run(args))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except PhospheneError as error:
        print(f"phosphene: {error}", file=sys.stderr)
        return BAD
    except KeyboardInterrupt:
        print("phosphene: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough; nothing more goes there, also when Python exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
