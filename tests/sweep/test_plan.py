"""A plan says what ``render`` and ``diverse`` would make, in one order, whoever counts it and in however many parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nets import two
from sweep.made import tiny
from torch import Tensor, nn

import phosphene as ph
from phosphene.declare import declare
from phosphene.errors import PhospheneError, StoreError
from phosphene.front import options_of
from phosphene.models.network import Network
from phosphene.objectives import Channel, from_text, to_text
from phosphene.presets import PRESETS
from phosphene.spec import canonical
from phosphene.sweeps.plan import Line, Plan, packs
from phosphene.sweeps.planning import beyond, planned, ranges_of
from phosphene.sweeps.recipe import Recipe

ODD = ["0", "a:0", "conv 1", "ü/漢", "logit", '"', "tv", "x-1", "-1*conv", "a[b]", "5:0 - 0", "image", "1+1"]
ALL: dict[str, Any] = {"negative": True, "diverse": 3}


class Odd(nn.Module):
    """Convolutions under names that a target's text must quote, or that look like something else."""

    def __init__(self, names: Sequence[str] = ODD) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.ModuleDict({name: nn.Conv2d(3, 3, 3, padding=1) for name in names})
            for name in names:
                if name not in dir(self):
                    self.add_module(name, nn.Conv2d(3, 12, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values():
            x = layer(x)
        for name, layer in self.named_children():
            if name != "layers":
                x = layer(x)[:, :3]
        return x.mean((2, 3))


@pytest.fixture(scope="module")
def odd() -> Network:
    return ph.load(Odd(), input_size=(3, 12, 12))


@pytest.fixture(scope="module")
def net() -> Network:
    return two()


def plan(network: Network, recipe: Recipe | None = None, **said: Any) -> Plan:
    return planned(network, recipe or tiny(), **said)


def declared(network: Network, one: Plan, target: str) -> str:
    """The id of the picture that ``render`` would make, without making it."""
    options = options_of(**{**one.recipe.render, "steps": one.job["steps"]})
    return declare(network, from_text(target), options).id(network.fingerprint)


def with_penalties() -> list[str]:
    return [name for name, preset in PRESETS.items() if preset.penalties]


def named(layer: str) -> str:
    """A layer as a target's text has it."""
    return "logit:" if layer == "@output" else to_text(Channel(layer, 0)).removesuffix("0")


@pytest.mark.parametrize("preset", ["standard", *with_penalties()])
def test_ids_are_those_of_rendered_pictures(preset: str, odd: Network, net: Network) -> None:
    """Fires and silences; of layers under odd names and of classes; of presets with penalties in the target."""
    recipe = tiny(negative=True, preset=preset, size=8, views=1, robust=1, steps=1)
    assert with_penalties()
    for network in (odd, net):
        one = plan(network, recipe, layers=["**", "logit"])
        assert {line.layer for line in one.lines} == {*network.runs, "@output"}
        for place, line in enumerate(one.lines):
            channel = line.channels - 1  # 11 where there are so many
            for kind, sign in (("positive", ""), ("negative", "-")):
                task = one.task(place, kind, channel)
                unit = f"{named(line.layer)}{channel}"
                assert one.unit(task) == unit
                assert task.ids == tuple(job.id(one.fingerprint) for job in one.jobs(task))
                assert task.id == declared(network, one, f"{sign}{unit}")


def test_rendered_pictures_have_these_ids(odd: Network, net: Network) -> None:
    for network, layer, preset in ((odd, "5:0 - 0", "standard"), (net, "@output", with_penalties()[0])):
        one = plan(network, tiny(negative=True, preset=preset, size=8, views=1, robust=1, steps=1), layers=[layer])
        for task in (one.task(0, "positive", 2), one.task(0, "negative", 2)):
            target = f"{'-' * (task.kind == 'negative')}{named(layer)}2"
            assert ph.render(network, target, **one.recipe.render).id == task.id


def test_ids_are_those_of_diverse_pictures(odd: Network, net: Network) -> None:
    """A group with its members, compared at the unit's own layer, of a class at the last map."""
    recipe = tiny(positive=False, diverse=3, strength=0.5, seed=7, size=8, robust=1)
    for network, layers in ((odd, ["a:0", "layers.0"]), (net, ["first", "logit"])):
        one = plan(network, recipe, layers=layers)
        for place, line in enumerate(one.lines):
            task = one.task(place, "diverse", 2)
            said = {key: value for key, value in recipe.render.items() if value is not None}
            made = ph.diverse(network, f"{named(line.layer)}2", 3, strength=0.5, **said)
            assert task.ids == tuple(result.id for result in made)
            assert [job.to_dict() for job in one.jobs(task)] == [result.spec for result in made]


def test_what_a_recipe_says_is_in_every_job(net: Network) -> None:
    recipe = tiny(size=(8, 10), image="pixel", transform="none", views=2, gradient=("sign",), filters=("decay",),
                  keep="best", arithmetic="exact", seed=5, steps=4, redirect=3, robust=2, frames=(0, 2))  # fmt: skip
    one = plan(net, recipe, layers=["first"])
    assert one.task(0, "positive", 3).id == ph.render(net, "first:3", **recipe.render, frames=[0, 2]).id
    job = one.jobs(next(one.tasks()))[0]
    assert (job.steps, job.seed, job.views, job.keep, job.redirect) == (4, 5, 2, "best", 3)
    assert tuple(job.image["size"]) == (8, 10)


def test_steps_reach_the_last_frame_where_none_are_said(net: Network) -> None:
    assert plan(net, tiny(steps=None, preset="draft", frames=(0, 100))).job["steps"] == 100
    assert plan(net, tiny(steps=None, preset="draft", frames=(0, 10))).job["steps"] == PRESETS["draft"].steps


def test_a_plan_comes_back_from_json(odd: Network, net: Network) -> None:
    for network in (odd, net):
        for scan in (None, "s" * 32):
            recipe = tiny(**ALL, size=(8, 9), frames=(0, 1), gradient=("sign",), image="pixel", examples=True)
            one = plan(network, recipe, layers=["**"], scan=scan)
            again = Plan.from_dict(json.loads(json.dumps(one.to_dict())))
            assert (again.id, again.recipe, again.lines, again.scan) == (one.id, one.recipe, one.lines, one.scan)
            assert again.fingerprint == one.fingerprint
            assert list(again.tasks()) == list(one.tasks())
            for task in one.tasks():
                ours, theirs = ([job.to_dict() for job in some.jobs(task)] for some in (one, again))
                assert canonical(ours) == canonical(theirs)
            assert canonical(again.to_dict()) == canonical(one.to_dict())


def damaged_plans(data: dict[str, Any]) -> list[dict[str, Any]]:
    lines = data["lines"]
    return [
        {key: value for key, value in data.items() if key != "id"},
        {**data, "id": "0" * 32},
        {**data, "recipe": {**data["recipe"], "seed": 9}},
        {**data, "recipe": {**data["recipe"], "new": 9}},
        {**data, "recipe": None},
        {**data, "lines": None},
        {**data, "lines": [{**lines[0], "units": [[0]]}]},
        {**data, "lines": [{**lines[0], "spelling": {"unit": ["a"]}}]},
        {**data, "lines": [{}]},
        {**data, "job": None},
        {},
    ]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("number", range(11))
def test_what_is_no_plan_is_one_line(number: int, net: Network) -> None:
    data = json.loads(json.dumps(plan(net).to_dict()))
    with pytest.raises(StoreError, match="cannot be read") as caught:
        Plan.from_dict(damaged_plans(data)[number])
    assert len(str(caught.value).splitlines()) == 1


def test_plans_with_other_tasks_have_other_ids(net: Network) -> None:
    some = [plan(net), plan(two(seed=1)), plan(net, tiny(seed=1)), plan(net, tiny(steps=3)), plan(net, tiny(**ALL)),
            plan(net, layers=["first"]), plan(net, limit=3), plan(net, tiny(negative=True)), plan(net, tiny(size=8)),
            plan(net, tiny(diverse=2)), plan(net, tiny(diverse=2, strength=2.0))]  # fmt: skip
    tasks = [tuple(name for task in one.tasks() for name in task.ids) for one in some]
    assert len(set(tasks)) == len(some)
    assert len({one.id for one in some}) == len(some)
    assert plan(net, layers=["first"]).id == plan(net, types=["conv"], limit=6).id


LINES = st.lists(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 5)), min_size=1, max_size=3), min_size=1, max_size=4
)
KINDS = st.fixed_dictionaries(
    {}, optional={"negative": st.just(True), "diverse": st.integers(2, 4), "examples": st.just(True),
                  "facets": st.just(True)}
)  # fmt: skip


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any layers, ranges and kinds, of a network that is not there."""
    lines = []
    for number, steps in enumerate(draw(LINES)):
        ranges, at = [], 0
        for gap, length in steps:
            ranges.append((at + gap, at + gap + length))
            at += gap + length
        spelling = {"unit": (f"l{number}:", ""), "positive": (f"l{number}:", ""), "negative": (f"-l{number}:", "")}
        lines.append(Line(f"l{number}", "Conv2d", at, tuple(ranges), spelling, f"l{number}"))
    job = {"steps": 2, "group": None, "recipe": 1}
    return Plan({"address": "x"}, "ab" * 16, tiny(**draw(KINDS)), job, {"name": "diversity"}, tuple(lines), "s")


@given(plans())
def test_tasks_are_counted_and_each_is_another(one: Plan) -> None:
    tasks = list(one.tasks())
    assert len(tasks) == len(one) == one.count()
    ids = [name for task in tasks for name in task.ids]
    assert len(set(ids)) == len(ids)
    assert [task.id for task in tasks] == [task.ids[0] for task in tasks]
    wanted = [(place, kind, channel) for place, line in enumerate(one.lines) for kind in one.recipe.kinds
              for channel in line.every]  # fmt: skip
    assert [(task.line, task.kind, task.channel) for task in tasks] == wanted
    assert one.units == sum(len(list(line.every)) for line in one.lines)
    pictures = {"positive": 1, "negative": 1, "diverse": one.recipe.diverse, "facets": 1, "examples": 0}
    assert one.pictures == sum(pictures[task.kind] for task in tasks)
    assert all(len(task.ids) == (one.recipe.diverse if task.kind == "diverse" else 1) for task in tasks)


@given(plans(), st.integers(1, 200))
def test_shards_are_parts_of_the_whole(one: Plan, of: int) -> None:
    """Every task in exactly one, each shard in order, their lengths as counted and never further apart than one."""
    tasks = list(one.tasks())
    shards = [list(one.tasks((number, of))) for number in range(1, of + 1)]
    assert [len(shard) for shard in shards] == [one.count((number, of)) for number in range(1, of + 1)]
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert [tasks[number::of] for number in range(of)] == shards


@given(plans(), st.integers(1, 40), st.integers(1, 9), st.integers(1, 3))
def test_packs_keep_order_and_never_mix(one: Plan, rows: int, of: int, number: int) -> None:
    shard = (min(number, of), of)
    tasks = list(one.tasks(shard))
    diverse = one.recipe.diverse or 1
    made = list(packs(tasks, rows, diverse))
    assert [task for pack in made for task in pack.tasks] == tasks
    for pack in made:
        kinds = {task.kind for task in pack.tasks}
        assert {task.line for task in pack.tasks} == {pack.line}
        assert pack.kind in kinds or (pack.kind, kinds) == ("positive", {"negative"})
        assert len(kinds) == 1 or kinds == {"positive", "negative"}
        most = {"facets": 1, "examples": 16, "diverse": max(1, rows // diverse)}.get(pack.kind, rows)
        assert 1 <= len(pack.tasks) <= most
        if len(pack.tasks) > 1:
            first, second = pack.split()
            assert first.tasks + second.tasks == pack.tasks
            assert abs(len(first.tasks) - len(second.tasks)) <= 1
            assert (first.line, second.kind) == (pack.line, pack.kind)
    alone = [pack for pack, after in pairwise(made)
             if (pack.line, pack.kind) == (after.line, after.kind)]  # fmt: skip
    sizes = {"facets": 1, "examples": 16, "diverse": max(1, rows // diverse)}
    assert all(len(pack.tasks) == sizes.get(pack.kind, rows) for pack in alone)  # only the last of a kind is shorter


def chosen(network: Network, **said: Any) -> dict[str, list[int]]:
    return {line.layer: list(line.every) for line in plan(network, **said).lines}


def test_what_is_chosen_where_nothing_is_said(net: Network) -> None:
    assert chosen(net) == {"first": [*range(6)], "relu1": [*range(6)], "second": [*range(5)], "relu2": [*range(5)],
                           "@output": [*range(4)]}  # fmt: skip


def test_layers_and_globs_choose(net: Network) -> None:
    assert list(chosen(net, layers=["relu*"])) == ["relu1", "relu2"]
    assert list(chosen(net, layers=["second", "first"])) == ["first", "second"]
    assert list(chosen(net, layers=["**"])) == ["first", "relu1", "second", "relu2", "head", "@output"]
    assert list(chosen(net, layers=["logit"])) == ["@output"]


def test_types_choose(net: Network) -> None:
    assert list(chosen(net, types=["conv"])) == ["first", "second"]
    assert list(chosen(net, types=["CONV2d", "relu"])) == ["first", "relu1", "second", "relu2"]
    assert list(chosen(net, types=["vector"])) == ["head", "@output"]
    assert list(chosen(net, types=["linear"])) == ["head"]
    assert list(chosen(net, types=["map"], layers=["*2", "logit"])) == ["relu2"]


def test_units_and_limit_choose(net: Network) -> None:
    layers = ["first", "second"]
    assert chosen(net, layers=layers, units=[(1, 3), (5, 6)]) == {"first": [1, 2, 5], "second": [1, 2]}
    assert chosen(net, layers=layers, units=[(5, 99)]) == {"first": [5]}
    assert chosen(net, layers=layers, limit=8) == {"first": [*range(6)], "second": [0, 1]}
    assert chosen(net, layers=layers, limit=6) == {"first": [*range(6)]}
    assert chosen(net, layers=layers, units=[(1, 3), (4, 5)], limit=4) == {"first": [1, 2, 4], "second": [1]}


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), min_size=1, max_size=5), st.none() | st.integers(1, 9))
def test_units_are_the_union_in_order_and_limit_the_first(said: list[tuple[int, int]], limit: int | None) -> None:
    """However ranges overlap and repeat."""
    from phosphene.sweeps.planning import _within

    ranges = [(first, first + length) for first, length in said]
    wanted = sorted({channel for first, last in ranges for channel in range(first, last) if channel < 7})[:limit]
    made = _within(ranges, 7, limit)
    assert [channel for first, last in made for channel in range(first, last)] == wanted


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 9), st.booleans()), min_size=1, max_size=4))
def test_units_as_text(said: list[tuple[int, int, bool]]) -> None:
    text = ", ".join(f"{first}:{first + length}" if ranged else f"{first}" for first, length, ranged in said)
    assert ranges_of(text) == [(first, first + length if ranged else first + 1) for first, length, ranged in said]


@pytest.mark.parametrize("text", ["", ",", "a", "3:", ":3", "3:3", "5:2", "-1", "1..3", "1,,2", "1.5", "0:2:1"])
def test_units_that_cannot_be_read_are_one_line(text: str) -> None:
    with pytest.raises(PhospheneError, match="--units is") as caught:
        ranges_of(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"layers": ["frist"]}, "first"),
        ({"layers": ["nothing*"]}, "no layer of"),
        ({"layers": []}, "name some"),
        ({"types": ["cnov"]}, "closest: Conv2d"),
        ({"types": ["linear"], "layers": ["first"]}, "no chosen layer is of type linear"),
        ({"types": []}, "none is given"),
        ({"units": [(6, 9)]}, "the widest, first, has 0 to 5"),
        ({"units": [(5, 9)], "layers": ["second", "logit"]}, "the widest, second, has 0 to 4"),
        ({"limit": 0}, "limit must be"),
        ({"recipe": tiny(preset="standart")}, "closest: standard"),
        ({"recipe": tiny(image="furier")}, "closest: fourier"),
        ({"recipe": tiny(transform="lucit")}, "lucid"),
        ({"recipe": tiny(gradient=("sine",))}, "sign"),
        ({"recipe": tiny(filters=("decoy",))}, "decay"),
        ({"recipe": tiny(frames=(3,))}, "no frame can be kept at step 3"),
        ({"recipe": tiny(facets=True)}, "--data"),
        ({"recipe": tiny(positive=False, examples=True)}, "--data"),
        ({"recipe": tiny(image="pixel", gradient=("decorrelated",))}, "--colour plain"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value)[:40],
)
def test_what_matches_nothing_is_refused(said: dict[str, Any], reason: str, net: Network) -> None:
    with pytest.raises(PhospheneError) as caught:
        plan(net, **said)
    assert reason in str(caught.value)
    assert 1 <= len(str(caught.value).splitlines()) <= 2


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda one: (one[0], one[0] + one[1]))),
       st.integers(1, 14))  # fmt: skip
def test_what_a_layer_does_not_have_is_known(ranges: list[tuple[int, int]], channels: int) -> None:
    found = beyond(ranges, channels)
    wanted = {channel for first, last in ranges for channel in range(first, last)}
    assert [c for first, last in found for c in range(first, last)] == sorted(c for c in wanted if c >= channels)
    assert all(before[1] < after[0] for before, after in pairwise(found))


def test_the_layer_with_the_logits_is_planned_once() -> None:
    """The last layer is the logits under another name, unless it is asked for."""
    net = ph.load(nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)),
                  input_size=(3, 12, 12))  # fmt: skip
    assert list(chosen(net)) == ["0", "@output"]
    assert list(chosen(net, layers=["0", "3"])) == ["0", "3"]


def test_what_needs_pictures_is_planned_with_a_scan(net: Network, tmp_path: Path) -> None:
    recipe = tiny(examples=True, facets=2)
    one = plan(net, recipe, scan="a" * 32)
    assert one.recipe.kinds == ("positive", "facets", "examples")
    assert {task.kind for task in one.tasks()} == {"positive", "facets", "examples"}
    other = plan(net, recipe, scan="b" * 32)
    ids = {task.id: task.kind for task in one.tasks()}
    assert {ids[task.id] for task in other.tasks() if task.id in ids} == {"positive"}
    assert plan(net, tiny(examples=True)).recipe.kinds == ("positive",)
    assert plan(net, tiny(), scan="a" * 32).scan is None
    assert all(one.jobs(task) == () for task in one.tasks() if task.kind in ("facets", "examples"))
