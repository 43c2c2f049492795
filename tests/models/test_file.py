"""Networks from a Python file, with weights from a file that is never trusted."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from untouched import untouched

import phosphene as ph
from phosphene.errors import BadSpec, ModelError, UnknownModel, WeightsError

SOURCE = """
import torch
from dataclasses import dataclass
from torch import nn

@dataclass
class Config:  # needs its module to be registered
    width: int = 4

def build():
    torch.manual_seed(0)
    width = Config().width
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2))

class Pair(nn.Module):
    def forward(self, x):
        return {"aux": x, "scores": x.mean((2, 3))}

def described():
    scaling = {"mean": [0.5], "std": [0.25], "input_size": [3, 20, 24]}
    return Pair(), {"labels": ["yes", "no", "maybe"], "output": "scores", **scaling}

def raising():
    raise LookupError("no such disk")

def leaving():
    raise SystemExit("bye")

def junk():
    return 7

def junk_pair():
    return build(), ["labels"]

def odd_meta():
    return build(), {"lables": []}

def wrong_size():
    return build(), {"input_size": (20, 20)}

def wrong_mean():
    return build(), {"mean": "grey", "std": (1, 1, 1)}

def wrong_labels():
    return build(), {"labels": "one two"}

def needy(width):
    return build()

CONSTANT = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my net.py"
    path.write_text(SOURCE)
    return path


def test_a_factory_of_a_module(file):
    network = ph.load(f"{file}:build")
    assert network.name == f"{file}:build"
    assert network.classes == 2
    assert network.labels is None
    assert str(network.preprocessing) == "3 x 224 x 224 (any size); values in [0, 1] go in as they are"
    with untouched(network.module):
        assert ph.render(network, "0:1", steps=2, robust=1, size=16).status == "ok"


def test_a_factory_of_a_module_and_its_description(file):
    network = ph.load(f"{file}:described")
    assert network.labels == ("yes", "no", "maybe")
    assert network.preprocessing.size == (3, 20, 24)
    assert (network.preprocessing.mean, network.preprocessing.std) == ((0.5,), (0.25,))
    x = torch.rand(2, 3, 20, 24)
    torch.testing.assert_close(network(x), (x.mean((2, 3)) - 0.5) / 0.25)
    assert network.class_number("maybe") == 2


def test_what_the_user_says_wins(file):
    network = ph.load(f"{file}:described", mean=[0, 0, 0], std=[1, 1, 1], input_size=(3, 8, 8), labels=["a", "b", "c"],
                      output="aux")  # fmt: skip
    assert network.preprocessing.size == (3, 8, 8)
    assert network.preprocessing.mean == (0, 0, 0)
    assert network.labels == ("a", "b", "c")
    with pytest.raises(ModelError, match="has shape"):
        network(torch.rand(1, 3, 8, 8))


WRONG = {
    "build2": (UnknownModel, "no function 'build2'", "closest: build, "),
    "CONSTANT": (UnknownModel, "no function 'CONSTANT'", "closest: "),
    "": (UnknownModel, "no function", ""),
    "raising": (ModelError, "raising() in ", "LookupError: no such disk"),
    "leaving": (ModelError, "leaving() in ", "SystemExit: bye"),
    "needy": (ModelError, "needy() in ", "TypeError"),
    "junk": (ModelError, "junk() in ", "returned int; it must return an nn.Module"),
    "junk_pair": (ModelError, "junk_pair() in ", "it must return an nn.Module"),
    "odd_meta": (ModelError, "meta 'lables'", "closest: labels, "),
    "wrong_size": (BadSpec, "channels, height, width", "(20, 20)"),
    "wrong_mean": (BadSpec, "mean is one number per channel", "'grey'"),
    "wrong_labels": (BadSpec, "labels are a list of names", "str"),
}


@pytest.mark.parametrize(("factory", "case"), list(WRONG.items()), ids=list(WRONG))
def test_what_is_wrong_with_a_factory_is_said(file, factory, case):
    kind, *said = case
    with pytest.raises(kind) as caught:
        ph.load(f"{file}:{factory}")
    text = str(caught.value)
    assert type(caught.value) is kind
    assert len(text.splitlines()) <= 2
    if factory:
        assert all(part in text for part in said)


def test_without_a_factory_the_functions_are_named(file):
    with pytest.raises(UnknownModel, match="needs the name of a function") as caught:
        ph.load(str(file))
    assert "closest: build, " in str(caught.value)


@pytest.mark.parametrize("source", ["import nothing_like_this", "def build(:", "raise SystemExit(1)", "1 / 0"])
def test_a_file_that_cannot_be_run(tmp_path, source):
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(ModelError, match=r"broken.py cannot be run: "):
        ph.load(f"{path}:build")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UnknownModel, match=r"no file .*none.py; a model of your own is path/to/file.py:factory"):
        ph.load(f"{tmp_path}/none.py:build")


def test_untrained_means_nothing_here(file):
    with pytest.raises(BadSpec, match="decides about its own weights"):
        ph.load(f"{file}:build", untrained=True)


def build() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def saved(path: Path, state) -> str:
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return str(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_read(file, tmp_path, suffix, prefix):
    wanted = build().eval()
    weights = saved(tmp_path / f"w{suffix}", {prefix + k: v for k, v in wanted.state_dict().items()})
    network = ph.load(f"{file}:build", weights=weights)
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(network.module(x), wanted(x))
    assert network.fingerprint != ph.load(f"{file}:build").fingerprint


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_weights_inside_a_checkpoint(file, tmp_path, key):
    wanted = build()
    weights = saved(tmp_path / "w.pt", {key: wanted.state_dict(), "epoch": 3})
    assert torch.equal(ph.load(f"{file}:build", weights=weights).module[0].weight, wanted[0].weight)


def test_weights_for_any_source(tmp_path):
    torchvision = pytest.importorskip("torchvision")
    wanted = torchvision.models.squeezenet1_1()
    weights = saved(tmp_path / "w.safetensors", wanted.state_dict())
    found = ph.load("squeezenet1_1", weights=weights, input_size=(3, 32, 32)).module.state_dict()
    assert all(torch.equal(found[name], value) for name, value in wanted.state_dict().items())


def changed(change: str) -> dict[str, torch.Tensor]:
    state = dict(build().state_dict())
    if change == "lacks":
        del state["4.bias"]
    elif change == "lacks two":
        del state["4.bias"], state["0.weight"]
    elif change == "renamed":
        state["4.biases"] = state.pop("4.bias")
    elif change == "extra":
        state["5.weight"] = torch.ones(1)
    elif change == "shape":
        state["4.weight"] = torch.ones(7, 4)
    return state


MISFITS = {
    "lacks": "lacks 4.bias; the file has nothing else",
    "lacks two": "lacks 0.weight and 1 more",
    "renamed": "lacks 4.bias; closest: 4.biases",
    "extra": "has 5.weight, which the network has not",
    "shape": "4.weight has shape (7, 4), the network's is (2, 4)",
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize(("change", "said"), list(MISFITS.items()), ids=list(MISFITS))
def test_weights_that_do_not_fit(file, tmp_path, suffix, change, said):
    weights = saved(tmp_path / f"w{suffix}", changed(change))
    with pytest.raises(WeightsError) as caught:
        ph.load(f"{file}:build", weights=weights)
    assert said in str(caught.value)
    assert weights in str(caught.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("left", [0, 1, 7, 9, 60, 300, -1, -40])
def test_truncated_weights(file, tmp_path, suffix, left):
    path = Path(saved(tmp_path / f"w{suffix}", build().state_dict()))
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(WeightsError, match=r"truncated|no whole safetensors"):
        ph.load(f"{file}:build", weights=str(path))


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("legacy", [True, False])
def test_a_hostile_pickle_is_not_run(file, tmp_path, legacy):
    mark, path = tmp_path / "owned", tmp_path / "w.pt"
    data = {**build().state_dict(), "x": Hostile(mark)}
    torch.save(data, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="runs no code"):
        ph.load(f"{file}:build", weights=str(path))
    assert not mark.exists()
    path.write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(WeightsError):
        ph.load(f"{file}:build", weights=str(path))
    assert not mark.exists()
    pickle.loads(path.read_bytes())
    assert mark.exists()  # it would have


@pytest.mark.parametrize("data", [build(), [torch.ones(1)], {"a": 1}, torch.ones(3)], ids=["net", "list", "int", "one"])
def test_a_pt_without_a_state_dict(file, tmp_path, data):
    with pytest.raises(WeightsError, match=r"save model.state_dict\(\)|save it anew"):
        ph.load(f"{file}:build", weights=saved(tmp_path / "w.pt", data))


def test_weight_files_of_another_kind(file, tmp_path):
    other = tmp_path / "w.bin"
    other.write_bytes(b"x")
    for path, said in (
        (other, "weights are .safetensors"),
        (tmp_path / "none.pt", "no weight file"),
        (tmp_path, "no w"),
    ):
        with pytest.raises(WeightsError, match=said):
            ph.load(f"{file}:build", weights=str(path))
    with pytest.raises(UnknownModel, match=r"path/to/file.py:factory with --weights"):
        ph.load("weights.safetensors")


def test_a_real_network(shared):
    network = ph.load(f"{shared}/models/mobilenet_v1_075.py:build", labels="imagenet")
    assert network.preprocessing.size == (3, 224, 224)
    assert not network.preprocessing.fixed
    assert network.classes == 1000
    assert network.layers["blocks.12.pointwise"].channels == 768
    assert network.layers["stem"].field == (3, 3)
    result = ph.render(network, "logit:goldfish", steps=16, robust=1, transform="none", size=64)
    assert result.score.clean > result.score.start
