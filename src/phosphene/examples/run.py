"""The pass over a dataset: resumable after a kill at any moment, in shards that merge to the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from ..address import OUTPUT
from ..data import Pictures, open_pictures
from ..errors import BadSpec, OutOfMemory, StoreError
from ..models.network import Network, first_line, out_of_memory
from ..models.origins import all_twins
from ..store.parts import packed, unpacked
from ..store.place import Place
from ..store.plan import Plan
from ..store.scans import RECORD, Scan, folder_of, part_of, rewritten
from .choose import tracks_of
from .feed import Chunk, feed, workers_for
from .finish import finish
from .glance import Glance
from .part import Part
from .tally import Seen

EVERY = 30.0  # seconds between two writings of what is known


@final
@dataclass(frozen=True)
class ScanProgress:
    """``done`` of ``total`` pictures, those of earlier runs too; ``skipped`` of them; ``rate``: pictures a second."""

    done: int
    total: int
    skipped: int
    rate: float


def scan(
    network: Network,
    data: Any,
    *,
    store: str | Path,
    layers: Sequence[str] | None = None,
    k: int = 9,
    many: int = 256,
    sample: int = 1024,
    batch: int = 64,
    limit: int | None = None,
    size: tuple[int, int] | None = None,
    shard: tuple[int, int] = (1, 1),
    workers: int | None = None,
    every: float = EVERY,
    progress: Callable[[ScanProgress], None] | None = None,
) -> Scan | None:
    """One pass over real pictures for all units of all chosen layers; goes on where it stopped.

    ``data``: a folder, Parquet files, tars of WebDataset, ``hf:NAME`` or a sequence of pictures. ``store``: a folder or
    a URL. ``layers``: names and globs; by default what one would look into, and the logits. ``k``: pictures kept at
    each end of each unit; ``many`` at the upper end. ``sample``: pictures whose values are all kept. ``limit``: only
    the first so many. ``size``: height and width that the network sees. ``shard``: ``(i, n)``, the i-th of n parts,
    which ``merge`` puts together; then None comes back.

    Raises BadSpec, UnknownLayer, StoreError, OutputError, OutOfMemory, ModelError.
    """
    if not isinstance(network, Network):
        raise BadSpec(
            f"a scan needs a network from ph.load, not a {type(network).__name__}: ph.load(model, input_size=...)"
        )
    if not (isinstance(shard, tuple) and len(shard) == 2) or not every >= 0:
        raise BadSpec(f"shard is (i, n) and every is seconds from 0 up, not {shard!r} and {every!r}")
    pictures = open_pictures(data)
    plan = plan_of(network, pictures, layers, k=k, many=many, sample=sample, batch=batch, limit=limit, size=size)
    numbers, place, width = plan.shard(*shard), Place(str(store)), workers_for(workers, network.device)
    place.check()
    if place.has(f"{folder_of(plan.id)}/{RECORD}"):
        return _known(Scan(place, plan.id), plan, pictures)
    running = _Running(network, pictures, plan, place, part_of(plan.id, *shard), numbers, every, progress)
    part = running.run(width)
    if not part.tally.pictures and shard == (1, 1):
        raise BadSpec(f"none of the {plan.pictures} pictures of {plan.source} can be read; "
                      f"the first: {next(iter(part.skipped.values()))[1]}")  # fmt: skip
    if shard[1] > 1:
        return None
    made = finish(place, plan, [part])
    made.data = pictures
    return made


def _known(scan: Scan, plan: Plan, pictures: Pictures) -> Scan:
    """A scan that is there already; where its pictures and network are now is put down anew."""
    if (scan.plan.source, scan.plan.model) != (plan.source, plan.model):
        scan = rewritten(scan, plan)
    scan.data = pictures
    return scan


def plan_of(
    network: Network,
    pictures: Pictures,
    layers: Sequence[str] | None,
    *,
    limit: int | None = None,
    size: tuple[int, int] | None = None,
    **numbers: int,
) -> Plan:
    """What would be scanned, checked against the network."""
    channels, *own = network.preprocessing.size
    if size is not None and not (isinstance(size, tuple) and len(size) == 2 and min(size) > 0):
        raise BadSpec(f"size is (height, width) in pixels from 1 up, not {size!r}")
    size = size if size is not None else (own[0], own[1])
    if network.preprocessing.fixed and size != tuple(own):
        raise BadSpec(f"{network.name} takes pictures of {own[0]} x {own[1]} only, not {size[0]} x {size[1]}")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise BadSpec(f"limit must be a whole number from 1 up, not {limit!r}")
    tracks = tracks_of(network, layers, size)
    if not tracks:
        raise BadSpec(f"{network.name} has no layer to scan by default, and no classes; name some: --layers")
    return Plan(
        model=asdict(network.spec),
        fingerprint=network.fingerprint,
        source=pictures.source,
        data=pictures.fingerprint,
        pictures=min(len(pictures), limit or len(pictures)),
        shape=(channels, *size),
        tracks=tracks,
        **numbers,
    )


def _twins(network: Network, plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each unit's most similar sibling by incoming weights, -1 where there is none, and the cosine."""
    found = all_twins(network, [track.name for track in plan.tracks if track.name != OUTPUT])
    none = np.zeros(0, np.int64), np.zeros(0, np.float32)
    rows = [found.get(t.name, (np.full(t.channels, -1), np.full(t.channels, np.nan, np.float32))) for t in plan.tracks]
    places, cosines = zip(*([none, *rows]), strict=True)
    return np.concatenate(places), np.concatenate(cosines)


class _Running:
    """One shard on its way: what is known, how far it is, when it was last written."""

    def __init__(self, network: Network, pictures: Pictures, plan: Plan, place: Place, name: str, numbers: range,
                 every: float, progress: Callable[[ScanProgress], None] | None) -> None:  # fmt: skip
        self.network, self.pictures, self.plan, self.place = network, pictures, plan, place
        self.name, self.numbers, self.every, self.progress = name, numbers, every, progress
        self.part = self._resumed() or Part.empty(plan, numbers, _twins(network, plan))
        self.whole = True  # between two batches: what is known can be written
        self.sampled = torch.from_numpy(plan.sampled)
        self.written = self.begun = time.monotonic()
        self.before = self._done

    @property
    def _done(self) -> int:
        return self.part.tally.pictures + len(self.part.skipped)

    def _resumed(self) -> Part | None:
        """What an earlier run left; None if that is nothing, or damaged: then it begins anew."""
        try:
            part = Part.of(*unpacked(self.place.read(self.name), self.name))
        except StoreError:
            return None
        return part if part.last == self.numbers.stop and part.first == self.numbers.start else None

    def run(self, workers: int) -> Part:
        """To the end, or to Ctrl-C; what is known is written either way."""
        try:
            with self.network.frozen(), Glance(self.network, self.plan) as glance:
                for chunk in feed(self.pictures, self.plan, range(self.part.next, self.numbers.stop), workers):
                    self._count(chunk, glance)
                    if time.monotonic() - self.written >= self.every:
                        self._write()
                    self._tell()
        except (RuntimeError, MemoryError) as error:
            if "DataLoader worker" in str(error):  # killed by the system, most often for memory
                raise OutOfMemory(
                    f"a process that decodes pictures died ({first_line(error)}); choose fewer --workers; "
                    "the same command goes on from what was saved"
                ) from error
            if not out_of_memory(error):
                raise
            raise OutOfMemory(
                f"{self.plan.batch} pictures at once do not fit in memory ({first_line(error)}); "
                "choose a smaller --batch"
            ) from error
        except KeyboardInterrupt:
            if self.whole:  # else a batch is half counted, and what was written last stands
                self._write()
            raise
        self._write()
        return self.part

    def _count(self, chunk: Chunk, glance: Glance) -> None:
        numbers = torch.tensor(self.plan.chunk(chunk.number))
        part = self.part
        good = torch.tensor([row not in chunk.skipped for row in range(len(numbers))])
        if bool(good.any()):
            pictures = torch.from_numpy(chunk.pixels).to(self.network.device).permute(0, 3, 1, 2).contiguous()
            seen = glance(pictures.float() / 255, numbers)
            seen = Seen(*(values[good] for values in (seen.max, seen.mean, seen.point, seen.where)))
            self.whole = False
            part.tally.add(seen, numbers[good])
            chosen = torch.isin(numbers[good], self.sampled)
            part.sample.append(numbers[good][chosen], seen.max[chosen], seen.mean[chosen])
        self.whole = False
        for row, reason in chunk.skipped.items():
            number = int(numbers[row])
            part.skipped[number] = (self.pictures.name(number), reason)
        part.next = chunk.number + 1
        self.whole = True

    def _write(self) -> None:
        self.place.write(self.name, packed(*self.part.content()))
        self.written = time.monotonic()

    def _tell(self) -> None:
        if self.progress is None:
            return
        first = self.numbers.start * self.plan.batch
        total = min(self.numbers.stop * self.plan.batch, self.plan.pictures) - first
        spent = max(time.monotonic() - self.begun, 1e-9)
        self.progress(ScanProgress(self._done, total, len(self.part.skipped), (self._done - self.before) / spent))


def merge(stores: Sequence[str | Path], *, into: str | Path | None = None) -> list[Scan]:
    """Put the shards of scans together, from one store or several; into the first unless another is named.

    Raises StoreError when there are none, or when some of a scan are missing: it names them.
    """
    places = [Place(str(store)) for store in stores]
    target = Place(str(into)) if into is not None else places[0]
    found: dict[str, dict[tuple[int, int], Part]] = {}
    for place in places:
        for name in place.names("scans"):
            for file in place.names(f"{folder_of(name)}/parts"):
                path = f"{folder_of(name)}/parts/{file}"
                part = Part.of(*unpacked(place.read(path), path))
                known = found.setdefault(name, {}).get((part.first, part.last))
                if known is None or known.next < part.next:
                    found[name][part.first, part.last] = part
    if not found:
        raise StoreError(f"no shards of a scan in {', '.join(map(str, stores))}; scan with --shard 1/N to N/N first")
    target.check()
    made, reasons = [], []
    for parts in found.values():
        try:
            made.append(_merged(target, list(parts.values())))
        except StoreError as error:  # a scan that is not complete must not hold up those that are
            reasons.append(error)
    if not made:
        raise reasons[0]
    return made


def _merged(place: Place, parts: list[Part]) -> Scan:
    """One scan of its shards; a shard of another division that covers the same is left out."""
    plan = parts[0].plan
    ways: dict[int, list[Part]] = {0: []}  # batches from the first on -> shards that cover them, each once
    for part in sorted((p for p in parts if p.next == p.last), key=lambda p: (p.first, p.last)):
        if part.first in ways and part.last not in ways:
            ways[part.last] = [*ways[part.first], part]
    at = max(ways)
    if at < plan.chunks:
        last = plan.pictures - 1
        raise StoreError(
            f"the scan of {plan.model['address']} lacks pictures {min(at * plan.batch, last)} and following "
            f"(of {plan.pictures}): run the shards that are missing, or go on with those that were stopped"
        )
    if not any(part.tally.pictures for part in ways[at]):
        raise StoreError(f"none of the {plan.pictures} pictures of the scan of {plan.model['address']} could be read")
    return finish(place, plan, ways[at])
