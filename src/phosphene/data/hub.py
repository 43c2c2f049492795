"""Hugging Face datasets, ``hf:NAME`` (needs ``datasets``, the extra ``phosphene[hf]``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import BadSpec, DownloadFailed, MissingDependency, Unreadable
from ..files import why
from .base import Pictures, Raw, kinds, named
from .decode import shown
from .live import sampled
from .parquet import LABELS

PICTURES = ("image", "img", "picture")


@kinds.register("hf")
class Hub(Pictures):
    """A split of a dataset of the hub, or of a folder that ``datasets`` reads."""

    about = "hf:NAME, hf:NAME@SPLIT or hf:FOLDER, through the package datasets"
    prefix = "hf:"

    def __init__(self, data: Any, split: str, source: str) -> None:
        from datasets import ClassLabel, Image, Value

        self.source = source
        kinds_of = {name: type(feature) for name, feature in data.features.items()}
        pictures = [name for name, kind in kinds_of.items() if kind is Image]
        pictures += [name for name, feature in data.features.items() if feature == Value("binary")]
        own = next((name for name in PICTURES if name in pictures), pictures[0] if len(pictures) == 1 else None)
        if own is None:
            raise BadSpec(f"{shown(source)} has no column image of pictures; its columns: {', '.join(kinds_of)}")
        plain = [name for name in LABELS if kinds_of.get(name) in (ClassLabel, Value)]
        classes = [name for name, kind in kinds_of.items() if kind is ClassLabel]
        self._label = (plain or (classes if len(classes) == 1 else []) or [None])[0]
        self._classes = list(getattr(data.features.get(self._label), "names", None) or [])
        self._image = own
        keep = [own] if self._label is None else [own, self._label]
        self._data = data.select_columns(keep)
        if kinds_of[own] is Image:
            self._data = self._data.cast_column(own, Image(decode=False))
        self._labels = None if self._label is None else data.select_columns([self._label])
        self._split = split
        self._fingerprint: str | None = None
        if not len(self):
            raise BadSpec(f"no pictures in {shown(source)}: the split {split} has no rows")

    @classmethod
    def of_text(cls, text: str) -> Hub:
        name, _, split = text.removeprefix("hf:").partition("@")
        if os.path.exists(os.path.expanduser(name)):
            name = os.path.abspath(os.path.expanduser(name))
        data, split = _split_of(_fetched(name, text), split, text)
        return cls(data, split, f"hf:{name}@{split}")

    def __len__(self) -> int:
        return len(self._data)

    def _in(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"no picture {index} of {len(self)}")
        return index

    def name(self, index: int) -> str:
        return f"#{self._in(index)}"

    def label(self, index: int) -> str | None:
        if self._labels is None:
            return None
        value = self._labels[self._in(index)][self._label]
        return None if self._classes and value == -1 else named(value, self._classes)  # -1: a test split's no label

    def raw(self, index: int) -> Raw:
        self._in(index)
        try:
            value = self._data[index][self._image]
        except MemoryError:
            raise
        except Exception as error:  # whatever arrow and the builders of datasets raise
            raise Unreadable(shown(_first_line(error))) from error
        if isinstance(value, dict):
            value = value["bytes"] if value.get("bytes") is not None else value.get("path")
            value = Path(value) if isinstance(value, str) else value
        if value is None:
            raise Unreadable("the row has no picture")
        return value

    @property
    def fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = sampled(self, self._split, *self._classes)
        return self._fingerprint


def _fetched(name: str, text: str) -> Any:
    """What the package makes of a name: one split, or several by name."""
    try:
        import datasets
    except ImportError as error:
        raise MissingDependency(f"{text} needs the package datasets; install it: pip install datasets") from error
    bars = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        if any((Path(name) / file).is_file() for file in ("state.json", "dataset_dict.json")):
            return datasets.load_from_disk(name)
        return datasets.load_dataset(name)
    except MemoryError:
        raise
    except Exception as error:  # builders are strangers' code; theirs is whatever goes wrong
        reason = shown(_first_line(error))
        if isinstance(error, ConnectionError) or (isinstance(error, OSError) and not os.path.exists(name)):
            raise DownloadFailed(
                f"there is no folder {shown(name)}, and datasets could not fetch that name ({reason}); "
                "fetch it where there is a network and give the folder: hf:FOLDER"
            ) from error
        raise BadSpec(f"datasets cannot open {shown(name)}: {reason}") from error
    finally:
        if bars:
            datasets.enable_progress_bars()


def _split_of(data: Any, wanted: str, text: str) -> tuple[Any, str]:
    """The split that was asked for, or train, or the first."""
    if not isinstance(data, dict):
        own = str(data.split) if data.split is not None else "train"
        if wanted not in ("", own):
            raise BadSpec(f"{shown(text)} has one split, {own}; leave out @{shown(wanted)}")
        return data, own
    if not data:
        raise BadSpec(f"{shown(text)} has no splits")
    split = wanted or ("train" if "train" in data else next(iter(data)))
    if split not in data:
        raise BadSpec(f"{shown(text)} has no split {shown(split)}; there are: {', '.join(map(str, data))}")
    return data[split], split


def _first_line(error: BaseException) -> str:
    return (next((line for line in why(error).splitlines() if line.strip()), "") or type(error).__name__)[:200]
