"""Maps of what in a picture a target responds to: one pass back, and what each method makes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import final
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import BadSpec, ModelError, NotDifferentiable, OutOfMemory, UnitOutOfRange
from ..memory import SLACK, free, taken
from ..models.network import Network, first_line, out_of_memory
from ..objectives import Activations, Channel, Neuron, Objective, PerRow
from ..registry import Registry
from ..shapes import Images, Scores
from ..tap import Tap
from ..transforms import fit
from .rules import Rule, Ruled, deconvolved, guided

TOGETHER = 64  # pictures in one pass at most
REMEMBERED = 4096  # targets of a network of which it is known whether deconv is blind


class Method(ABC):
    """What happens at a ReLU on the way back, and what is made of what arrives. A subclass is a frozen dataclass."""

    @property
    @abstractmethod
    def rule(self) -> Rule | None:
        """The gradient at a ReLU; None for its own."""

    @property
    def colours(self) -> bool:
        """Whether its signs and colours are drawn, or its magnitudes alone."""
        return False

    def of(self, gradient: Tensor, values: Tensor) -> Tensor:
        """The signed map from what arrived at the pictures; ``values``: they, less the mean that is subtracted."""
        return gradient


attributions = Registry[type[Method]]("attribution method")


@final
@attributions.register("saliency")
@dataclass(frozen=True)
class Saliency(Method):
    """The gradient of the score (Simonyan 2013)."""

    @property
    def rule(self) -> None:
        return None


@final
@attributions.register("deconv")
@dataclass(frozen=True)
class Deconv(Method):
    """At every ReLU what is positive on its way back; max-pools by their switches (Zeiler & Fergus 2014)."""

    @property
    def rule(self) -> Rule:
        return deconvolved

    @property
    def colours(self) -> bool:
        return True


@final
@attributions.register("guided")
@dataclass(frozen=True)
class Guided(Method):
    """What both the gradient and deconv let through (Springenberg 2015, guided backpropagation)."""

    @property
    def rule(self) -> Rule:
        return guided

    @property
    def colours(self) -> bool:
        return True


@final
@attributions.register("gradient_x_input")
@dataclass(frozen=True)
class GradientXInput(Method):
    """The gradient times the value (Shrikumar 2016), counted from the mean that the network subtracts, if it does."""

    @property
    def rule(self) -> None:
        return None

    def of(self, gradient: Tensor, values: Tensor) -> Tensor:
        return gradient * values  # the deviation cancels: this is the module's own input times its gradient


@final
@dataclass(frozen=True, eq=False)
class Attribution:
    """Maps of one method, a row per picture.

    ``signed`` ``(b, c, h, w)``: like a gradient of the score with respect to the picture in [0, 1], through the
    preprocessing. ``map`` ``(b, h, w)``: the largest magnitude among the colours. ``scores`` ``(b,)``: of the bare
    pictures. ``note``: what one must know to read the maps; None if there is nothing.
    """

    method: str
    signed: Images
    map: Float[Tensor, "b h w"]
    scores: Scores
    note: str | None = None

    @property
    def silent(self) -> tuple[bool, ...]:
        """Rows in which nothing came back."""
        return tuple((self.map.flatten(1).amax(1) == 0).tolist())


def attribute(
    network: Network, objective: Objective, pictures: Images, method: str | Method = "saliency"
) -> Attribution:
    """What in each of ``pictures`` (in [0, 1]) the objective responds to; see ``attribute_rows``."""
    return attribute_rows(network, [objective] * len(pictures), pictures, method)


def attribute_rows(
    network: Network, objectives: Sequence[Objective], pictures: Images, method: str | Method = "saliency"
) -> Attribution:
    """The same, an objective for each picture: row i of what comes back depends on row i alone.

    Objectives are resolved (classes by number) and say something of the network: no penalties, no comparisons.
    Raises BadSpec, UnknownOption, UnknownLayer, UnitOutOfRange, NotDifferentiable, ModelError, OutOfMemory.
    """
    how = attributions.make({"name": method}) if isinstance(method, str) else method
    name = attributions.name_of(type(how))
    if len(objectives) != len(pictures):
        raise BadSpec(f"{len(objectives)} targets for {len(pictures)} pictures; give one for each")
    explainable(*objectives)
    pictures, aims = pictures.to(network.device), tuple(objectives)
    mean, _ = network.normalisation
    ruled: Ruled | None = None
    found, scores = [], []
    for share in _shares(network, PerRow(aims).layers, pictures):
        ruled = None if how.rule is None else Ruled(how.rule)  # counts one forward
        score, gradient = _back(network, PerRow(aims[share]), pictures[share], ruled)
        found.append(how.of(gradient, pictures[share] - mean))
        scores.append(score)
    signed = torch.cat(found)
    made = Attribution(name, signed, signed.abs().amax(1), torch.cat(scores))
    notes = [_unchanged(name, ruled, PerRow(aims)), _silent(made, ruled is not None)]
    if how.rule is deconvolved and notes[0] is None and _blind(network, aims[0], pictures[:1], found[0][:1]):
        notes.append(f"{name} gives every picture this map: without max-pools nothing on its way back depends on one")
    return replace(made, note="; ".join(one for one in notes if one is not None) or None)


def peaks(network: Network, objectives: Sequence[Objective], pictures: Images) -> list[Neuron]:
    """For each picture, the position at which its channel fires most there; the first of several.

    Raises BadSpec for what is no channel, UnitOutOfRange for a layer without a map.
    """
    layers = PerRow(tuple(objectives)).layers
    pictures, found = pictures.to(network.device), list[Neuron]()
    for objective in objectives:
        if not isinstance(objective, Channel):
            raise BadSpec(f"{objective} fires at no position of its own; the position that fires most is for a channel "
                          "on a map, LAYER:CHANNEL")  # fmt: skip
    for share in _shares(network, layers, pictures):
        with network.frozen(), Tap(network, layers) as tap, torch.no_grad():
            maps = tap(fit(pictures[share], tap.only_size))
        for row, unit in enumerate(objectives[share]):
            if not isinstance(unit, Channel):
                continue
            acts = maps[unit.layer][row]
            if acts.ndim != 3:
                raise UnitOutOfRange(f"{unit.layer} of {network.name} has no map, so no position fires most")
            if not 0 <= unit.channel < len(acts):
                raise UnitOutOfRange(f"{unit} does not exist: {unit.layer} has {len(acts)} channels")
            flat = acts[unit.channel].abs() if unit.mode == "energy" else acts[unit.channel]
            y, x = divmod(int(flat.argmax()), acts.shape[2])
            found.append(Neuron(unit.layer, unit.channel, (y, x)))
    return found


def explainable(*objectives: Objective) -> None:
    """Refuse targets that say nothing of what a network sees in one picture."""
    for objective in objectives:
        if objective.compares:
            raise BadSpec(f"{objective} compares with another photo; explain units, classes, layers or directions")
        alone = [term for _, term in objective.terms if not term.reads]
        if alone or not objective.terms:
            raise BadSpec(f"{alone[0] if alone else objective} is a penalty on the picture, which no network sees; "
                          "explain units, classes, layers or directions")  # fmt: skip


def _shares(network: Network, layers: Sequence[str], pictures: Images) -> Iterator[slice]:
    """Pictures that go through the network together: as many as fit."""
    _, rows, columns = network.preprocessing.size
    high, wide = (rows, columns) if network.preprocessing.fixed else pictures.shape[2:]
    each = SLACK * taken(network, layers, "exact") * high * wide / (rows * columns)
    there = free(network.device)
    if each > there:
        raise OutOfMemory(
            f"a picture of {high} x {wide} through {network.name} needs about {each / 2**30:,.1f} GiB, "
            f"{there / 2**30:,.1f} GiB are free; choose a smaller size"
        )
    together = max(1, min(TOGETHER, int(0.6 * there / max(each, 1.0))))
    for start in range(0, len(pictures), together):
        yield slice(start, start + together)


def _back(network: Network, aim: PerRow, pictures: Images, ruled: Ruled | None) -> tuple[Scores, Images]:
    """Scores, and what comes back to the pictures from their sum, so that rows ignore their neighbours."""
    leaf = pictures.detach().clone().requires_grad_()
    try:
        with network.frozen(), Tap(network, aim.layers) as tap:
            with ruled if ruled is not None else nullcontext():
                maps = tap(fit(leaf, tap.only_size))
            frame = {layer: tuple(acts.shape[2:]) for layer, acts in maps.items()}
            scores = aim.score(Activations(maps, leaf, frame))
            if not scores.requires_grad:
                raise NotDifferentiable(
                    f"{aim.objectives[0]} does not depend on the picture with a gradient: somewhere before it "
                    f"{network.name} detaches, rounds, converts to whole numbers or switches gradients off"
                )
            (gradient,) = torch.autograd.grad(scores.sum(), leaf, allow_unused=True)
    except (RuntimeError, MemoryError) as error:
        size = f"{pictures.shape[2]} x {pictures.shape[3]}"
        if out_of_memory(error):
            raise OutOfMemory(
                f"{len(pictures)} pictures of {size} do not fit in memory; choose a smaller size"
            ) from error
        raise ModelError(
            f"{network.name} failed on the way back to a picture of {size}: {first_line(error)}"
        ) from error
    gradient = torch.zeros_like(leaf) if gradient is None else gradient
    if not bool(torch.isfinite(gradient).all()):
        raise ModelError(f"what comes back from {aim.objectives[0]} of {network.name} left the finite numbers")
    return scores.detach(), gradient


def _blind(network: Network, aim: Objective, picture: Images, gradient: Images) -> bool:
    """Whether deconv brings the same back from noise: neither ReLUs nor pools chose anything.

    What lies on the way stays there, so it is found out once: a webcam asks with each of its pictures.
    """
    known = _blindness.setdefault(network, {})
    most = float(gradient.abs().max())
    if most > 0 and aim not in known:
        noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(0)).to(picture.device)
        _, other = _back(network, PerRow((aim,)), noise, Ruled(deconvolved))
        if len(known) >= REMEMBERED:
            known.clear()
        known[aim] = float((other - gradient).abs().max()) < 1e-4 * most
    return known.get(aim, False)


_blindness: WeakKeyDictionary[Network, dict[Objective, bool]] = WeakKeyDictionary()


def _unchanged(name: str, ruled: Ruled | None, aim: PerRow) -> str | None:
    """Where a rule found no ReLU, or other activations beside them."""
    if ruled is None:
        return None
    others = ", ".join(ruled.others)
    if ruled.relus == 0:
        way = "the network's output" if aim.layers[0].startswith("@") else aim.layers[0]
        why = f" but {others}" if others else ""
        return f"there is no ReLU on the way to {way}{why}, so {name} changes nothing and equals saliency"
    if not others:
        return None
    return (f"{name} is a rule for ReLUs, of which there are {ruled.relus}; {sum(ruled.others.values())} other "
            f"activations ({others}) keep their own gradient")  # fmt: skip


def _silent(made: Attribution, rule: bool) -> str | None:
    """Where nothing came back, and why that can be."""
    silent = made.silent
    if not any(silent):
        return None
    what = "the map is" if len(silent) == 1 else f"{sum(silent)} of {len(silent)} maps are"
    positive = ", or nothing positive comes back" if rule else ""
    return f"{what} all zero: the target is off there, or saturated{positive}"
