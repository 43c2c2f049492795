"""Targets that strangers write: gone on with, read, refused in one line; and what there is to choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from nets import Two, two
from torch import nn
from untouched import untouched

import phosphene as ph
from phosphene.attribution import attributions
from phosphene.errors import BadSpec, BadTarget, PhospheneError, UnknownName
from phosphene.images import images
from phosphene.models.network import Network
from phosphene.objectives import from_text
from phosphene.presets import preset
from phosphene.sweeps.recipe import recipe
from phosphene.web.schema.lines import LONGEST, full_line, printable, short_line
from phosphene.web.schema.live_documents import Completion
from phosphene.web.words import Words, understood

ODD = ['bow "tie"', "crane", "Crane", "7", "night-shirt", "ünï code", "tv", "a+b"]


class Eight(Two):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 8)
        self.tv = nn.ReLU()  # a layer that is called as a penalty is

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.tv(self.relu2(self.second(self.relu1(self.first(x))))).mean((2, 3)))


MINI, ODDLY, BARE = (
    ph.load("miniception"),
    ph.load(Eight(), input_size=(3, 12, 12), labels=ODD),
    ph.load(Two(3), input_size=(3, 12, 12)),
)
NETS: dict[str, Network] = {net.fingerprint: net for net in (MINI, ODDLY, BARE)}
WORDS = Words(NETS)
NAMES = {id(net): name for name, net in NETS.items()}  # a fingerprint takes a while


def complete(net: Network, text: str) -> list[Completion]:
    return WORDS.complete(NAMES[id(net)], text)


def texts(net: Network, text: str) -> list[str]:
    return [one.text for one in complete(net, text)]


BEFORE = ["", "- ", "mixed4b:3 + ", "0.5*conv1 - 2*", 'logit:"golden retriever"-', "1e-3 * conv1:2@3,4+ .5 *", "2*"]
WORD = st.one_of(
    st.sampled_from(["", "m", "mixed4b", "mixed4b:", "mixed4b:1", "mixed4b:11@", "mixed4b:11@3,", "logit:", "prob:g"]),
    st.sampled_from(["gold", "golden r", 'logit:"golden', "tab", "mxied4b:3", "conv", "rel", "first:", "tv", '"tv":1']),
    st.sampled_from(["crane", "7", "bow", "night", "logit:7", "logit:bow", "mixed4b:r", "mixed4b:random#1", "l"]),
    st.text("mixed4b:goldf\"'@,#\\[](r 12é", max_size=12),
)


@given(net=st.sampled_from([MINI, ODDLY, BARE]), before=st.sampled_from(BEFORE), word=WORD)
@example(net=ODDLY, before="- ", word="night-s")
def test_whatever_completes_keeps_what_stands_before_and_can_be_read(net: Network, before: str, word: str) -> None:
    """Finished, if it ends in a colon, with the first channel."""
    before = (
        before if net is MINI else before.replace("mixed4b", "first").replace("conv1", "relu1").replace("golden ", "")
    )
    before = before.replace('logit:"retriever"', "logit:3") if net is not MINI else before
    found = complete(net, before + word)
    assert len(found) <= 12
    assert len({one.text for one in found}) == len(found)
    for one in found:
        assert one.about
        assert one.text.startswith(before)
        if "-" not in word and "+" not in word:
            understood(net, one.text + "0" if one.text.endswith(":") else one.text)


@pytest.mark.parametrize("net", [MINI, ODDLY, BARE])
def test_every_layer_and_class_can_be_reached(net: Network) -> None:
    for name in net.layers:
        assert any(from_text(one + "0").layers == (name,) for one in texts(net, f"2*{name}") if one.endswith(":")), name
        for channel in {0, 9, net.layers[name].channels - 1} & set(range(net.layers[name].channels)):
            begun = texts(net, f"2*{name}:")[0].removesuffix("0")
            assert f"{begun}{channel}" in texts(net, f"{begun}{channel}")
    for channel, label in enumerate(net.labels or ()):
        for typed in (
            (label, f"logit:{label}", f"prob:{label.upper()}") if "+" not in label and "-" not in label else ()
        ):
            found = [understood(net, one) for one in texts(net, typed) if not one.endswith(":")]
            assert channel in [term.label for one in found for _, term in one.terms if hasattr(term, "label")], typed
    for channel in range(net.classes):
        found = [understood(net, one) for one in texts(net, f"logit:{channel}")]
        assert channel in [term.label for one in found for _, term in one.terms]


def test_the_best_comes_first() -> None:
    assert texts(MINI, "goldf")[0] == "logit:goldfish"
    assert texts(MINI, "conv2:6 + 0.5*golden r") == ['conv2:6 + 0.5*logit:"golden retriever"']
    assert texts(MINI, "mixed4b")[:2] == ["mixed4b:", "mixed4b"]
    assert texts(MINI, "m")[:3] == ["mixed3a:", "mixed3b:", "mixed4a:"]
    assert texts(MINI, "m4b")[0] == "mixed4b:"
    assert texts(MINI, "mxied4b")[0] == "mixed4b:"
    assert texts(MINI, "glodfish") == ["logit:goldfish"]
    assert texts(MINI, "logit:gold") == ["logit:goldfish", 'logit:"golden retriever"']
    assert texts(MINI, "mixed4b:19") == [f"mixed4b:{n}" for n in (19, 190, 191)]
    assert texts(MINI, "mixed4b:192") == []
    assert texts(MINI, "mixed4b:11@") == ["mixed4b:11@centre"]
    assert texts(MINI, "mixed4b:11@3,7") == ["mixed4b:11@3,7"]
    assert texts(MINI, "mixed4b:11@8") == []
    assert texts(MINI, "mixed4b:1 - 0.1*tv")[-1] != "mixed4b:1 - 0.1*"
    assert "mixed4b:1 - 0.1*tv" in texts(MINI, "mixed4b:1 - 0.1*tv")
    assert texts(MINI, "")[:9] == [
        f"{name}:"
        for name in ("conv1", "conv2", "mixed3a", "mixed3b", "mixed4a", "mixed4b", "mixed4c", "mixed5a", "mixed5b")
    ]
    assert complete(MINI, "mixed4b")[0].about == "map 8 x 8, 192 channels"
    assert complete(MINI, "logit:goldf")[0].about == "class 0"


def test_names_that_mean_several_classes_go_by_number() -> None:
    """And those that are read as something else stand in quotes."""
    assert texts(ODDLY, "crane") == ["logit:1", "logit:2"]
    assert [one.about for one in complete(ODDLY, "crane")] == ["crane", "Crane"]
    assert texts(ODDLY, "bow") == ['logit:"bow \\"tie\\""']
    assert texts(ODDLY, '"tv":') == [f'"tv":{n}' for n in range(5)] + ['"tv":random#0']
    assert texts(BARE, "logit:") == [f"logit:{n}" for n in range(4)]
    assert complete(BARE, "logit:2")[0].about == "class 2"


def test_long_texts_are_not_gone_on_with() -> None:
    assert complete(MINI, "mixed4b:1 + " * 60) == []
    assert "at most 500" in WORDS.target(NAMES[id(MINI)], "mixed4b:1 + " * 60).error


def test_a_target_is_said_in_its_one_spelling() -> None:
    for text, said in {
        " mixed4b:11+.5*logit:0 ": "mixed4b:11 + 0.5*logit:goldfish",
        "logit:GOLDEN_retriever": 'logit:"golden retriever"',
        "-mixed4b:random#3": "-mixed4b:random#3",
        "mixed4b - 0.10*tv": "mixed4b - 0.1*tv",
        "prob:3@": None,
    }.items():
        found = WORDS.target(MINI.fingerprint[:9], text)
        assert (found.text, found.target) == (text, said)
        assert (found.error is None) == (said is not None)


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "": "empty",
        "mixed4b:": "at character 9",
        "mixed4b:11 +": "at character 13",
        "mixed4b:192": "0 to 191",
        "nowhere:1": "closest",
        "logit:gold": "closest: goldfish",
        "mixed4b:1..3": "several units",
        "mixed4b:1,3": "several units",
        "mixed4b:0..99999": "several units",
        "mixed4b:random#0..9": "several units",
        "mixed4b:²": "after a layer comes :CHANNEL",
        "near:mixed4b": "compares with a photo",
        "mixed4b:1 + caricature:mixed4b": "compares with a photo",
        'mixed4b:"a\u2028b\x1b[2J"': "after a layer comes",
    }.items(),
)
def test_a_target_that_cannot_be_is_refused_in_one_line(text: str, said: str) -> None:
    found = WORDS.target(NAMES[id(MINI)], text)
    assert (found.text, found.target) == (text, None)
    assert said in found.error
    assert found.error.isprintable()


@pytest.mark.parametrize("name", ["dir.npy", "dir.txt", "secret"])
def test_files_of_the_server_stay_closed(name: str, tmp_path: Path) -> None:
    """Whether one is there or not, and whether it could be read: the answer is the same."""
    path = tmp_path / name
    without = WORDS.target(BARE.fingerprint, f'first:"{path}"')
    np.save(path, np.ones(6)) if name == "dir.npy" else path.write_text(
        "hunter2\n" if name == "secret" else "1 2 3 4 5 6"
    )
    assert WORDS.target(BARE.fingerprint, f'first:"{path}"') == without
    assert without.target is None
    assert "hunter2" not in without.error
    for text in (f"first:{path}", f"relu1:0 - first:{path}"):
        with pytest.raises(BadSpec):
            understood(BARE, text)


@given(text=st.one_of(st.text(max_size=40), st.text('mixed4b:logit"\\@#*+-.,()[]=~/0129²٣é \n\t', max_size=40)))
def test_any_text_has_an_answer(text: str) -> None:
    complete(MINI, text)
    found = WORDS.target(NAMES[id(MINI)], text)
    assert (found.target is None) != (found.error is None)
    assert found.error is None or found.error.isprintable()
    if found.target is not None:
        assert WORDS.target(NAMES[id(MINI)], found.target).target == found.target


def test_all_that_can_be_chosen_is_there() -> None:
    found = WORDS.choices(MINI.fingerprint)
    for one in found.presets:
        assert preset(one.name).steps <= found.most_steps
        assert (preset(one.name).size or 0) <= found.most_size
    assert {"fast", "standard", "lucid", "maco"} < {one.name for one in found.presets}
    assert "neural-styles" not in {one.name for one in found.presets}
    groups = {one.name: one.group for one in found.presets}
    assert groups["fast"] == groups["pixel"] == "phosphene's own"
    assert groups["lucid"] == groups["maco"] == "published"
    assert groups["linf"] == "published: directions of descent"
    assert {images.name_of(images.get(one.name)) for one in found.images} == set(images.names()) - {"aligned"}
    assert [recipe(one.name).about for one in found.recipes] == [one.about for one in found.recipes]
    assert [one.name for one in found.methods] == attributions.names()
    for one in (*found.presets, *found.images, *found.recipes, *found.methods):
        assert one.about.isprintable()
        assert one.about


def test_networks_go_by_how_their_fingerprints_begin() -> None:
    for call in (
        lambda net: WORDS.choices(net),
        lambda net: WORDS.complete(net, "a"),
        lambda net: WORDS.target(net, "a"),
    ):
        call(BARE.fingerprint[:12])
        for name in ("", "nothing", "../etc"):
            with pytest.raises(UnknownName) as caught:
                call(name)
            assert len(str(caught.value).splitlines()) == 1


def test_networks_of_all_kinds_have_words() -> None:
    """Grey ones, ones without classes, ones that return nothing; all untouched."""
    for net in (
        two(channels=1),
        ph.load(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), input_size=(3, 12, 12)),
        ph.load(nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 12, 2)), input_size=(3, 12, 12)),
    ):
        with untouched(net.module):
            words = Words({net.fingerprint: net})
            found = words.complete(net.fingerprint, "")
            assert found
            for one in found:
                understood(net, one.text + "0" if one.text.endswith(":") else one.text)
            assert words.target(net.fingerprint, found[0].text + "0").error is None


def test_errors_are_said_in_one_line_whole_or_where_the_text_is_seen() -> None:
    wrong, plain = BadTarget("a:\n+", 3, "a unit is missing"), BadSpec("no\x1b[2J such\u2028thing\n  phosphene layers")
    assert short_line(wrong) == "cannot read the target: a unit is missing, at character 4"
    assert full_line(wrong) == "cannot read the target: a unit is missing, at character 4 of 'a:\\n+'"
    assert short_line(plain) == "no [2J such thing"
    assert full_line(plain) == "no [2J such; thing; phosphene layers"
    assert len(full_line(BadSpec("x" * 10**5))) == LONGEST
    assert printable("a\tb\x00c") == "a b c"


def test_a_network_is_not_run_to_read_a_target() -> None:
    """Someone else may be at work with it; also where it has no classes, which are counted by running it."""
    for module, text in ((Two(), "logit:1"), (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), "logit:1")):
        net = ph.load(module, input_size=(3, 12, 12))
        words, ran = Words({net.fingerprint: net}), []
        with untouched(module):
            handle = module.register_forward_hook(lambda *_, ran=ran: ran.append(1))
            for said in (text, "1:2", "nowhere", "logit:99", "prob:x", "first:1 + logit:0"):
                words.target(net.fingerprint, said)
                words.complete(net.fingerprint, said)
            handle.remove()
        assert not ran
    assert "has no classes" in words.target(net.fingerprint, "logit:1").error


def test_labels_of_another_network_name_nothing() -> None:
    net = ph.load(Two(4), input_size=(3, 12, 12), labels=["red", "green"])
    words = Words({net.fingerprint: net})
    assert words.target(net.fingerprint, "logit:1").target == "logit:1"
    assert [one.text for one in words.complete(net.fingerprint, "logit:1")] == ["logit:1"]
    assert words.complete(net.fingerprint, "logit:gre") == []
    assert words.target(net.fingerprint, "logit:green").error


def test_a_vector_of_the_wrong_width_is_refused() -> None:
    with pytest.raises(PhospheneError):
        understood(BARE, "first:(1,2)")
    understood(BARE, "first:(1,2,0,0,0,1)")
