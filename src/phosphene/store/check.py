"""Is a store whole? Every file is read and compared with its hash, its seal, its name. What fails is put aside, with
all records that need it, so that the next sweep makes them again. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from ..errors import BadSpec, StoreError
from .faults import object_fault, payloads_of, record_fault, scan_fault, sealed_fault
from .ledger import Ledger
from .packs import SPRITES, packs_of, record_in, sprites_in, texts_in, texts_left
from .paths import FAILED, INDEX, NETWORKS, OBJECTS, PACKED, QUARANTINE, RECORDS, SWEEPS, folder_of, layer_of, record_of
from .place import CUT_OFF, Found

HOUR = 3600.0  # what is younger may belong to a writer at work
Step = Callable[[int, int, str], None]  # done, of how many, what


@final
@dataclass(frozen=True)
class Fault:
    """What is damaged, and why. ``name``: of the file; if ``packed``, the file that the record would be."""

    name: str
    reason: str
    packed: bool = False

    @property
    def aside(self) -> str:
        """Where it is put."""
        return f"{QUARANTINE}/{self.name}"


@final
@dataclass(frozen=True)
class Amount:
    """Files, and their bytes."""

    files: int = 0
    bytes: int = 0


@final
@dataclass(frozen=True)
class Verified:
    """What was read, and what was found. ``bytes``: of all that was read. ``rescued``: records read out of damaged
    packs, which are files of their own again. ``orphans``: payloads and sheets that no record needs, of writers that
    were stopped; ``leftovers``: of writes that were cut off. ``pruned``: what of these is gone now; ``held``: whether
    orphans stay because what is in quarantine may need them."""

    records: int
    payloads: int
    packs: int
    scans: int
    bytes: int
    faults: tuple[Fault, ...]
    rescued: int
    orphans: Amount
    leftovers: Amount
    pruned: Amount = field(default_factory=Amount)
    held: bool = False

    @property
    def whole(self) -> bool:
        return not self.faults


def verify(ledger: Ledger, *, repair: bool = True, prune: bool = False, progress: Step | None = None) -> Verified:
    """Read everything in a store. ``repair``: put aside what is damaged, under ``quarantine/``. ``prune``: delete what
    nobody needs, if it is older than an hour.

    Raises OutputError when something cannot be put aside; running it again goes on from there.
    """
    if prune and not repair:
        raise BadSpec("what is damaged must be put aside before anything is pruned; leave out one of the two")
    from .mend import mend, pruned

    check = Check(ledger, progress)
    check.run()
    if repair:
        mend(check)
    gone, held = pruned(check) if prune else (Amount(), False)
    return Verified(
        records=check.records,
        payloads=len(check.good),
        packs=check.packs,
        scans=check.scans,
        bytes=check.bytes,
        faults=tuple(check.faults.values()),
        rescued=sum(map(len, check.rescued.values())),
        orphans=amount(check.orphans),
        leftovers=amount(check.leftovers),
        pruned=gone,
        held=held,
    )


def amount(files: list[Found]) -> Amount:
    return Amount(len(files), sum(one.size for one in files))


class Check:
    """One reading of a store; finds, and changes nothing."""

    def __init__(self, ledger: Ledger, progress: Step | None) -> None:
        self.ledger, self.place, self.progress = ledger, ledger.place, progress
        self.records = self.packs = self.scans = self.bytes = 0
        self.good: set[str] = set()  # payloads
        self.needed: set[str] = set()
        self.faults: dict[str, Fault] = {}
        self.packed: dict[tuple[str, str], dict[str, str]] = {}  # of each layer, packed records that must go: id, text
        self.again: set[tuple[str, str]] = set()  # layers whose thumbnails are damaged
        self.rescued: dict[str, dict[str, str]] = {}  # of each damaged pack, whole records: name, text
        self.orphans: list[Found] = []
        self.leftovers: list[Found] = []

    def run(self) -> None:
        files = self.place.below()
        self.leftovers = [one for one in files if one.name.rpartition("/")[2].startswith(CUT_OFF)]
        files = [one for one in files if not one.name.rpartition("/")[2].startswith(CUT_OFF)]
        self._payloads([one.name for one in files if one.name.startswith(f"{OBJECTS}/")])
        layers = [(network, layer) for network in self.ledger.networks() for layer in self.ledger.layers(network)]
        for done, (network, layer) in enumerate(layers):
            self._say(done, len(layers), "layers")
            self._loose(network, layer)
            self._packed(network, layer)
            self._sealed(folder_of(FAILED, network, layer), {"fingerprint": network, "layer": layer})
        self._say(len(layers), len(layers), "layers")
        self._sealed(SWEEPS, {})
        self._sealed(NETWORKS, {})
        for network in self.place.names(INDEX):
            self._sealed(f"{INDEX}/{network}", None)
        self._scans()
        self.orphans = [
            one
            for one in files
            if one.name not in self.needed and one.name not in self.faults
            if one.name in self.good or (one.name.startswith(PACKED) and one.name.endswith(SPRITES))
        ]

    def _say(self, done: int, total: int, what: str) -> None:
        if self.progress is not None:
            self.progress(done, total, what)

    def fault(self, name: str, reason: str, packed: bool = False) -> None:
        self.faults.setdefault(name, Fault(name, reason, packed))

    def _read(self, names: list[str]) -> Iterator[tuple[str, bytes]]:
        """Files that can be read; of others that is the fault."""
        for name, data in self.place.read_each(names):
            if isinstance(data, StoreError):
                if self.place.has(name):  # else another writer was faster
                    self.fault(name, str(data))
                continue
            self.bytes += len(data)
            yield name, data

    def _payloads(self, names: list[str], tell: bool = True) -> None:
        for done, (name, data) in enumerate(self._read(names)):
            if tell:
                self._say(done, len(names), "pictures")
            reason = object_fault(name, data)
            if reason is None:
                self.good.add(name)
            elif reason:
                self.fault(name, reason)
        if tell:
            self._say(len(names), len(names), "pictures")

    def _lacks(self, record: Mapping[str, Any]) -> str | None:
        """What is wrong with a record's payloads; what another writer has just put there is read now."""
        for name in payloads_of(record):
            self.needed.add(name)
            if name not in self.good and name not in self.faults:
                self._payloads([name], tell=False)
            if name in self.faults:
                return f"it needs {name}, which is damaged"
            if name not in self.good:
                return f"it needs {name}, which is not there"
        return None

    def _wrong(self, data: bytes, network: str, layer: str, name: str) -> str | None:
        record, reason = record_fault(data, network, layer, name)
        return self._lacks(record) if record is not None else reason

    def _loose(self, network: str, layer: str) -> None:
        names = {record_of(network, layer, one): one for one in self.ledger.loose(network, layer)}
        for path, data in self._read(list(names)):
            self.records += 1
            reason = self._wrong(data, network, layer, names[path])
            if reason is not None:
                self.fault(path, reason)

    def _packed(self, network: str, layer: str) -> None:
        used: set[str] = set()
        folder = folder_of(PACKED, network, layer)
        for path, data in self._read(packs_of(self.place, network, layer)):
            self.packs += 1
            if object_fault(path, data):
                self._rescue(path, network, layer)
                continue
            self._rows(list(texts_in(self.place, path)), network, layer)
            used |= {f"{folder}/{one}{SPRITES}" for one in sprites_in(self.place, path)}
        self.needed |= used
        there = [f"{folder}/{one}" for one in self.place.names(folder) if one.endswith(SPRITES)]
        for path, data in self._read(there):
            reason = object_fault(path, data)
            if reason:
                self.fault(path, reason)
                if path in used:
                    self.again.add((network, layer))
        for path in used - set(there):
            self.fault(path, "it is not there; thumbnails of a pack are on it")
            self.again.add((network, layer))

    def _rows(self, texts: list[str], network: str, layer: str) -> None:
        for text in texts:
            self.records += 1
            name, reason = self._row(text, network, layer)
            if reason is not None:
                self.packed.setdefault((network, layer), {})[name] = text
                self.fault(record_of(network, layer, name), reason, packed=True)

    def _row(self, text: str, network: str, layer: str) -> tuple[str, str | None]:
        """A packed record's id, and what is wrong with it."""
        name = str(record_in(text)["id"])
        return name, self._wrong(f"{text}\n".encode(), network, layer, name)

    def _rescue(self, path: str, network: str, layer: str) -> None:
        """A damaged pack; its records that are whole all the same are kept."""
        whole: dict[str, str] = {}
        for text in texts_left(self.place, path):
            try:
                name, wrong = self._row(text, network, layer)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            self.records += wrong is None
            if wrong is None:
                whole[record_of(network, layer, name)] = text
        self.rescued[path] = whole
        rest = f"; {len(whole)} of its records are whole" if whole else ""
        self.fault(path, f"its content does not fit its hash{rest}")

    def _sealed(self, folder: str, wanted: Mapping[str, str] | None) -> None:
        """Failures, plans of sweeps, descriptions of networks; None for what has no id."""
        names = [f"{folder}/{one}" for one in self.place.names(folder) if one.endswith(".json")]
        for path, data in self._read(names):
            stem = path.rpartition("/")[2].removesuffix(".json")
            reason = sealed_fault(data, path, None if wanted is None else {**wanted, "id": stem})
            if reason is not None:
                self.fault(path, reason)

    def _scans(self) -> None:
        names = self.place.names("scans")
        for done, name in enumerate(names):
            self._say(done, len(names), "scans")
            reason, size = scan_fault(self.place, name)
            self.scans += size > 0
            self.bytes += size
            if reason is not None:
                self.fault(f"scans/{name}", reason)


def layers_of(faults: Mapping[str, Fault]) -> set[tuple[str, str]]:
    """The layers whose records or packs are among the faults."""
    parts = [name.split("/") for name in faults]
    return {(one[1], layer_of(one[2])) for one in parts if one[0] in (RECORDS, PACKED) and len(one) == 4}
