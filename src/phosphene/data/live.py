"""Datasets that live in Python: lists, arrays, torchvision's datasets, anything with a length and items."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import BadSpec, PhospheneError, Unreadable
from ..files import why
from .base import Pictures, Raw, kinds, named
from .decode import shown
from .listing import digest

SAMPLES = 64  # pictures that a fingerprint looks at where nothing cheaper is known of them


@kinds.register("live")
class Live(Pictures):
    """A sequence of pictures (PIL images, arrays ``(h, w, c)``, tensors ``(c, h, w)``, paths, bytes), or of pairs of a
    picture and a label, or of ``{"image": ..., "label": ...}``."""

    about = "in Python, anything with a length and items: pictures, or pairs of a picture and a label"

    def __init__(self, data: Any) -> None:
        self.source = f"live:{type(data).__name__}"
        self._data, self._last = data, (-1, None)
        names = getattr(data, "classes", None)
        known = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        self._classes: Sequence[str] = list(names) if known and names is not None else []
        self._fingerprint: str | None = None

    @classmethod
    def of_object(cls, data: Any) -> Live:
        if not callable(getattr(data, "__len__", None)) or not callable(getattr(data, "__getitem__", None)):
            raise BadSpec(f"a {type(data).__name__} is no dataset; give a path, hf:NAME, or a sequence of pictures")
        if isinstance(data, bytes | Mapping):
            raise BadSpec(f"a {type(data).__name__} is no dataset; put pictures in a list")
        if not len(data):
            raise BadSpec(f"no pictures in the {type(data).__name__}: it is empty")
        return cls(data)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": (-1, None)}

    def __len__(self) -> int:
        return len(self._data)

    def _item(self, index: int) -> tuple[Any, Any]:
        """Picture and label; the last is kept, as the two are asked for one after the other."""
        if not 0 <= index < len(self):
            raise IndexError(f"no picture {index} of {len(self)}")
        if self._last[0] != index:
            try:
                self._last = (index, self._data[index])
            except (MemoryError, PhospheneError):
                raise
            except Exception as error:  # a stranger's code, which may decode here
                raise Unreadable(shown((why(error).splitlines() or [""])[0][:200] or type(error).__name__)) from error
        item: Any = self._last[1]
        if isinstance(item, Mapping):
            label = next((item[key] for key in ("label", "labels", "class") if key in item), None)
            return next((item[key] for key in ("image", "img", "pixel_values") if key in item), None), label
        if isinstance(item, tuple | list):
            return (item[0] if item else None), (item[1] if len(item) > 1 else None)
        return item, None

    def name(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(f"no picture {index} of {len(self)}")
        return f"#{index}"

    def label(self, index: int) -> str | None:
        try:
            label = self._item(index)[1]
        except Unreadable:
            return None
        if callable(getattr(label, "tolist", None)):  # numbers of numpy and of torch
            label = label.tolist()
        return named(label, self._classes) if isinstance(label, int | str | bytes) else None

    def raw(self, index: int) -> Raw:
        picture = self._item(index)[0]
        if isinstance(picture, str | os.PathLike):
            return Path(picture)
        if isinstance(picture, bytes | np.ndarray | Image.Image):
            return picture
        if callable(getattr(picture, "detach", None)):
            return _of_tensor(picture)
        raise Unreadable(f"a {type(picture).__name__} is no picture; give a PIL image, an array, a tensor or a path")

    @property
    def fingerprint(self) -> str:
        if self._fingerprint is None:
            all_there = isinstance(self._data, list | tuple | np.ndarray)  # in memory: looking costs nothing
            self._fingerprint = sampled(self, *self._classes, count=len(self) if all_there else SAMPLES)
        return self._fingerprint


def sampled(pictures: Pictures, *known: str, count: int = 0) -> str:
    """A fingerprint of what is known of all pictures and of the contents of a few."""
    parts: list[str | bytes] = [str(len(pictures)), *known]
    for index in sorted({int(place) for place in np.linspace(0, len(pictures) - 1, count or SAMPLES)}):
        try:
            raw = pictures.raw(index)
            parts.append(hashlib.blake2b(_content(raw), digest_size=16).digest())
        except Unreadable as error:
            parts.append(str(error))
        parts.append(str(pictures.label(index)))
    return digest(parts)


def _content(raw: Raw) -> bytes:
    if isinstance(raw, bytes):
        return raw
    if isinstance(raw, Path):  # of files the name and the size, as they may lie far away
        return f"{raw.name}\0{raw.stat().st_size if raw.exists() else -1}".encode("utf-8", "surrogatepass")
    values = np.asarray(raw)
    return f"{values.dtype}{values.shape}".encode() + values.tobytes()


def _of_tensor(picture: Any) -> np.ndarray:
    """A tensor ``(c, h, w)`` or ``(h, w)`` as an array ``(h, w, c)``, without torch's name."""
    try:
        values = picture.detach().cpu()
        values = np.asarray((values.float() if values.is_floating_point() else values).numpy())
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise Unreadable(f"a {type(picture).__name__} does not become an array: {shown(why(error)[:200])}") from error
    return values.transpose(1, 2, 0) if values.ndim == 3 else values
