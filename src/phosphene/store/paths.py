"""Where everything in a store lies. Names are posix paths below its root; see docs/sweeps.md.

phosphene.json                           the store's format; a newer one is refused
objects/AB/HASH.png                      payloads, under the hash of their content
records/NETWORK/LAYER/ID.json            a record per picture, written after its payloads
failed/NETWORK/LAYER/ID.json             what could not be made, and why
sweeps/ID.json                           what was asked for
networks/FINGERPRINT.json                what a network is made of
packed/NETWORK/LAYER/HASH.parquet, .webp records and thumbnails, packed
index/NETWORK/LAYER.json                 a layer at a glance, made anew whenever it does not fit
quarantine/...                           what was damaged, under the name that it had
scans/ID/...                             what real pictures do to every unit
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote

MARKER = "phosphene.json"
RECORDS, FAILED, PACKED, INDEX = "records", "failed", "packed", "index"
OBJECTS, SWEEPS, NETWORKS, QUARANTINE = "objects", "sweeps", "networks", "quarantine"


def hashed(data: bytes) -> str:
    """32 hex digits for content."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def object_of(digest: str, kind: str) -> str:
    """A payload's place; ``kind``: the ending of its name."""
    return f"{OBJECTS}/{digest[:2]}/{digest}.{kind}"


def folder_of(what: str, fingerprint: str, layer: str) -> str:
    """A layer's folder among records, failures or packs."""
    name = quote(layer, safe="")
    return f"{what}/{fingerprint}/{name if name.strip('.') else name.replace('.', '%2E')}"


def record_of(fingerprint: str, layer: str, name: str) -> str:
    return f"{folder_of(RECORDS, fingerprint, layer)}/{name}.json"


def failure_of(fingerprint: str, layer: str, name: str) -> str:
    return f"{folder_of(FAILED, fingerprint, layer)}/{name}.json"


def index_of(fingerprint: str, layer: str) -> str:
    return f"{folder_of(INDEX, fingerprint, layer)}.json"


def sweep_of(name: str) -> str:
    return f"{SWEEPS}/{name}.json"


def network_of(fingerprint: str) -> str:
    return f"{NETWORKS}/{fingerprint}.json"


def layer_of(folder: str) -> str:
    """The layer of a folder's name."""
    return unquote(folder)
