"""What was asked for -> jobs or a sweep's plan. Everything is checked; nothing is made, and no network is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from ...errors import BadSpec, PhospheneError, UnitOutOfRange, UnknownOption, closest
from ...examples.shots import pictures_of
from ...front import options_of, prepare, steps_of
from ...images import Aligned, images
from ...models.network import Network
from ...objectives import Alignment, Neuron, Objective, named, to_text
from ...presets import preset as preset_of
from ...spec import Job
from ...store.ledger import Ledger
from ...store.scans import find
from ...sweeps.plan import Plan
from ...sweeps.planning import chosen, planned, ranges_of, with_steps
from ...sweeps.recipe import OF_DATA, Recipe, shipped
from ...together import ALIGNED, compared_layer, grouped, mixed
from ..schema.limits import MOST_COUNT, MOST_SEED, MOST_SIZE, MOST_STEPS, MOST_WORK, within
from ..schema.live_documents import Ask
from ..words import LONGEST, understood

TITLE = 120  # letters


@final
@dataclass(frozen=True)
class Pictures:
    """Pictures that are made together."""

    title: str
    jobs: tuple[Job, ...]

    @property
    def steps(self) -> int:
        return self.jobs[0].steps

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        height, width = self.jobs[0].image["size"]
        return int(height), int(width)


@final
@dataclass(frozen=True)
class Units:
    """Units of one layer. ``layer``: as it is shown."""

    title: str
    plan: Plan
    layer: str

    @property
    def steps(self) -> int:
        return self.plan.units


def order_of(ask: Ask, network: Network, ledger: Ledger, frame: tuple[int, int] | None = None) -> Pictures | Units:
    """What is to be made. ``frame``: height and width of the picture that it starts from, if it starts from one.

    Raises BadTarget, BadSpec, UnknownLayer, UnknownClass, UnknownOption, UnitOutOfRange.
    """
    for name in ("target", "to", "preset", "image", "layer", "units", "recipe"):
        text = getattr(ask, name)
        if text is not None and len(text) > LONGEST:
            raise BadSpec(f"{name} has at most {LONGEST} letters, not {len(text)}")
    within("seed", ask.seed, 0, MOST_SEED)
    if ask.steps is not None:
        within("steps", ask.steps, 1, MOST_STEPS)
    if ask.start is not None and ask.kind != "picture":
        raise BadSpec("one picture can start from a frame; pictures between two targets and units of a layer cannot")
    if ask.kind == "units":
        return _units(ask, network, ledger)
    return _picture(ask, network, frame) if ask.kind == "picture" else _between(ask, network)


def _picture(ask: Ask, network: Network, frame: tuple[int, int] | None) -> Pictures:
    objective = understood(network, ask.target)
    said = _said(ask)
    if frame is not None:
        said |= {"start": "given", "size": ask.size if ask.size is not None else frame}
    # the start comes later: to look at one, memory is measured, and that runs the network
    jobs, _ = prepare(network, [objective], options_of(**said))
    return _placed(network, objective, _bounded(Pictures(_title(network, objective), tuple(jobs))))


def _between(ask: Ask, network: Network) -> Pictures:
    """As ``together.interpolate``."""
    if ask.to is None:
        raise BadSpec("pictures between two targets need both; say where to: to")
    first, last = understood(network, ask.target), understood(network, ask.to)
    within("count", ask.count, 2, MOST_COUNT)
    objectives = mixed(first, last, ask.count)
    where = compared_layer(network, first)
    network.find(where)
    jobs, _ = prepare(network, objectives, options_of(**{**_said(ask), "image": _image(ask) or Aligned()}))
    title = f"{_title(network, first)} \N{RIGHTWARDS ARROW} {_title(network, last)}"
    return _placed(network, first + last, _bounded(Pictures(title, tuple(grouped(jobs, Alignment(where, ALIGNED))))))


def _units(ask: Ask, network: Network, ledger: Ledger) -> Units:
    if ask.layer is None:
        raise BadSpec("units are of a layer; say which: layer")
    if ask.layer != "logit":
        network.find(ask.layer)  # a name, no glob
    (track,) = chosen(network, [ask.layer], None)
    whole = _recipe(ask.recipe)
    one = with_steps(whole, ask.steps)
    scan = _scan(one, network, ledger, track.name)
    if scan is None:
        _without_scan(one, ask.layer)
    plan = planned(network, one, layers=[ask.layer], scan=scan,
                   units=None if ask.units is None else ranges_of(ask.units))  # fmt: skip
    many = "all units" if ask.units is None else "1 unit" if plan.units == 1 else f"{plan.units} units"
    work = _work(plan)
    if work > MOST_WORK and work > (most := _work(planned(network, whole, layers=[ask.layer], scan=scan))):
        raise BadSpec(f"that is {work / max(most, MOST_WORK):.1f} times as much work as one job may be, the whole "
                      f"layer as the recipe {one.name} has it; choose fewer steps or units")  # fmt: skip
    return Units(f"{many} of {ask.layer} ({one.name})", plan, ask.layer)


def _work(plan: Plan) -> int:
    """Pixels that go through the network, over all steps and pictures."""
    height, width = plan.job["image"]["size"]
    return int(height * width * plan.job["steps"] * plan.job["views"] * plan.pictures)


def _scan(recipe: Recipe, network: Network, ledger: Ledger, layer: str) -> str | None:
    """The scan that a recipe's real pictures come from, if it wants any and they are where they were."""
    if not any(getattr(recipe, kind) for kind in OF_DATA):
        return None
    found = find(ledger.place, layer, fingerprint=network.fingerprint)
    if found is None:
        return None
    try:
        pictures_of(found)
    except PhospheneError:  # they are gone: the same as no scan
        return None
    return found.id


def _without_scan(recipe: Recipe, layer: str) -> None:
    """Refuse a recipe that insists on real pictures, in words of whoever cannot name some here."""
    try:
        recipe.without_data()
    except BadSpec as error:
        raise BadSpec(
            f"the recipe {recipe.name} takes real pictures, and no scan of {layer} here has some; on the command line: "
            f"phosphene sweep MODEL --store ... --recipe {recipe.name} --data photos/"
        ) from error


def _recipe(name: str) -> Recipe:
    """One that ships: what is asked for from outside names no file."""
    known = {one.name: one for one in shipped()}
    if name not in known:
        raise UnknownOption(f"no recipe {name!r}; {closest(name, known)}")
    return known[name]


def _said(ask: Ask) -> dict[str, Any]:
    """What ``render`` takes of it."""
    if ask.size is not None:
        within("size", ask.size, 1, MOST_SIZE)
    preset_of(ask.preset)
    return {"preset": ask.preset, "image": _image(ask), "size": ask.size, "seed": ask.seed,
            "steps": steps_of(ask.preset, ask.steps, ())}  # fmt: skip


def _image(ask: Ask) -> Any:
    """An image by its bare name: options could name files."""
    return None if ask.image is None else images.make({"name": ask.image})


def _bounded(order: Pictures) -> Pictures:
    """Refuse what a preset makes too much of."""
    job, (height, width) = order.jobs[0], order.size
    within("size", max(height, width), 1, MOST_SIZE)
    within("steps", order.steps, 1, MOST_STEPS)
    work = height * width * job.steps * job.views * len(order.jobs)
    if work > MOST_WORK:
        raise BadSpec(f"that is {work / MOST_WORK:.1f} times as much work as one job may be; choose fewer steps or "
                      "pictures, or a smaller size")  # fmt: skip
    return order


def _placed(network: Network, objective: Objective, order: Pictures) -> Pictures:
    """Refuse a position outside of a layer's map, where that is known without a run: of pictures no larger than those
    that the network was looked at with. Larger ones have larger maps, and the job finds out."""
    own = network.preprocessing.size[1:]
    known = all(side <= most for side, most in zip(order.size, own, strict=True))
    for _, term in objective.terms:
        if not isinstance(term, Neuron):
            continue
        size = network.find(term.layer)[0].size
        if len(size) != 2:
            raise UnitOutOfRange(f"{term.layer} has no map, so no positions; leave out the part after @")
        position = term.position or (0, 0)  # the middle is in every map
        if known and any(at >= side for at, side in zip(position, size, strict=True)):
            raise UnitOutOfRange("{} does not exist: the map of {} is {} x {} at {} x {} pixels".format(
                term.place(), term.layer, *size, *own))  # fmt: skip
    return order


def _title(network: Network, objective: Objective) -> str:
    text = to_text(named(objective, network.class_name))
    return text if len(text) <= TITLE else f"{text[: TITLE - 1]}\N{HORIZONTAL ELLIPSIS}"
