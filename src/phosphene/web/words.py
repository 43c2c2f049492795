"""The words of targets: reading them for strangers, going on with them, and what else there is to choose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, final

from ..address import OUTPUT
from ..attribution import attributions
from ..declare import checked
from ..errors import BadSpec, PhospheneError, UnitOutOfRange
from ..images import images
from ..models.network import Network
from ..objectives import Direction, Objective, from_text, named
from ..presets import PRESETS, Preset
from ..sweeps.recipe import shipped
from .complete import Names, completions
from .loaded import meant
from .schema.limits import MOST_SIZE, MOST_STEPS
from .schema.lines import short_line
from .schema.live_documents import Choice, ChoicesDoc, Completion, TargetDoc

LONGEST = 500  # letters of a target
_SEVERAL = re.compile(r"(random#)?\d+(\.\.\d+)?(,\d+(\.\.\d+)?)*")


def understood(network: Network, text: str) -> Objective:
    """A target that a stranger wrote, checked against the network. Raises BadSpec, BadTarget, UnknownLayer,
    UnknownClass, UnitOutOfRange."""
    found = checked(network, read(text))
    for _, term in found.terms:
        if isinstance(term, Direction) and term.vector:
            width = network.find(term.layer)[0].channels
            if len(term.vector) != width:
                raise UnitOutOfRange(f"the vector has {len(term.vector)} components, {term.layer} has {width} channels")
    return found


def read(text: str) -> Objective:
    """A stranger's text as a target: one, which names no files, as those would be the server's, and no other photo.

    Raises BadSpec, BadTarget.
    """
    if len(text) > LONGEST:
        raise BadSpec(f"a target has at most {LONGEST} letters, not {len(text)}")
    objective = from_text(text)
    for _, term in objective.terms:
        if isinstance(term, Direction) and term.file is not None:
            if _SEVERAL.fullmatch(term.file):
                raise BadSpec(f"{term.file} names several units; one is needed here")
            raise BadSpec(f"after a layer comes :CHANNEL, :random#SEED or a vector :(1,0,-1), not {term.file!r}")
        if term.compares:
            raise BadSpec(f"{term} compares with a photo; here one asks for units, classes, layers and directions")
    return objective


def spelled(network: Network, objective: Objective) -> str:
    """A target as people write it, with names of classes where those are read back."""
    if OUTPUT not in objective.layers or network.labels is None or len(network.labels) != network.classes:
        return str(objective)
    return str(named(objective, network.class_name))


@final
class Words:
    """Targets of ``networks``, by fingerprint. The networks are looked at here and now, before anyone else begins to
    use them; afterwards only what was found is read."""

    def __init__(self, networks: Mapping[str, Network]) -> None:
        self._networks = networks
        self._names = {network: Names.of(networks[network]) for network in networks}

    def choices(self, network: str) -> ChoicesDoc:
        """What a job can be asked with."""
        meant(self._networks, network)
        return ChoicesDoc(
            presets=tuple(Choice(name, _said(one), _group(one)) for name, one in PRESETS.items() if _fits(one)),
            images=tuple(Choice(name, _first(kind)) for name, kind in images.items() if name != "aligned"),
            recipes=tuple(Choice(one.name, one.about) for one in shipped()),
            methods=tuple(Choice(name, _first(kind)) for name, kind in attributions.items()),
            most_size=MOST_SIZE,
            most_steps=MOST_STEPS,
        )

    def complete(self, network: str, text: str) -> list[Completion]:
        """Ways to go on with a target's last unit, best first, each as the whole new text."""
        names = self._names[meant(self._networks, network)]
        return completions(names, text) if len(text) <= LONGEST else []

    def target(self, network: str, text: str) -> TargetDoc:
        """A target in its one spelling, or what is wrong with it."""
        name = meant(self._networks, network)
        live = self._networks[name]
        try:
            if not self._names[name].classes and OUTPUT in read(text).layers:  # or it would be run to count them
                raise BadSpec(f"{live.name} has no classes; ask for a layer, such as {next(iter(live.layers))}:0")
            objective = understood(live, text)
        except PhospheneError as error:
            return TargetDoc(text, None, short_line(error))
        return TargetDoc(text, spelled(live, objective), None)


def _said(one: Preset) -> str:
    times = f"{one.steps} steps" if one.views == 1 else f"{one.steps} steps of {one.views} views"
    return f"{times}, {images.name_of(type(one.image))}; {one.source}"


def _group(one: Preset) -> str:
    if one.source.startswith("ours"):
        return "phosphene's own"
    return "published: directions of descent" if "steepest" in one.source else "published"


def _fits(one: Preset) -> bool:
    return one.steps <= MOST_STEPS and (one.size or 0) <= MOST_SIZE


def _first(kind: type[Any]) -> str:
    """The first paragraph of a docstring."""
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())
