"""timm's networks: by name, with what their configuration says."""

from __future__ import annotations

import sys

import pytest

import phosphene as ph
from phosphene.errors import DownloadFailed, MissingDependency, UnknownModel

pytest.importorskip("timm")


def test_a_convolutional_network():
    network = ph.load("timm/test_resnet", untrained=True)
    assert network.preprocessing.size == (3, 160, 160)
    assert network.preprocessing.mean == (0.5, 0.5, 0.5)
    assert network.preprocessing.std == (0.5, 0.5, 0.5)
    assert not network.preprocessing.fixed
    assert network.classes == 1000
    assert network.class_number("goldfish") == 1
    assert network.layers["conv1.0"].field == (3, 3)
    assert ph.render(network, "conv1.6:3", steps=1, robust=1, transform="none", size=32).status == "ok"
    assert ph.load("timm/test_resnet.r160_in1k", untrained=True).fingerprint == network.fingerprint


def test_resnet18_states_the_usual_preprocessing():
    network = ph.load("timm/resnet18", untrained=True, input_size=(3, 32, 32))
    assert network.preprocessing.size == (3, 32, 32)
    assert network.preprocessing.mean == (0.485, 0.456, 0.406)
    assert network.layers["conv1"].channels == 64


def test_transformers_have_tokens():
    network = ph.load("timm/test_vit", untrained=True)
    assert network.layers["patch_embed.proj"].kind == "map"
    assert network.layers["blocks.1"].kind == "tokens"
    assert (network.layers["blocks.1"].channels, network.layers["blocks.1"].size) == (64, (101,))
    assert ph.render(network, "blocks.1:5", steps=1, robust=1, transform="none", size=160).status == "ok"


def test_vit_with_one_size():
    network = ph.load("timm/vit_tiny_patch16_224", untrained=True)
    assert network.preprocessing.fixed
    assert network.preprocessing.size == (3, 224, 224)


def test_convnext_has_both_layouts():
    network = ph.load("timm/test_convnext", untrained=True)
    kinds = {name: layer.kind for name, layer in network.layers.items()}
    assert kinds["stages.0.blocks.0.conv_dw"] == "map"
    assert kinds["stages.0.blocks.0.mlp.fc1"] == "map-last"


def test_names_that_are_not():
    with pytest.raises(UnknownModel, match="timm has no model 'resnt18'; closest: resnet18, "):
        ph.load("timm/resnt18")
    for untrained in (True, False):
        with pytest.raises(UnknownModel, match="resnet18 has no weights 'nope'; there are: a1_in1k, "):
            ph.load("timm/resnet18.nope", untrained=untrained)
    with pytest.raises(UnknownModel, match="no trained weights for resnet26t_like|timm has no model"):
        ph.load("timm/resnet26t_like")


def test_a_network_that_nobody_trained():
    import timm

    name = next(n for n in timm.list_models() if not timm.list_pretrained(f"{n}.*"))
    with pytest.raises(UnknownModel, match="no trained weights .*--untrained"):
        ph.load(f"timm/{name}")


def test_without_a_network(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DownloadFailed, match="could not fetch the weights of test_resnet") as caught:
        ph.load("timm/test_resnet")
    assert "--untrained" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingDependency, match="timm/resnet18 needs the package timm; install it: pip install timm"):
        ph.load("timm/resnet18")
