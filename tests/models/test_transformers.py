"""Image classifiers of the transformers library, from a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

import phosphene as ph
from phosphene.errors import DownloadFailed, MissingDependency, ModelError

transformers = pytest.importorskip("transformers")

LABELS = {0: "tench", 1: "goldfish", 2: "great white shark"}


def vit() -> transformers.ViTConfig:
    return transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        id2label=LABELS, label2id={name: index for index, name in LABELS.items()},
    )  # fmt: skip


def resnet() -> transformers.ResNetConfig:
    return transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic",
                                     id2label=LABELS)  # fmt: skip


@pytest.fixture
def folder(tmp_path) -> Path:
    torch.manual_seed(0)
    transformers.ViTForImageClassification(vit()).save_pretrained(tmp_path)
    return tmp_path


def test_a_transformer(folder):
    network = ph.load(f"hf/{folder}")
    assert network.labels == tuple(LABELS.values())
    assert network.preprocessing.size == (3, 32, 32)
    assert network.preprocessing.mean is None
    assert network.preprocessing.fixed
    assert network.classes == 3
    assert network.class_number("Goldfish") == 1
    assert {layer.kind for layer in network.layers.values()} == {"map", "tokens", "vector"}
    assert ph.render(network, "logit:goldfish", steps=2, robust=1).size == (32, 32)
    tokens = next(name for name, layer in network.layers.items() if layer.kind == "tokens" and layer.channels == 16)
    assert ph.render(network, f"{tokens}:3", steps=2, robust=1).status == "ok"


def test_weights_are_those_of_the_folder(folder):
    own = transformers.ViTForImageClassification.from_pretrained(folder).eval()
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(ph.load(f"hf/{folder}")(x), own(x).logits)


def test_a_convolutional_network(tmp_path):
    transformers.ResNetForImageClassification(resnet()).save_pretrained(tmp_path)
    network = ph.load(f"hf/{tmp_path}", input_size=(3, 32, 32))
    assert not network.preprocessing.fixed
    assert network.layers["resnet.embedder"].kind == "map"
    assert ph.render(network, "resnet.embedder:3 + logit:2", steps=2, robust=1, size=32).status == "ok"


PROCESSORS = {
    "size": ({"size": {"height": 32, "width": 32}}, (3, 32, 32)),
    "edge": ({"size": {"shortest_edge": 32}}, (3, 32, 32)),
    "crop": ({"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32},
              "do_center_crop": True}, (3, 32, 32)),
    "no crop": ({"size": {"height": 32, "width": 32}, "crop_size": {"height": 24, "width": 24},
                 "do_center_crop": False}, (3, 32, 32)),
}  # fmt: skip


@pytest.mark.parametrize(("options", "size"), PROCESSORS.values(), ids=PROCESSORS.keys())
def test_an_image_processor_states_the_preprocessing(folder, options, size):
    data = {"image_processor_type": "ViTImageProcessor", "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6],
            "do_normalize": True, **options}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(data))
    network = ph.load(f"hf/{folder}")
    assert network.preprocessing.size == size
    assert network.preprocessing.mean == (0.1, 0.2, 0.3)
    assert network.preprocessing.std == (0.4, 0.5, 0.6)
    (folder / "preprocessor_config.json").write_text(json.dumps({**data, "do_normalize": False}))
    assert ph.load(f"hf/{folder}").preprocessing.mean is None


def test_untrained_needs_the_configuration_alone(tmp_path):
    vit().save_pretrained(tmp_path)
    network = ph.load(f"hf/{tmp_path}", untrained=True)
    assert network.classes == 3
    assert network.fingerprint == ph.load(f"hf/{tmp_path}", untrained=True).fingerprint
    with pytest.raises(ModelError, match="no whole model folder"):
        ph.load(f"hf/{tmp_path}")


def test_half_precision_is_read_as_single(tmp_path):
    transformers.ViTForImageClassification(vit()).to(torch.bfloat16).save_pretrained(tmp_path)
    assert ph.load(f"hf/{tmp_path}").dtype == torch.float32
    assert ph.load(f"hf/{tmp_path}", untrained=True).dtype == torch.float32


def test_a_model_without_a_classifier_says_why(tmp_path):
    transformers.ViTModel(vit()).save_pretrained(tmp_path / "headless")
    with pytest.raises(ModelError, match=r"is no image classifier: it has no weights for classifier\."):
        ph.load(f"hf/{tmp_path}/headless")
    text = transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    text.save_pretrained(tmp_path / "text")
    with pytest.raises(ModelError, match="text is no image classifier: ") as caught:
        ph.load(f"hf/{tmp_path}/text", untrained=True)
    assert len(str(caught.value).splitlines()) <= 2


def test_pickled_weights_are_not_read(tmp_path):
    vit().save_pretrained(tmp_path)
    torch.save(transformers.ViTForImageClassification(vit()).state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no whole model folder"):
        ph.load(f"hf/{tmp_path}")


def test_truncated_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="no whole model folder"):
        ph.load(f"hf/{folder}")


def test_weights_of_another_shape(folder):
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**data, "hidden_size": 24}))
    with pytest.raises(ModelError, match="no whole model folder"):
        ph.load(f"hf/{folder}")


def test_a_folder_that_is_not_there(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("nobody/nothing", "./nowhere", str(tmp_path / "none")):
        with pytest.raises(DownloadFailed, match="there is no folder .*hf/FOLDER"):
            ph.load(f"hf/{name}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is no image classifier"):
        ph.load(f"hf/{tmp_path}/empty")


def test_without_transformers(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependency, match="needs the package transformers; install it: pip install transformers"):
        ph.load("hf/org/name")
