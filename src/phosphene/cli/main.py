"""``phosphene COMMAND``: the command table."""

from __future__ import annotations

import argparse
import importlib
import sys
from importlib import metadata

from ..errors import PhospheneError

COMMANDS = {
    "render": "a picture of what fires a unit, a class, a direction or a sum of them",
    "layers": "a network's layers: name, kind, channels, map size, receptive field; and its preprocessing",
    "models": "what can be loaded, and from where",
}
INTERRUPTED, BAD = 130, 2


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="phosphene",
        description="See what any unit of any vision network responds to, and how far the picture can be trusted.",
        epilog="first picture: phosphene render miniception mixed4b:11 -o unit.png",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"phosphene {metadata.version('phosphene')}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in COMMANDS.items():
        sub = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        module = importlib.import_module(f"phosphene.cli.{name}")
        module.arguments(sub)
        sub.set_defaults(run=module.run)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 done, 2 bad input (one reason on stderr), 130 stopped by Ctrl-C."""
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except PhospheneError as error:
        print(f"phosphene: {error}", file=sys.stderr)
        return BAD
    except KeyboardInterrupt:
        print("phosphene: stopped before there was a picture; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
