"""Which layers a scan looks at, and what they are like at its picture size."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn

from ..address import OUTPUT
from ..errors import ModelError, UnknownLayer, closest
from ..models.network import Network
from ..store.plan import Track

# what only scales, moves, thins out or passes on what the layer before it has shown
_PASSING = (
    nn.Identity,
    nn.Flatten,
    nn.modules.dropout._DropoutNd,
    nn.modules.batchnorm._BatchNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
)
EVERY = "**"
LOGITS = "logit"  # how the network's output is asked for


def recommended(network: Network) -> list[str]:
    """The layers that one would look into: the outermost ones, plain sequences opened; no norms, pools or dropouts."""
    found: list[str] = []

    def visit(module: nn.Module, prefix: str) -> None:
        for name, child in module.named_children():
            path = f"{prefix}{name}"
            runs = path in network.runs
            if type(child) in (nn.Sequential, nn.ModuleList, nn.ModuleDict) or (not runs and any(child.children())):
                visit(child, f"{path}.")
            elif runs and not isinstance(child, _PASSING):
                found.append(path)

    visit(network.module, "")
    return found or list(network.layers)


def tracks_of(network: Network, wanted: Sequence[str] | None, size: tuple[int, int]) -> tuple[Track, ...]:
    """The layers that names and globs choose, in the order of the forward; None: ``recommended`` and the logits."""
    known = network.runs_at(size)
    if wanted is None:
        chosen, logits = dict.fromkeys(recommended(network)), None
    else:
        chosen, logits = _matching(network, wanted)
    order = {name: place for place, name in enumerate(known)}
    tracks = []
    for name in sorted(chosen, key=lambda one: order[one if one in order else one.partition("#")[0]]):
        base, _, call = (name, "", "") if name in order else name.partition("#")
        layer = known[base][int(call) if call else -1]
        tracks.append(Track(name, layer.channels, tuple(layer.size)))
    if logits is not False:
        try:
            tracks.append(Track(OUTPUT, network.classes, ()))
        except ModelError:
            if logits:
                raise
    return tuple(tracks)


def _matching(network: Network, wanted: Sequence[str]) -> tuple[dict[str, None], bool]:
    """The layers that words choose, and whether the logits are among them."""
    chosen: dict[str, None] = {}
    words = [word for word in dict.fromkeys(wanted) if word not in (LOGITS, OUTPUT)]
    for word in words:
        if any(mark in word for mark in "*?["):
            form = pattern(word)
            matching = [name for name in network.runs if form.fullmatch(name)]
            if not matching:
                raise UnknownLayer(
                    f"no layer of {network.name} matches {word!r}; {closest(word.strip('*'), network.runs)}\n"
                    f"list all: phosphene layers {network.name}"
                )
        else:
            network.find(word)
            matching = [word]
        chosen.update(dict.fromkeys(matching))
    return chosen, len(words) < len(set(wanted)) or EVERY in words


def pattern(glob: str) -> re.Pattern[str]:
    """A glob over module paths: ``*`` and ``?`` stay within one part of a name, ``**`` crosses dots.

    >>> [bool(pattern("mixed*").fullmatch(name)) for name in ("mixed4b", "mixed4b.branch1")]
    [True, False]
    >>> bool(pattern("mixed4b.**").fullmatch("mixed4b.branch1.relu"))
    True
    """
    marks = {"**": ".*", "*": "[^.]*", "?": "[^.]"}

    def piece(found: re.Match[str]) -> str:
        text = found[0]
        if text in marks:
            return marks[text]
        return text.replace("[!", "[^", 1) if text.startswith("[") and len(text) > 1 else re.escape(text)

    return re.compile(re.sub(r"\*\*|[*?]|\[[^\]]+\]|.", piece, glob))
