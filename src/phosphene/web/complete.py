"""Ways to go on with a target that is being typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

from ..errors import BadSpec, ModelError, UnknownLayer
from ..models.layers import Layer
from ..models.network import Network, plain
from ..objectives import Channel, Direction, Logit, Neuron, Objective, Probability, to_text
from ..objectives import Layer as Whole
from ..store.scans import shown_layer
from ..sweeps.planning import chosen
from .schema.live_documents import Completion

MANY = 12
CLASSES = 4  # of them at least, beside layers that match as well
HEADS = {"logit": Logit, "prob": Probability}
PENALTIES = {"tv": "total variation, a penalty", "l1": "a penalty on contrast", "l2": "a penalty on contrast"}

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_LEAD = re.compile(rf"\s*(?:{_NUMBER}\s*\*\s*)?")
_EXPONENT = re.compile(r"\s*(?:\d+(?:\.\d*)?|\.\d+)[eE]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"?')


@final
@dataclass(frozen=True, eq=False)
class Names:
    """What there is in a network to be named. ``usual``: layers that one would look into. ``labels``: names of classes
    with letters and digits alone, none where the network has no names for all of them."""

    network: Network
    layers: dict[str, Layer]
    usual: frozenset[str]
    classes: int
    labels: tuple[str, ...]

    @classmethod
    def of(cls, network: Network) -> Names:
        """Runs the network, if it has not been run yet."""
        try:
            usual = frozenset(shown_layer(track.name) for track in chosen(network, None, None))
        except BadSpec:  # it has neither layers nor classes
            usual = frozenset()
        try:
            classes = network.classes
        except ModelError:  # what it returns are no classes
            classes = 0
        named = network.labels if network.labels is not None and len(network.labels) == classes else ()
        return cls(network, dict(network.layers), usual, classes, tuple(map(plain, named)))


def completions(names: Names, text: str) -> list[Completion]:
    """Whole new texts, best first: what stands before the last unit stays; that unit is finished, or ends in a colon
    with its channel to come."""
    begin = _begin(text)
    before, word = text[:begin], text[begin:].rstrip()
    found = {before + one.text: Completion(before + one.text, one.about) for one in _units(names, word)}
    return list(found.values())[:MANY]


def _begin(text: str) -> int:
    """Where the last unit begins: behind the last sign outside quotes and brackets, and the number that weighs it."""
    begin, depth, quoted, at = 0, 0, False, 0
    while at < len(text):
        letter = text[at]
        if quoted:
            at += letter == "\\"
            quoted = letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter in "+-" and depth <= 0 and not _EXPONENT.fullmatch(text, begin, at):
            begin = at + 1
        at += 1
    found = _LEAD.match(text, begin)
    return begin if found is None else found.end()


def _units(names: Names, word: str) -> Iterator[Completion]:
    quoted = _QUOTED.match(word)
    if quoted is not None:
        head, rest = _bare(quoted[0]), word[quoted.end() :]
    else:
        head, colon, rest = word.partition(":")
        rest = colon + rest
    if not rest.startswith(":"):
        return _heads(names, head)
    if quoted is None and head in HEADS:
        return _classes(names, head, rest[1:])
    try:
        info, _ = names.network.find(head)
    except UnknownLayer:
        return _heads(names, head)
    return _channels(info, head, rest[1:])


def _bare(text: str) -> str:
    """A quoted name, whose second quote may still be missing, without quotes."""
    found = _QUOTED.fullmatch(text)
    return text if found is None else re.sub(r"\\(.)", r"\1", found[1])


def _heads(names: Names, typed: str) -> Iterator[Completion]:
    """Layers, the usual ones first, then classes by their bare names; at last what is only spelled alike."""
    every = [*names.layers, *(HEADS if names.classes else ())]
    firm = sorted(
        (name for name in every if _rank(typed, name) is not None),
        key=lambda name: (name not in names.usual, _rank(typed, name)),
    )
    classes = [] if not plain(typed) else list(_named(names, "logit", typed))
    for name in firm[: MANY - min(CLASSES, len(classes))]:
        yield _head(names, name)
        if name == typed and name in names.layers:
            yield Completion(to_text(Whole(name)), "the whole layer")
    yield from classes
    if typed:
        yield from (Completion(name, about) for name, about in PENALTIES.items() if name.startswith(typed))
        yield from (_head(names, name) for name in _alike(typed, every) if name not in firm)
    if not firm and not classes:
        yield from _misspelt(names, "logit", typed)


def _head(names: Names, name: str) -> Completion:
    if name in names.layers:
        layer = names.layers[name]
        size = " x ".join(map(str, layer.size))
        kind = layer.kind.partition("-")[0]
        return Completion(to_text(Whole(name)) + ":", f"{kind}{size and f' {size}'}, {layer.channels} channels")
    what = "classes" if name == "logit" else "probabilities of classes"
    return Completion(name + ":", f"{names.classes} {what}")


def _channels(layer: Layer, head: str, typed: str) -> Iterator[Completion]:
    number, at, position = typed.partition("@")
    if at:
        yield from _positions(layer, head, number, position)
        return
    if not number or re.fullmatch(r"[0-9]+", number):
        for channel in _beginning(number, layer.channels):
            yield Completion(to_text(Channel(head, channel)), f"of {layer.channels} channels")
    if "random#".startswith(number) or re.fullmatch(r"random#[0-9]*", number):
        seed = int(number.partition("#")[2] or 0)
        yield Completion(to_text(Direction(head, seed=seed)), "a random direction")


def _positions(layer: Layer, head: str, number: str, typed: str) -> Iterator[Completion]:
    if not layer.kind.startswith("map") or not _whole(number) or int(number) >= layer.channels:
        return
    if "centre".startswith(typed):
        middle = ",".join(str(side // 2) for side in layer.size)
        yield Completion(to_text(Neuron(head, int(number))), f"the middle position, {middle}")
    rows, columns = layer.size
    found = re.fullmatch(r"([0-9]{1,6})(?:,([0-9]{0,6}))?", typed)
    for y in _beginning(found[1], rows) if found else ():
        if found and found[2] is None:
            yield Completion(to_text(Neuron(head, int(number), (y, columns // 2))), f"of {rows} x {columns} positions")
        elif found and y == int(found[1]):
            for x in _beginning(found[2], columns):
                yield Completion(to_text(Neuron(head, int(number), (y, x))), f"of {rows} x {columns} positions")


def _whole(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def _beginning(digits: str, end: int) -> Iterator[int]:
    """Numbers below ``end`` that begin so, the shortest first."""
    if not digits:
        yield from range(min(end, MANY))
        return
    first, width = int(digits), 1
    while first < end and str(int(digits)) == digits:
        yield from range(first, min(first + width, end, first + MANY))
        if first == 0:
            return
        first, width = first * 10, width * 10


def _classes(names: Names, head: str, typed: str) -> Iterator[Completion]:
    """Classes by name and by number; all in order while nothing is typed."""
    typed = _bare(typed)
    if not typed or _whole(typed):
        for channel in _beginning(typed, names.classes):
            yield _class(names, head, channel)
    if plain(typed):
        found = list(_named(names, head, typed))
        yield from found or _misspelt(names, head, typed)


def _named(names: Names, head: str, typed: str) -> Iterator[Completion]:
    """Classes whose names begin so, then those with a word that does, then those that hold it."""
    wanted = plain(typed)
    held = [channel for channel, label in enumerate(names.labels) if wanted in label]

    def place(channel: int) -> int:
        if names.labels[channel].startswith(wanted):
            return 0
        words = re.split(r"[\W_]+", _label(names, channel).casefold())
        return 1 if any(word.startswith(wanted) for word in words) else 2

    for channel in sorted(held, key=place)[:MANY]:
        yield _class(names, head, channel)


def _misspelt(names: Names, head: str, typed: str) -> Iterator[Completion]:
    wanted = plain(typed)
    near = difflib.get_close_matches(wanted, names.labels, CLASSES) if wanted else []
    yield from (_class(names, head, names.labels.index(name)) for name in near)


def _label(names: Names, channel: int) -> str:
    return names.network.labels[channel] if names.labels and names.network.labels else f"class {channel}"


def _class(names: Names, head: str, channel: int) -> Completion:
    """By its name where that alone is meant by it; else by its number, and the name beside it."""
    name = names.network.class_name(channel) if names.labels else None
    unit: Objective = HEADS[head](channel if name is None else name)
    return Completion(to_text(unit), _label(names, channel) if name is None else f"class {channel}")


def _rank(typed: str, name: str) -> int | None:
    """How well a name goes with what is typed: it is it, begins so, has a part that does, holds it; None if not."""
    typed, name = typed.casefold(), name.casefold()
    if typed not in name:
        return None
    if name.startswith(typed):
        return 0 if name == typed else 1
    return 2 if re.search(rf"[._/]{re.escape(typed)}", name) else 3


def _alike(typed: str, names: Iterable[str]) -> list[str]:
    """Names that have all letters of what is typed in their order, the shortest first; else those spelled alike."""

    def holds(name: str) -> bool:
        letters = iter(name.casefold())
        return all(letter in letters for letter in typed.casefold())

    names = list(names)
    found = sorted((name for name in names if len(typed) > 1 and holds(name)), key=len)
    return found[:MANY] or difflib.get_close_matches(typed, names, CLASSES)
