"""torchvision's networks: by name, with their preprocessing and labels; and what happens without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import phosphene as ph
from phosphene.errors import DownloadFailed, MissingDependency, UnknownModel
from phosphene.models.sources import sources
from phosphene.models.sources.vision import _recipe

models = pytest.importorskip("torchvision.models")


@pytest.fixture
def offline(tmp_path, monkeypatch) -> Path:
    """No way out, and a cache of one's own; gives the folder of the weight files."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("address", ["googlenet", "torchvision/resnet18", "resnet18@IMAGENET1K_V1"])
def test_untrained(address):
    state = torch.random.get_rng_state()
    network = ph.load(address, untrained=True, input_size=(3, 64, 64))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert network.name == address
    assert network.preprocessing.mean == (0.485, 0.456, 0.406)
    assert network.preprocessing.std == (0.229, 0.224, 0.225)
    assert not network.preprocessing.fixed
    assert network.classes == 1000
    assert network.class_number("goldfish") == 1
    again = ph.load(address, untrained=True, input_size=(3, 64, 64))
    assert again.fingerprint == network.fingerprint
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("target", ["inception4a.branch2.1.conv:3@centre", "logit:goldfish"])
def test_googlenet_renders(target):
    network = ph.load("googlenet", untrained=True, input_size=(3, 64, 64))
    assert ph.render(network, target, steps=2, robust=1, transform="none", size=32).status == "ok"


def test_resnet_counts_the_runs_of_its_relus():
    network = ph.load("resnet18", untrained=True, input_size=(3, 64, 64))
    assert network.layers["layer1.0.relu"].calls == 2
    assert network.layers["layer1.0"].field == (27, 27)
    assert network.layers["avgpool"].field is None
    assert network.layers["fc"].kind == "vector"


def test_swin_has_its_channels_last():
    network = ph.load("swin_t", untrained=True, input_size=(3, 64, 64))
    kinds = {name: layer.kind for name, layer in network.layers.items()}
    assert kinds["features.0.0"] == "map"
    assert kinds["features.1.0.mlp"] == kinds["features.7"] == kinds["norm"] == "map-last"
    assert kinds["permute"] == "map"
    assert kinds["head"] == "vector"
    assert network.layers["features.1"].channels == 96
    assert ph.render(network, "features.1:3@0,0", steps=1, robust=1, transform="none", size=32).status == "ok"


@pytest.mark.parametrize("name", [name for _, source in sources.items() if source.bare for name in source.names()])
def test_every_classifier_states_its_preprocessing(name):
    for weights in models.get_model_weights(name):
        mean, std, size = _recipe(weights)
        assert len(mean) == len(std) == size[0] == 3
        assert size[1] == size[2] > 100
        assert weights.meta["categories"] is None or len(weights.meta["categories"]) == 1000


def test_names_that_are_not():
    with pytest.raises(UnknownModel, match="no model 'resnt18'; closest: resnet18, "):
        ph.load("resnt18")
    with pytest.raises(UnknownModel, match="torchvision has no classifier 'resnt18'; closest: resnet18, "):
        ph.load("torchvision/resnt18")
    for address in ("resnet50@IMAGENET", "torchvision/resnet50@IMAGENET"):
        with pytest.raises(
            UnknownModel, match="resnet50 has no weights 'IMAGENET'; there are: IMAGENET1K_V1, IMAGENET1K_V2"
        ):
            ph.load(address)


def test_without_a_network_the_file_and_its_place_are_named(offline):
    with pytest.raises(DownloadFailed) as caught:
        ph.load("resnet18")
    text = str(caught.value)
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in text
    assert str(offline / "resnet18-f37072fd.pth") in text
    assert "--untrained" in text
    assert len(text.splitlines()) == 2
    assert list(offline.glob("*")) == []


def test_a_file_put_there_is_used(offline):
    offline.mkdir()
    wanted = models.squeezenet1_1()
    name = Path(models.SqueezeNet1_1_Weights.DEFAULT.url).name
    torch.save(wanted.state_dict(), offline / name)
    found = ph.load("squeezenet1_1", input_size=(3, 64, 64)).module.state_dict()
    assert all(torch.equal(found[key], value) for key, value in wanted.state_dict().items())


@pytest.mark.parametrize("left", [0, 100, -100])
@pytest.mark.parametrize("legacy", [True, False])
def test_half_a_file_is_named(offline, left, legacy):
    offline.mkdir()
    path = offline / Path(models.SqueezeNet1_1_Weights.DEFAULT.url).name
    torch.save(models.squeezenet1_1().state_dict(), path, _use_new_zipfile_serialization=not legacy)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DownloadFailed, match="is damaged or not the file of https://") as caught:
        ph.load("squeezenet1_1")
    assert str(path) in str(caught.value)
    assert "remove it" in str(caught.value)


def test_another_file_is_named(offline):
    offline.mkdir()
    path = offline / Path(models.SqueezeNet1_1_Weights.DEFAULT.url).name
    torch.save(models.squeezenet1_0().state_dict(), path)
    with pytest.raises(DownloadFailed, match="not the file of https://"):
        ph.load("squeezenet1_1")


def test_without_torchvision(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingDependency, match="torchvision/resnet18 needs the package torchvision; install it: pip"):
        ph.load("torchvision/resnet18")
    with pytest.raises(UnknownModel, match="pip install torchvision"):
        ph.load("resnet18")
    with pytest.raises(MissingDependency, match="--labels imagenet needs torchvision"):
        ph.load(torch.nn.Conv2d(3, 2, 1), labels="imagenet")
