"""Arrays with a head in one file, whose beginning tells whether the rest is whole. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError

Arrays = Mapping[str, NDArray[Any]]
MARK, SEAL = b"phosphn1", 16  # what it is; bytes of the hash


def packed(arrays: Arrays, head: Mapping[str, Any]) -> bytes:
    """The same bytes for the same content."""
    from safetensors.numpy import save

    text = json.dumps(head, sort_keys=True)
    data = save({name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}, metadata={"head": text})
    return MARK + hashlib.blake2b(data, digest_size=SEAL).digest() + data


def unpacked(data: bytes, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The inverse; StoreError for anything else, cut off or changed."""
    from safetensors.numpy import load

    begin = len(MARK) + SEAL
    body = data[begin:]
    if data[: len(MARK)] != MARK or hashlib.blake2b(body, digest_size=SEAL).digest() != data[len(MARK) : begin]:
        raise StoreError(f"{name} is damaged: its content does not fit its hash; delete it and run the same again")
    length = int.from_bytes(body[:8], "little")
    head = json.loads(json.loads(body[8 : 8 + length])["__metadata__"]["head"])
    return load(body), head
