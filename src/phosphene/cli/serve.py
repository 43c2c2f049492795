"""``phosphene serve [STORE]``"""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, NoReturn

from ..errors import BadSpec
from .common import load, model_arguments, said_of_network, whole

if TYPE_CHECKING:
    from ..models.network import Network

EXAMPLES = """examples:
  phosphene serve                                    miniception, with nothing made yet
  phosphene serve gallery/                           a store of phosphene sweep
  phosphene serve gallery/ --model path/net.py:make  new pictures of a network of your own, too
  phosphene serve --model "net.py:make --weights a.pt" --model "net.py:make --weights b.pt"     two checkpoints
  phosphene serve gallery/ --read-only --no-browser  what is there, and nothing else

Only this machine gets in, and only with the link that is printed; it works once, the browser is known afterwards.
Ctrl-C ends it; pictures that are being made go on at the next start.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("store", metavar="STORE", nargs="?", help="a folder or a URL; by default one of your own")
    parser.add_argument("--model", action="append", default=[], metavar="MODEL", help="a network of which new "
                        "pictures can be made; may be given several times, then with its options inside: "
                        "--model \"net.py:make --weights a.safetensors\"")  # fmt: skip
    parser.add_argument("--no-browser", action="store_true", help="print the link, and open nothing")
    parser.add_argument("--read-only", action="store_true", help="show what is there; make and change nothing")
    group = parser.add_argument_group("where it listens")
    group.add_argument("--port", type=whole, metavar="N", help="by default 8765, or one of the next 20; 0: any")
    group.add_argument("--host", default="127.0.0.1", metavar="NAME", help="by default 127.0.0.1: this machine alone")
    group.add_argument("--token", metavar="WORD", help="16 characters or more, for scripts: Authorization: Bearer WORD")
    group.add_argument("--allow-remote", action="store_true", help="let other machines in; takes --host and --token")
    group.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="another name under which "
                       "it is reached, such as that of a proxy; NAME:PORT where the port differs")  # fmt: skip
    model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from ..web.serve import Wanted, serve
    from ..web.server.doors import Door

    said = said_of_network(args)
    if said and len(args.model) != 1:
        raise BadSpec(f"--{said[0].replace('_', '-')} is said of one --model, there are {len(args.model)}; "
                      f"say it inside: --model \"MODEL --{said[0].replace('_', '-')} ...\"")  # fmt: skip
    if args.read_only and args.model:
        raise BadSpec("--read-only makes no pictures, so it takes no --model")
    door = Door(args.host, args.port, args.token, args.allow_remote, tuple(args.allow_host))

    def loaded(text: str) -> Network:
        return load(_network_of(text, args))

    wanted = Wanted(args.store, tuple(args.model), door, args.read_only, not args.no_browser)
    serve(wanted, loaded, show=_show, remark=_remark)
    return 0


class _Options(argparse.ArgumentParser):
    """What is said of one of several networks."""

    def error(self, message: str) -> NoReturn:
        raise BadSpec(f"--model: {message.removeprefix('argument ')}; inside it goes what phosphene layers takes")


def _network_of(text: str, args: argparse.Namespace) -> argparse.Namespace:
    """The options of ``MODEL --untrained``, say, over those that were said outside. BadSpec."""
    address, mark, rest = text.partition(" --")
    own = argparse.Namespace(**{**vars(args), "model": address.strip()})
    if mark:
        parser = _Options(prog="--model", add_help=False, allow_abbrev=False)
        model_arguments(parser)
        try:
            parser.parse_args(shlex.split(f"--{rest}"), own)
        except ValueError as error:  # a quote without its other
            raise BadSpec(f"--model {text!r} cannot be read: {error}") from error
    return own


def _show(line: str) -> None:
    print(line, flush=True)


def _remark(line: str) -> None:
    print(f"phosphene: {line}", file=sys.stderr, flush=True)
