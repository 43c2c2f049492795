"""What a model returns: one tensor, several with names, or nothing."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from untouched import Net, load, refused, render

Pair = namedtuple("Pair", ["aux", "scores"])


@dataclass
class Answer:
    features: Tensor
    scores: Tensor


SEVERAL = {
    "tuple": (lambda f, s: (f, s), 1),
    "tuple, by text": (lambda f, s: (f, s), "1"),
    "list": (lambda f, s: [f, s], 1),
    "dict": (lambda f, s: {"aux": f, "scores": s}, "scores"),
    "dict, by number": (lambda f, s: {"aux": f, "scores": s}, 1),
    "namedtuple": (lambda f, s: Pair(f, s), "scores"),
    "namedtuple, by number": (lambda f, s: Pair(f, s), 1),
    "dataclass": (lambda f, s: Answer(f, s), "scores"),
}


@pytest.mark.parametrize(("end", "output"), SEVERAL.values(), ids=SEVERAL.keys())
def test_an_output_is_named(end, output):
    network, x = load(Net(end), output=output), torch.rand(2, 3, 16, 16)
    assert network.classes == 4
    with network.frozen():
        assert torch.equal(network(x), Net().eval()(x))
    assert render(network, "logit:2").status == "ok"


@pytest.mark.parametrize(("end", "output"), SEVERAL.values(), ids=SEVERAL.keys())
def test_several_outputs_without_a_name_are_listed(end, output):
    text = refused(load(Net(end)), "logit:2")
    assert "several outputs" in text
    assert "output=NAME" in text
    assert "scores" in text or "0, 1" in text


def test_a_wrong_output_lists_the_right_ones():
    text = refused(load(Net(lambda f, s: {"aux": f, "scores": s}), output="logit"), "logit:0")
    assert "no output 'logit'" in text
    assert "aux, scores" in text
    assert "one tensor" in refused(load(Net(), output="scores"), "logit:0")


@pytest.mark.parametrize("end", [lambda f, s: {"logits": s, "aux": f}, lambda f, s: (s, None), lambda f, s: [s]])
def test_the_only_tensor_and_logits_need_no_name(end):
    assert render(load(Net(end)), "logit:2").status == "ok"


@pytest.mark.parametrize("end", [lambda f, s: None, lambda f, s: "four", lambda f, s: {}, lambda f, s: (None,)])
def test_no_output_still_has_layers(end):
    network = load(Net(end))
    assert render(network, "head:2").status == "ok"
    assert "no tensor" in refused(network, "logit:2")


@pytest.mark.parametrize("end", [lambda f, s: s.sum(), lambda f, s: s[0], lambda f, s: s[:, :, None, None]])
def test_an_output_that_is_no_list_of_classes_says_its_shape(end):
    assert "has shape" in refused(load(Net(end)), "logit:2")
