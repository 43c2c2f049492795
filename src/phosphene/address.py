"""Addresses: the one spelling of a place in a network, in Python, on the command line, in URLs and in files.

    TARGET : UNIT, or UNITs joined by + and -, each with an optional NUMBER* in front
    UNIT   : HEAD[:SELECTOR][@POSITION][[OPTION,...]]

    mixed4a:11           HEAD mixed4a, SELECTOR 11
    mixed4a:11@3,4       with POSITION 3,4
    mixed4a:random#7     SELECTOR random#7
    mixed4a:11[energy]   with OPTION energy
    logit:"bow tie"      names with odd characters stand in quotes

This module knows the syntax alone; what a unit means is registered with the objectives. No torch here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .errors import BadSpec, BadTarget

MOST = 100_000  # channels that a range may name; no layer is as wide, and memory is not endless
OUTPUT = "@output"  # the network's own output among its layers; no layer can be called so

_SPACE = re.compile(r"\s*")
_WEIGHT = re.compile(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*\*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_HEAD = re.compile(r"[\w./]+(?:#\d+)?")
_MANY = re.compile(r"\d+(?:\.\.\d+)?(?:,\d+(?:\.\.\d+)?)*(?![\w.#/])")
_SEEDS = re.compile(r"random#(\d+\.\.\d+)")
_VECTOR = re.compile(r"\([^()]*\)")
_NAME = re.compile(r"[\w./#~]+")
_POSITION = re.compile(r"\d+(?:,\d+)*|\w+")
_OPTION = re.compile(r"\w+(?:=[\w.+-]+)?")


class BadPiece(BadSpec):
    """A piece of a unit cannot be; whoever holds the text makes a BadTarget of it."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at


@dataclass(frozen=True)
class Place:
    """One unit as text in pieces.

    ``quoted``: HEAD stood in quotes, so ``"tv"`` is a layer and not the penalty. ``literal``: SELECTOR did, so
    ``"1,2"`` is a name and not a list of channels. ``start`` and ``spots``: where it and its pieces stand in the text.
    """

    head: str
    selector: str | None = None
    position: str | None = None
    options: tuple[str, ...] = ()
    quoted: bool = field(default=False, compare=False)
    literal: bool = field(default=False, compare=False)
    start: int = field(default=0, compare=False)
    spots: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def bad(self, piece: str, reason: str) -> BadPiece:
        """The error for a selector, a position or an option that cannot be; it knows where the piece stands."""
        return BadPiece(self.spots.get(piece, self.start), reason)

    def __str__(self) -> str:
        text = quote(self.head) if self.quoted or not _HEAD.fullmatch(self.head) else self.head
        if self.selector is not None:
            plain = not self.literal and any(form.fullmatch(self.selector) for form in (_MANY, _VECTOR, _NAME))
            text += ":" + (self.selector if plain else quote(self.selector))
        if self.position is not None:
            text += "@" + self.position
        return text + (f"[{','.join(self.options)}]" if self.options else "")


@dataclass(frozen=True)
class Term:
    """A weighted place."""

    weight: float
    place: Place


def quote(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def parse(text: str) -> tuple[Term, ...]:
    """A target's text -> its terms. Raises BadTarget with a caret under the place that cannot be read.

    >>> [(term.weight, str(term.place)) for term in parse("mixed4b:11 + 0.5*mixed4b:30 - 0.1*tv")]
    [(1.0, 'mixed4b:11'), (0.5, 'mixed4b:30'), (-0.1, 'tv')]
    """
    return _Reader(text).target()


def render(terms: tuple[Term, ...]) -> str:
    """The canonical text of terms; ``parse`` reads it back to the same terms."""
    words = []
    for index, term in enumerate(terms):
        sign = "-" if math.copysign(1, term.weight) < 0 else "+"
        size = "" if abs(term.weight) == 1 else number(abs(term.weight)) + "*"
        lead = ("-" if sign == "-" else "") if index == 0 else f" {sign} "
        words.append(f"{lead}{size}{term.place}")
    return "".join(words)


def expand(text: str) -> list[str]:
    """A target with one range or list of channels -> one target per channel; any other target -> itself.

    >>> expand("mixed4b:3..5 - 0.1*tv")
    ['mixed4b:3 - 0.1*tv', 'mixed4b:4 - 0.1*tv', 'mixed4b:5 - 0.1*tv']
    """
    terms = parse(text)
    many = [index for index, term in enumerate(terms) if _is_many(term.place)]
    if not many:
        return [render(terms)]
    if len(many) > 1:
        raise BadTarget(text, _spot(terms[many[1]].place), "only one range of channels can stand in a target")
    index = many[0]
    place = terms[index].place
    targets = []
    for channel in _channels(text, place):
        one = Term(terms[index].weight, replace(place, selector=channel))
        targets.append(render((*terms[:index], one, *terms[index + 1 :])))
    return targets


def _is_many(place: Place) -> bool:
    selector = place.selector
    if selector is None or place.literal or selector.isdecimal():
        return False
    return _MANY.fullmatch(selector) is not None or _SEEDS.fullmatch(selector) is not None


def _channels(text: str, place: Place) -> list[str]:
    channels: list[str] = []
    at = _spot(place)
    seeds = _SEEDS.fullmatch(place.selector or "")
    lead, many = ("random#", seeds[1]) if seeds else ("", place.selector or "")
    for piece in many.split(","):
        first, _, last = piece.partition("..")
        if last and int(last) < int(first):
            raise BadTarget(text, at, f"the range {piece} is empty; write {last}..{first}")
        if int(last or first) - int(first) >= MOST:
            raise BadTarget(text, at, f"the range {piece} has more channels than any layer")
        channels.extend(f"{lead}{one}" for one in range(int(first), int(last or first) + 1))
        at += len(piece) + 1
    return channels


def _spot(place: Place) -> int:
    """Where the selector stands in the text."""
    return place.spots.get(place.selector or "", place.start)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, reason: str) -> BadTarget:
        return BadTarget(self.text, self.at, reason)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def sees(self, mark: str) -> bool:
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def target(self) -> tuple[Term, ...]:
        self.take(_SPACE)
        if self.at == len(self.text):
            raise self.fail("it is empty; write a unit such as mixed4b:11")
        terms = [self.term(-1.0 if self.sees("-") else 1.0)]
        while True:
            self.take(_SPACE)
            if self.at == len(self.text):
                return tuple(terms)
            if self.sees("+"):
                terms.append(self.term(1.0))
            elif self.sees("-"):
                terms.append(self.term(-1.0))
            else:
                raise self.fail(f"expected + or - here, not {self.text[self.at]!r}")

    def term(self, sign: float) -> Term:
        self.take(_SPACE)
        start = self.at
        weight = self.take(_WEIGHT)
        size = float(weight[1]) if weight else 1.0
        if not math.isfinite(size):
            raise BadTarget(self.text, start, "the number is too large")
        self.take(_SPACE)
        return Term(sign * size, self.place())

    def place(self) -> Place:
        start = self.at
        head = self.head()
        spots: dict[str, int] = {}
        selector, literal = self.selector(spots) if self.sees(":") else (None, False)
        position = self.position(spots) if self.sees("@") else None
        options = self.options(spots) if self.sees("[") else ()
        quoted = self.text[start] == '"'
        return Place(head, selector, position, options, quoted=quoted, literal=literal, start=start, spots=spots)

    def head(self) -> str:
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found = self.take(_HEAD)
        if not found:
            raise self.fail(self.unexpected("a layer, logit:CLASS or a penalty"))
        return found[0]

    def quoted(self) -> str | None:
        found = self.take(_QUOTED)
        if found:
            return re.sub(r"\\(.)", r"\1", found[1])
        if self.text.startswith('"', self.at):
            raise self.fail("this quote is not closed")
        return None

    def unexpected(self, wanted: str) -> str:
        if self.at == len(self.text):
            return f"it ends where {wanted} should stand"
        if self.text[self.at] == "(":
            return "parentheses do not group targets; write 2*a + 2*b for 2*(a + b)"
        return f"expected {wanted} here, not {self.text[self.at]!r}"

    def selector(self, spots: dict[str, int]) -> tuple[str, bool]:
        start = self.at
        quoted = self.quoted()
        if quoted is not None:
            spots[quoted] = start
            return quoted, True
        if re.compile(r"-\d").match(self.text, self.at):
            raise self.fail("channels count from 0; a negative one does not exist")
        for pattern in (_MANY, _VECTOR, _NAME):
            found = self.take(pattern)
            if found and re.fullmatch(r"\d+\.\.", found[0]):
                raise self.fail(self.unexpected("the last channel of the range"))
            if found:
                spots[found[0]] = start
                return found[0], False
        raise self.fail(self.unexpected("a channel, a class, random#SEED or a file"))

    def position(self, spots: dict[str, int]) -> str:
        start = self.at
        found = self.take(_POSITION)
        if not found:
            raise self.fail(self.unexpected("a position Y,X or centre"))
        spots[found[0]] = start
        return found[0]

    def options(self, spots: dict[str, int]) -> tuple[str, ...]:
        found = []
        while True:
            start = self.at
            option = self.take(_OPTION)
            if not option:
                raise self.fail(self.unexpected("an option such as energy"))
            spots[option[0]] = start
            found.append(option[0])
            if self.sees("]"):
                return tuple(found)
            if not self.sees(","):
                raise self.fail(self.unexpected(", or ]"))
