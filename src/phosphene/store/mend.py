"""Putting aside what a check has found, and deleting what nobody needs. No torch.

Killed at any moment, the next check finds the rest: what is kept of a pack is written before the pack goes, and a
packed record whose payload has gone already is found by that.
"""

from __future__ import annotations

from ..errors import StoreError
from .check import HOUR, Amount, Check, amount, layers_of
from .compact import pack_layer
from .paths import OBJECTS, PACKED, QUARANTINE, RECORDS, index_of, record_of
from .place import Found
from .scans import RECORD


def mend(check: Check) -> None:
    """Move every fault into quarantine; packs are written anew without what went.

    StoreError at the end, if there is a file that cannot even be copied.
    """
    place = check.place
    for network, layer in layers_of(check.faults):  # what is made again has the names of before
        if index_of(network, layer) not in check.faults:
            place.remove(index_of(network, layer))
    for (network, layer), texts in check.packed.items():
        for name, text in texts.items():
            place.write(f"{QUARANTINE}/{record_of(network, layer, name)}", f"{text}\n".encode())
    loose = [name for name, fault in check.faults.items() if name.startswith(f"{RECORDS}/") and not fault.packed]
    stuck = _aside(check, loose)
    for records in check.rescued.values():
        for name, text in records.items():
            if not place.has(name):
                place.write(name, f"{text}\n".encode())
    stuck += _aside(check, [name for name in check.faults if not name.startswith(f"{RECORDS}/")])
    for network, layer in {*check.packed, *check.again}:
        pack_layer(check.ledger, network, layer, loose=False, without=check.packed.get((network, layer), {}))
    if stuck:
        raise stuck[0]


def _aside(check: Check, names: list[str]) -> list[StoreError]:
    """Copy, then remove; what is not there stays so. What cannot be read is left where it is."""
    place, stuck = check.place, []
    for name in names:
        try:
            for one in _files(check, name):
                place.move(one, f"{QUARANTINE}/{one}")
            if name.startswith("scans/"):
                place.remove(name)
        except StoreError as error:
            stuck.append(error)
    return stuck


def _files(check: Check, name: str) -> list[str]:
    """The files of a fault; of a scan all, its record last."""
    if not name.startswith("scans/"):
        return [name] if check.place.has(name) else []
    return sorted((one.name for one in check.place.below(name)), key=lambda one: one.endswith(f"/{RECORD}"))


def pruned(check: Check) -> tuple[Amount, bool]:
    """What was deleted, and whether orphans were held back: what is in quarantine may need them."""
    place = check.place
    held = any(place.names(f"{QUARANTINE}/{what}") for what in (RECORDS, PACKED))
    gone: list[Found] = []
    for one in [*check.leftovers, *([] if held else check.orphans)]:
        age = place.age(one.name)  # asked now: another writer may just have written it again
        if age is not None and age > HOUR:
            place.remove(one.name)
            gone.append(one)
    return amount(gone), held and any(one.name.startswith(OBJECTS) for one in check.orphans)
