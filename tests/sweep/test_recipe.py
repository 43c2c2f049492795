"""A recipe is what its file says: nothing is lost on the way, and what is wrong is said in one line."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from phosphene.errors import BadSpec, PhospheneError, UnknownOption
from phosphene.presets import PRESETS
from phosphene.sweeps.planning import with_steps
from phosphene.sweeps.recipe import FIELDS, KINDS, TABLES, Recipe, _parsed, recipe, recipe_from, shipped, text_of

WHOLE = st.integers(1, 10**9)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # halves of surrogates are no text
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
SAID: dict[str, st.SearchStrategy[Any]] = {
    "about": TEXT,
    "positive": st.booleans(),
    "negative": st.booleans(),
    "diverse": st.integers(0, 100).filter(lambda n: n != 1),
    "strength": st.floats(0, 1e300) | st.integers(0, 100),
    "facets": st.booleans() | st.integers(1, 20),
    "examples": st.booleans(),
    "preset": st.sampled_from(list(PRESETS)) | TEXT,
    "steps": st.none() | WHOLE,
    "size": st.none() | WHOLE | st.tuples(WHOLE, WHOLE),
    "image": st.none() | TEXT,
    "transform": st.none() | TEXT,
    "views": st.none() | WHOLE,
    "gradient": st.none() | TEXTS,
    "filters": st.none() | TEXTS,
    "keep": st.sampled_from([None, "last", "best"]),
    "arithmetic": st.sampled_from([None, "exact", "fp32", "bf16"]),
    "seed": st.integers(0, 2**63),
    "redirect": st.integers(0, 1000),
    "robust": WHOLE,
    "frames": st.lists(st.integers(0, 5000), max_size=5).map(tuple),
}


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    said = draw(st.fixed_dictionaries({}, optional=SAID))
    assume(any(said.get(kind, getattr(Recipe("plain"), kind)) for kind in KINDS))
    return Recipe("mine", **said)


def one_line(kind: type[PhospheneError], call: Any) -> str:
    with pytest.raises(PhospheneError) as caught:
        call()
    text = str(caught.value)
    assert type(caught.value) is kind, text
    assert len(text.splitlines()) == 1, text
    return text


def test_every_field_has_a_strategy_here_and_a_table_there() -> None:
    assert {"name", *SAID} == set(FIELDS)
    assert ["name", "about", *(name for names in TABLES.values() for name in names)] == list(FIELDS)


def test_shipped_recipes_load_and_the_default_is_first() -> None:
    found = shipped()
    assert [one.name for one in found][:1] == ["default"]
    assert {"default", "draft", "signs", "full"} <= {one.name for one in found}
    for one in found:
        assert recipe(one.name) == one
        assert one.about
        assert one.preset in PRESETS
        assert one.kinds
    assert recipe(found[0]) is found[0]
    assert recipe("full").kinds == KINDS


@given(recipes())
@example(Recipe("mine", about='a "word", a \\ and\n\ttwo lines \x7f', transform='"\x00"', gradient=("\\n",)))
@example(Recipe("mine", strength=1e-07, seed=10**30, gradient=(), frames=()))
def test_a_recipe_comes_back_from_its_file(one: Recipe) -> None:
    assert _parsed(text_of(one), "mine") == one


@given(recipes())
def test_a_recipe_comes_back_from_its_data(one: Recipe) -> None:
    from phosphene.registry import freeze

    assert Recipe(**{key: freeze(value) for key, value in one.to_dict().items()}) == one


WRONG: dict[str, list[Any]] = {
    "about": [1, True, ["a"], {}],
    "positive": [1, "yes", [True], {}],
    "negative": [0, "no", 1.0],
    "diverse": [1, -2, 2.0, True, "4", [2]],
    "strength": [-0.1, float("nan"), float("inf"), "1", True, [1.0]],
    "facets": [0, 21, -1, 2.0, "2", [3]],
    "examples": [1, "true", None],
    "preset": [1, True, ["standard"], None],
    "steps": [date(2000, 1, 1), 0, -1, 1.5, True, "8", [8]],
    "size": [0, -3, 1.5, [16], [16, 16, 16], [16, 0], [16, "a"], "16x16", [], True, [[16], [16]]],
    "image": [1, [], True],
    "transform": [1, ["jitter"], False],
    "views": [0, 1.0, True, "1"],
    "gradient": ["sign", [1], [["sign"]], True, 3],
    "filters": ["decay", [1], {}],
    "keep": ["first", 1, True, ["last"], ""],
    "arithmetic": ["fp16", 1, "", ["exact"]],
    "seed": [-1, 1.0, True, "0", None],
    "redirect": [-1, 1.0, True, "0"],
    "robust": [0, 1.0, True, "1"],
    "frames": [3, [-1], [1.5], ["1"], [True], [[1]], "1"],
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("field", "value"), [(field, value) for field, some in WRONG.items() for value in some])
def test_a_wrong_value_is_one_line_with_its_name(field: str, value: Any) -> None:
    table = next((table for table, names in TABLES.items() if field in names), None)
    data = {field: value} if table is None else {table: {field: value}}
    told = one_line(BadSpec, lambda: recipe_from(data, "mine"))
    assert told.startswith(f"{field} of the recipe mine is ")


def test_every_field_was_made_wrong() -> None:
    assert set(WRONG) == set(SAID)


@pytest.mark.usefixtures("unchecked")
def test_a_name_is_a_text() -> None:
    one_line(BadSpec, lambda: recipe_from({}, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_enough_and_none_is_refused(kind: str) -> None:
    none: dict[str, Any] = {"positive": False, "negative": False, "diverse": 0, "facets": False, "examples": False}
    assert "makes nothing" in one_line(BadSpec, lambda: recipe_from({"make": none}, "mine"))
    some = 3 if kind == "diverse" else True
    assert recipe_from({"make": {**none, kind: some}}, "mine").kinds == (kind,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[make]\npositve = true", "[make] of the recipe r has no 'positve'; closest: positive"),
        ("[make]\nsteps = 3", "[make] of the recipe r has no 'steps'"),
        ("[picture]\nnegative = true", "[picture] of the recipe r has no 'negative'"),
        ("steps = 3", "it goes under [picture]"),
        ("diverse = 3", "it goes under [make]"),
        ("name = 'x'", "'name'"),
        ("[make]\nname = 'x'", "[make] of the recipe r has no 'name'"),
        ("[makes]\npositive = true", "closest: make"),
        ("make = 3", "make of the recipe r is a table: [make]"),
        ("[[make]]\npositive = true", "make of the recipe r is a table: [make]"),
        ("[make]\npositive = ", "the recipe r is no TOML"),
        ("positive: true", "the recipe r is no TOML"),
        ("[make]\npositive = false\nexamples = false", "makes nothing"),
        ("[make]\n[make]", "the recipe r is no TOML"),
    ],
)
def test_a_wrong_file_is_one_line(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(PhospheneError) as caught:
        recipe(tmp_path / "r.toml")
    assert type(caught.value) in (BadSpec, UnknownOption)
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_of_a_user(tmp_path: Path) -> None:
    """Comments, a name with a space, half a table; an empty file is the plain recipe."""
    path = tmp_path / "my own.toml"
    path.write_text('# mine\nabout = "two of each"\n[make]\ndiverse = 2 # two\nexamples = false\n[picture]\n'
                    'size = [16, 24]\n'
                    'gradient = ["sign"]\nframes = [0, 4]\n')  # fmt: skip
    for name in (path, str(path)):
        assert recipe(name) == Recipe("my own", "two of each", diverse=2, examples=False, size=(16, 24),
                                      gradient=("sign",), frames=(0, 4))  # fmt: skip
    path.write_text("")
    assert recipe(path) == Recipe("my own")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes('about = "é"'.encode("latin-1"))
    (tmp_path / "folder.toml").mkdir()
    for name in ("latin.toml", "folder.toml", "nothing.toml"):
        assert name in one_line(BadSpec, lambda name=name: recipe(tmp_path / name))
    for name in ("defualt", "", "folder", "default.tml"):
        assert "no recipe" in one_line(UnknownOption, lambda name=name: recipe(name))
    assert "closest: default" in one_line(UnknownOption, lambda: recipe("defualt"))


def test_without_pictures_examples_wait_and_facets_insist() -> None:
    assert recipe("default").without_data().kinds == ("positive",)
    assert "--data" in one_line(BadSpec, recipe("full").without_data)
    assert "--data" in one_line(BadSpec, Recipe("photos", positive=False).without_data)


@given(recipes(), st.integers(1, 5000))
def test_fewer_steps_drop_later_frames(one: Recipe, steps: int) -> None:
    fewer = with_steps(one, steps)
    assert fewer.steps == steps
    assert fewer.frames == tuple(step for step in one.frames if step <= steps)
    assert with_steps(fewer, None) is fewer


def test_no_steps_are_one_line() -> None:
    one_line(BadSpec, lambda: with_steps(Recipe("mine"), 0))
