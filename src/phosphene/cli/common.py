"""Arguments that several commands share, and how their text becomes values."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import BadSpec

if TYPE_CHECKING:
    from ..models.network import Network


def model_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be said about a network."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--weights", metavar="FILE", help=".safetensors, or .pt with tensors alone, for a model of your own"
    )
    group.add_argument("--untrained", action="store_true", help="random weights; nothing is downloaded")
    group.add_argument("--labels", metavar="FILE", help="class names, one a line or JSON; or the word imagenet")
    group.add_argument("--output", metavar="NAME", help="which of several outputs holds the logits")
    group.add_argument("--input-size", metavar="C,H,W", help="what the network takes, when its source does not say")
    group.add_argument("--mean", metavar="A,B,C", help="subtracted from pictures in [0, 1], per channel")
    group.add_argument("--std", metavar="A,B,C", help="divided by, per channel")
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps")


def load(args: argparse.Namespace) -> Network:
    from ..front import load as load_network

    size = whole_numbers("--input-size", args.input_size and args.input_size.replace("x", ","))
    if size is not None and (len(size) != 3 or min(size) < 1):
        raise BadSpec(f"--input-size is channels,height,width such as 3,224,224, not {args.input_size}")
    return load_network(
        args.model,
        weights=args.weights,
        untrained=args.untrained,
        labels=args.labels,
        output=args.output,
        input_size=None if size is None else (size[0], size[1], size[2]),
        mean=numbers("--mean", args.mean),
        std=numbers("--std", args.std),
        device=args.device,
    )


def said_of_network(args: argparse.Namespace) -> list[str]:
    """What was said about the network, besides where it shall run."""
    names = ("weights", "untrained", "labels", "output", "input_size", "mean", "std")
    return [name for name in names if getattr(args, name) not in (None, False)]


def whole(text: str) -> int:
    """An option's value as a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number goes here, not {text!r}") from None


def number(text: str) -> float:
    """An option's value as a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number goes here, not {text!r}") from None


def whole_numbers(name: str, text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(piece) for piece in text.split(",")]
    except ValueError:
        raise BadSpec(f"{name} is whole numbers with commas between them, not {text!r}") from None


def numbers(name: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(piece) for piece in text.split(",")]
    except ValueError:
        raise BadSpec(f"{name} is numbers with commas between them, not {text!r}") from None


def sides(text: str | None) -> Any:
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
