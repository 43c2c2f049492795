"""Classes by index and by name."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.errors import BadSpec, UnitOutOfRange, UnknownClass

LABELS = [
    "tench",
    "goldfish",
    "great white shark",
    "Crane",
    "crane",
    "maillot",
    "maillot",
    "猫",
    "犬",
    "+",
    "-",
    "Ärmel",
]


def network(labels=LABELS, classes: int = len(LABELS)) -> ph.Network:
    net = nn.Sequential(nn.Conv2d(3, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ph.load(net, input_size=(3, 8, 8), labels=labels)


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (0, 0), (11, 11), ("goldfish", 1), ("GoldFish", 1), ("gold_fish", 1), ("gold fish", 1), ("猫", 7), ("犬", 8),
        ("Great_White-Shark", 2), ("greatwhiteshark", 2), (" tench ", 0), ("great white shark", 2), ("+", 9), ("-", 10),
        ("ärmel", 11), ("crane", 4), ("Crane", 3),
    ],
)  # fmt: skip
def test_found(asked, index):
    assert network().class_number(asked) == index


@pytest.mark.parametrize("asked", [12, -1, 1000])
def test_an_index_beyond_the_classes(asked):
    with pytest.raises(UnitOutOfRange, match=rf"no class {asked}: Sequential has 12 classes, 0 to 11"):
        network().class_number(asked)


def test_a_wrong_name_has_three_neighbours():
    with pytest.raises(UnknownClass, match="no class 'goldfisch' in Sequential; closest: goldfish, ") as caught:
        network().class_number("goldfisch")
    assert len(str(caught.value).partition("closest: ")[2].split(", ")) == 3
    for nothing in ("", "*", "bird"):
        with pytest.raises(UnknownClass, match="no class"):
            network().class_number(nothing)


@pytest.mark.parametrize(("asked", "said"), [("maillot", "2 classes of Sequential: 5, 6"), ("CRANE", ": 3, 4")])
def test_a_name_of_two_classes_says_which(asked, said):
    with pytest.raises(UnknownClass, match="say which: logit:") as caught:
        network().class_number(asked)
    assert said in str(caught.value)


def test_without_labels():
    with pytest.raises(UnknownClass, match="came without labels") as caught:
        network(labels=None).class_number("tench")
    assert "logit:0 to logit:11" in str(caught.value)


@pytest.mark.parametrize("classes", [11, 13])
def test_labels_that_do_not_fit_the_classes(classes):
    found = network(classes=classes)
    assert found.class_number(3) == 3
    with pytest.raises(UnknownClass, match=f"{classes} classes but 12 labels"):
        found.class_number("tench")


@pytest.mark.parametrize("labels", [[1, 2], 7, [None]])
def test_labels_that_are_no_names(labels):
    with pytest.raises((BadSpec, TypeError)):
        network(labels=labels)


def test_labels_from_files(tmp_path):
    text, data, objects = tmp_path / "l.txt", tmp_path / "l.json", tmp_path / "o.json"
    text.write_text("\n".join(LABELS) + "\n\n", encoding="utf-8")
    data.write_text(json.dumps(LABELS), encoding="utf-8")
    objects.write_text(json.dumps([{"name": name, "id": 1} for name in LABELS]), encoding="utf-8")
    for file in (text, data, objects):
        assert network(labels=str(file)).labels == tuple(LABELS)
    data.write_text('{"a": 1}', encoding="utf-8")
    for bad in (data, tmp_path / "missing.txt", tmp_path):
        with pytest.raises(BadSpec) as caught:
            network(labels=str(bad))
        assert str(bad) in str(caught.value)


def test_labels_of_imagenet():
    names = network(labels="imagenet", classes=1000).labels
    assert names is not None
    assert (len(names), names[1]) == (1000, "goldfish")


def test_a_class_by_name_is_the_class_by_number():
    found = network()
    torch.manual_seed(0)
    one = ph.render(found, "logit:goldfish", steps=2, robust=1)
    two = ph.render(found, "logit:1", steps=2, robust=1)
    assert one.target == two.target
    assert (one.pixels == two.pixels).all()
