"""Shards -> what a store keeps: a file per layer, then the record that names them all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sketch import BINS
from ..store.parts import packed
from ..store.place import Place
from ..store.plan import Plan, Track
from ..store.scans import RECORD, Scan, encoded, file_of, folder_of
from .part import Arrays, Part
from .tally import FIXED, LISTS, STATISTICS, read_keys

SIBLINGS = 8  # units that fire together, kept for each
COMPARED = 64  # strongest pictures that two units may share


def finish(place: Place, plan: Plan, parts: Sequence[Part]) -> Scan:
    """Write the layers, the record last; then the shards are no longer needed."""
    whole = parts[0]
    for part in parts[1:]:
        whole.add(part)
    tally, sample = whole.tally.arrays(), whole.sample.arrays()
    begin, files = 0, {}
    for track in plan.tracks:
        units = slice(begin, begin + track.channels)
        begin += track.channels
        data = packed(_layer(track, units, tally, sample, whole.twins), {"layer": track.name})
        name = f"{folder_of(plan.id)}/{file_of(track.name)}"
        place.write(name, data)
        files[track.name] = {"file": file_of(track.name), "hash": hashlib.blake2b(data, digest_size=16).hexdigest()}
    record = {
        "plan": plan.to_dict(),
        "pictures": int(tally["pictures"][0]),
        "skipped": [[number, *why] for number, why in sorted(whole.skipped.items())],
        "layers": files,
    }
    place.write(f"{folder_of(plan.id)}/{RECORD}", encoded(record))
    place.remove(f"{folder_of(plan.id)}/parts")
    return Scan(place, plan.id)


def _layer(track: Track, units: slice, tally: Arrays, sample: Arrays, twins: tuple[Any, Any]) -> Arrays:
    """One layer's arrays."""
    made: Arrays = {name: tally[name][units] for name in ("fired", "broken")}
    made["average"] = tally["total"][units] / FIXED / np.maximum(tally["pictures"][0] - made["broken"], 1)
    for name in LISTS:
        values, pictures = read_keys(tally[f"{name}.keys"][units], bottom=name.startswith("bottom"))
        made |= {f"{name}.values": values, f"{name}.pictures": pictures, f"{name}.where": tally[f"{name}.where"][units]}
    for name in STATISTICS:
        places = tally[f"{name}.places"]
        inside = slice(*np.searchsorted(places, [units.start * BINS, units.stop * BINS]))
        made[f"{name}.places"], made[f"{name}.counts"] = (
            places[inside] - units.start * BINS,
            tally[f"{name}.counts"][inside],
        )
    made["sample.pictures"] = sample["sample.pictures"]
    made["sample.max"], made["sample.mean"] = sample["sample.max"][:, units], sample["sample.mean"][:, units]
    made["twins"], made["twins.cosine"] = twins[0][units], twins[1][units]
    return made | _together(made["sample.mean"]) | _shared(_firing(made))


def _together(means: NDArray[np.float32]) -> Arrays:
    """The siblings that fire on the same pictures: correlation of means over the sample, best first."""
    values = np.where(np.isfinite(means), means, 0).astype(np.float64)
    values -= values.mean(0, keepdims=True) if len(values) else 0
    norm = np.sqrt((values**2).sum(0))
    correlation = (values.T @ values) / np.maximum(norm[:, None] * norm[None], 1e-30)
    correlation = np.round(correlation, 5)  # a last bit must not decide an order
    np.fill_diagonal(correlation, -2.0)
    order = np.argsort(-correlation, axis=1, kind="stable")[:, :SIBLINGS]
    best = np.take_along_axis(correlation, order, 1)
    return {"siblings": np.where(best > -2, order, -1), "siblings.correlation": best.astype(np.float32)}


def _firing(made: Arrays) -> NDArray[np.int64]:
    """The strongest pictures of each unit; -1 for those on which it is silent, which say nothing."""
    top = made["top.max.pictures"][:, :COMPARED]
    return np.where(made["top.max.values"][:, :COMPARED] > 0, top, -1)


def _shared(top: NDArray[np.int64], block: int = 8192) -> Arrays:
    """The sibling that shares most of its strongest pictures with a unit, and the share of them, 0 to 1."""
    units = len(top)
    known = (top >= 0).sum(1)
    pictures, places = np.unique(top, return_inverse=True)
    places = places.reshape(top.shape)
    both = np.zeros((units, units), np.float32)
    for start in range(0, len(pictures), block):
        there = np.zeros((units, min(block, len(pictures) - start)), np.float32)
        rows, columns = np.nonzero((places >= start) & (places < start + block) & (top >= 0))
        there[rows, places[rows, columns] - start] = 1
        both += there @ there.T
    np.fill_diagonal(both, -1)
    best = both.argmax(1)
    share = both.max(1) / np.maximum(known, 1)
    return {"shares": np.where(share > 0, best, -1), "shares.overlap": np.maximum(share, 0).astype(np.float32)}
