"""The same seven labelled pictures as every kind of dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data.made import encoded, photo, table, tar, written

from phosphene.data import Pictures, decoded

SHAPE = (3, 24, 24)
COUNT = 7
CLASSES = ["cat", "dog", "猫"]
FILES = {f"{CLASSES[i % 3]}/{i:03}.png": encoded(photo(seed=i)) for i in range(COUNT)}
LABELS = [name.partition("/")[0] for name in FILES]
NUMBERS = [CLASSES.index(label) for label in LABELS]


def a_folder(at: Path) -> Any:
    """Sorted by name, so the labels come in another order."""
    return written(at / "photos", FILES)


def a_parquet(at: Path) -> Any:
    path = table(at / "a" / "train.parquet", {"image": list(FILES.values()), "label": NUMBERS}, rows_per_group=3)
    (path.parent / "classes.json").write_text(json.dumps(CLASSES))
    return path


def a_parquet_of_hugging_face(at: Path) -> Any:
    rows = [{"bytes": data, "path": name} for name, data in FILES.items()]
    features = {"image": {"_type": "Image"}, "label": {"names": CLASSES, "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    table(at / "hf" / "0.parquet", {"label": NUMBERS[:2], "image": rows[:2]}, metadata=about)
    table(at / "hf" / "1.parquet", {"label": NUMBERS[2:], "image": rows[2:]}, metadata=about)
    return at / "hf"


def a_tar(at: Path) -> Any:
    for shard, inside in ((0, slice(0, 4)), (1, slice(4, None))):
        members: dict[str, bytes] = {}
        for number, (data, label) in enumerate(list(zip(FILES.values(), LABELS, strict=True))[inside]):
            members[f"{number:03}.cls"] = label.encode()
            members[f"{number:03}.png"] = data
            members[f"{number:03}.seg.png"] = b"no picture"
        tar(at / "shards" / f"x-{shard:03}.tar", members)
    return f"{at}/shards/x-{{000..001}}.tar"


def a_split(at: Path) -> Any:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)})
    rows = {"image": [{"bytes": data, "path": None} for data in FILES.values()], "label": NUMBERS}
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(at / "saved")
    return f"hf:{at}/saved"


class Live:
    """As torchvision's datasets are."""

    classes = CLASSES

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Any:
        return photo(seed=index), NUMBERS[index]


def a_live_one(_: Path) -> Any:
    return Live()


def arrays(_: Path) -> Any:
    return [(np.asarray(photo(seed=i)), label) for i, label in enumerate(LABELS)]


def tensors(_: Path) -> Any:
    pictures = [torch.from_numpy(np.array(photo(seed=i))).permute(2, 0, 1) for i in range(COUNT)]
    return [
        {"image": x.float() / 255 if i % 2 else x, "label": y}
        for i, (x, y) in enumerate(zip(pictures, LABELS, strict=True))
    ]


def paths(at: Path) -> Any:
    return [(at / "photos" / name, label) for name, label in zip(FILES, LABELS, strict=True)] if a_folder(at) else None


KINDS: list[Callable[[Path], Any]] = [
    a_folder, a_parquet, a_parquet_of_hugging_face, a_tar, a_split, a_live_one, arrays, tensors, paths
]  # fmt: skip
ON_DISK = KINDS[:5]
kinds = pytest.mark.parametrize("make", KINDS)
on_disk = pytest.mark.parametrize("make", ON_DISK)


def contents(pictures: Pictures) -> dict[bytes, str | None]:
    return {decoded(pictures.raw(i), SHAPE).tobytes(): pictures.label(i) for i in range(len(pictures))}


WANTED = {decoded(photo(seed=i), SHAPE).tobytes(): label for i, label in enumerate(LABELS)}
