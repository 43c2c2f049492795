"""The algebra of objectives, and text <-> object, as properties."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

import phosphene as ph
from phosphene.address import OUTPUT, expand, number, parse, render
from phosphene.errors import BadSpec, BadTarget
from phosphene.objectives import Activations, Objective, PerRow, Term, from_text, to_text
from phosphene.objectives.base import Sum

WIDTH, CLASSES, ROWS = 4, 3, 5
LAYERS = ["mixed4a", "a.b.0", "blocks/1", "tv", "logit", "odd name", 'with "quotes"', "back\\slash", "relu#1", "l1"]
finite = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)

layers = st.sampled_from(LAYERS)
channels = st.integers(0, WIDTH - 1)
labels = st.one_of(st.integers(0, 10**6), st.text(min_size=1).filter(lambda t: not t.isdigit() and t.isprintable()))
files = st.sampled_from(["dir.npy", "a/b c.npy", "12", "1,2", "random#3", "(1,2)", "x-y.txt"])
vectors = st.lists(finite, min_size=WIDTH, max_size=WIDTH).filter(any).map(tuple)
modes = st.sampled_from(["dot", "cosine", "dotcos"])
powers = st.sampled_from([2.0, 1.0, 0.5, 3.25])

units = st.one_of(
    st.builds(ph.Channel, layers, channels, st.sampled_from(["mean", "energy"])),
    st.builds(ph.Neuron, layers, channels, st.none() | st.tuples(st.integers(0, 2), st.integers(0, 2))),
    st.builds(ph.Layer, layers),
    st.builds(ph.Direction, layers, vector=vectors, mode=modes, power=powers),
    st.builds(ph.Direction, layers, seed=st.integers(0, 10**9), mode=modes),
)
penalties = st.one_of(
    st.builds(ph.TotalVariation, st.sampled_from([1.0, 2.0])),
    st.builds(ph.L1, finite),
    st.builds(ph.L2, finite),
)
spoken = st.one_of(
    units,
    penalties,
    st.builds(ph.Logit, labels),
    st.builds(ph.Probability, labels),
    st.builds(ph.Direction, layers, file=files),
)
scored = st.one_of(units, penalties, st.builds(ph.Logit, st.integers(0, CLASSES - 1)))
weights = finite.filter(bool)


def sums(terms: st.SearchStrategy[Term]) -> st.SearchStrategy[Objective]:
    return st.lists(st.tuples(weights, terms), min_size=1, max_size=4).map(lambda pairs: Sum(tuple(pairs))) | terms


def activations(seed: int = 0) -> Activations:
    generator = torch.Generator().manual_seed(seed)
    maps = {layer: torch.randn(ROWS, WIDTH, 3, 4, generator=generator) for layer in LAYERS}
    maps[OUTPUT] = torch.randn(ROWS, CLASSES, generator=generator)
    return Activations(maps, torch.rand(ROWS, 3, 6, 7, generator=generator))


ACTS = activations()


@given(sums(spoken))
def test_text_and_object_convert_without_loss(objective: Objective) -> None:
    read = from_text(to_text(objective))
    assert read.terms == objective.terms
    assert to_text(read) == to_text(objective)
    assert str(objective) == to_text(objective)


@given(st.text(max_size=30))
def test_any_text_reads_back_or_is_refused_with_a_place(text: str) -> None:
    try:
        terms = parse(text)
    except BadTarget as error:
        place, terms = error.place, None
    if terms is None:
        assert 0 <= place <= len(text)
    else:
        assert parse(render(terms)) == terms


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(value: float) -> None:
    assert float(number(value)) == value


@given(sums(scored), sums(scored), finite)
def test_scores_follow_the_algebra(a: Objective, b: Objective, factor: float) -> None:
    left, right = a.score(ACTS).double(), b.score(ACTS).double()
    size = float(left.abs().max() + right.abs().max()) * max(1.0, abs(factor)) + 1
    tight = {"rtol": 0, "atol": 3e-6 * size}
    assert_close((a + b).score(ACTS).double(), left + right, **tight)
    assert_close((a - b).score(ACTS).double(), left - right, **tight)
    assert_close((factor * a).score(ACTS).double(), factor * left, **tight)
    assert_close((-a).score(ACTS).double(), -left, **tight)
    assert (a + b).terms == a.terms + b.terms
    assert a - b == a + -b


@given(sums(scored), sums(scored))
def test_operators_leave_their_operands_alone(a: Objective, b: Objective) -> None:
    before = (repr(a), repr(b), hash(a))
    _ = a + b, a - b, 2 * a, a * 3, -b
    assert (repr(a), repr(b), hash(a)) == before


@given(st.lists(sums(scored), min_size=ROWS, max_size=ROWS))
def test_each_row_is_scored_under_its_own_objective(objectives: list[Objective]) -> None:
    together = PerRow(tuple(objectives)).score(ACTS)
    for row, objective in enumerate(objectives):
        alone = objective.score(ACTS.rows(torch.tensor([row])))
        assert_close(together[row], alone[0], rtol=1e-5, atol=1e-4 * (1 + float(alone.abs())))


def test_three_hundred_terms_do_not_recurse() -> None:
    total: Objective = ph.Channel("mixed4a", 0)
    for _ in range(3000):
        total = total + ph.Channel("mixed4a", 1)
    assert len(total.terms) == 3001
    assert total.score(ACTS).shape == (ROWS,)


@pytest.mark.parametrize("factor", [math.inf, math.nan])
def test_no_objective_is_scaled_beyond_numbers(factor: float) -> None:
    with pytest.raises(BadSpec, match="scaled"):
        _ = factor * ph.Channel("mixed4a", 0)


@given(st.integers(0, 50), st.integers(0, 50))
def test_ranges_expand_to_one_target_per_channel(first: int, more: int) -> None:
    found = expand(f"2*mixed4b:{first}..{first + more} - 0.1*tv")
    assert found == [f"2*mixed4b:{channel} - 0.1*tv" for channel in range(first, first + more + 1)]


def test_lists_of_channels_expand_in_their_order() -> None:
    assert expand("a:3,17,5..6") == ["a:3", "a:17", "a:5", "a:6"]
    assert expand('logit:"1,2"') == ['logit:"1,2"']
