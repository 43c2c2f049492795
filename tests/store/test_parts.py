"""What is packed comes back, the same content gives the same bytes, and no other bytes are taken."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from phosphene.errors import StoreError
from phosphene.store.parts import MARK, SEAL, packed, unpacked

KINDS = st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_])
ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
    hnp.arrays(KINDS, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    max_size=4,
)
HEADS = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
        lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=4), some, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def _same(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert (one[name].dtype, one[name].shape) == (other[name].dtype, other[name].shape)
        assert one[name].tobytes() == other[name].tobytes()


@given(arrays=ARRAYS, head=HEADS)
def test_unpacked_is_what_was_packed(arrays: dict[str, NDArray[Any]], head: dict[str, Any]) -> None:
    back, back_head = unpacked(packed(arrays, head), "it")
    _same(back, arrays)
    assert back_head == json.loads(json.dumps(head))


@given(arrays=ARRAYS, head=HEADS, data=st.data())
def test_the_same_content_gives_the_same_bytes(
    arrays: dict[str, NDArray[Any]], head: dict[str, Any], data: st.DataObject
) -> None:
    """In whatever order it is said, and however it lies in memory."""
    first = packed(arrays, head)
    names = data.draw(st.permutations(sorted(arrays)))
    turned = {name: np.array(arrays[name], order="F") for name in names}
    strided = {name: np.repeat(array[None], 2, 0)[1, ...] for name, array in arrays.items()}
    keys = data.draw(st.permutations(sorted(head)))
    assert packed(turned, {key: head[key] for key in keys}) == packed(strided, head) == first
    assert packed(*unpacked(first, "it")) == first


@functools.cache
def _file() -> bytes:
    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(5, 3)), "b": rng.integers(0, 9, 7), "none": np.zeros((0, 2), np.float32)}
    return packed(arrays, {"plan": {"k": 9}, "layer": "mixed4b"})


@given(place=st.integers(0, len(_file()) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(place: int, bit: int) -> None:
    hurt = bytearray(_file())
    hurt[place] ^= 1 << bit
    with pytest.raises(StoreError, match=r"^layers/x is damaged: .*delete it") as caught:
        unpacked(bytes(hurt), "layers/x")
    assert len(str(caught.value).splitlines()) == 1


@given(begin=st.integers(0, len(_file()) - 1), count=st.integers(1, len(_file())))
def test_any_missing_bytes_are_refused(begin: int, count: int) -> None:
    data = _file()
    with pytest.raises(StoreError, match="is damaged"):
        unpacked(data[:begin] + data[begin + count :], "it")


@given(place=st.integers(0, len(_file())), more=st.binary(min_size=1, max_size=30))
def test_any_further_bytes_are_refused(place: int, more: bytes) -> None:
    hurt = _file()[:place] + more + _file()[place:]
    with pytest.raises(StoreError, match="is damaged"):
        unpacked(hurt, "it")


@given(data=st.binary(max_size=60), marked=st.booleans())
def test_anything_else_is_refused(data: bytes, marked: bool) -> None:
    with pytest.raises(StoreError, match="is damaged"):
        unpacked(MARK + data if marked else data, "it")


def test_every_byte_counts() -> None:
    data = _file()
    for place in range(0, len(data), 3):
        with pytest.raises(StoreError):
            unpacked(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :], "it")
    assert len(data) > len(MARK) + SEAL
