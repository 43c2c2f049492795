"""What is said in one line: without breaks, and without letters that would do something to a terminal. No torch."""

from __future__ import annotations

from ...errors import BadTarget, PhospheneError

LONGEST = 600  # characters of a line


def printable(text: str) -> str:
    """Whatever does not show, line breaks too, becomes a space."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def full_line(error: PhospheneError) -> str:
    """All that an error says; the caret under a target's text becomes a number."""
    if isinstance(error, BadTarget):
        text = f"{_cannot_read(error)} of {error.text!r}"
    else:
        text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    shown = printable(text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def short_line(error: PhospheneError) -> str:
    """What an error says where its text is seen beside it: without that, and without hints for the command line."""
    return printable(_cannot_read(error) if isinstance(error, BadTarget) else str(error).partition("\n")[0])


def _cannot_read(error: BadTarget) -> str:
    return f"cannot read the target: {error.reason}, at character {error.place + 1}"
