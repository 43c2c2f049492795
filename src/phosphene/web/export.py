"""The pages of a store as files: they open from a disk and from any web host, without a server. No torch.

Documents are classic scripts that call ``phosphene.put(KEY, DOCUMENT)``, for pages on a disk can load nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, final

from ..errors import StoreError, UnknownLayer, closest
from .live.journal import Journal, names_of
from .pages.published import job_published, layer_published, line_published, unit_published
from .pages.real import last_part
from .pages.shelf import Shelf
from .schema.documents import LayerDoc, LayerLine, NetworkDoc, UnitDoc, UnitLine
from .schema.live_documents import JobDoc
from .schema.paths import IN_A_FILE, JOBS, SITE, job_url, layer_file, network_file, units_file, unslug
from .site import INDEX, Site, front_end

Step = Callable[[int, int, str], None]  # layers done, layers there are, the layer that is next


@final
@dataclass(frozen=True)
class Exported:
    """What was written. ``files`` and ``bytes``: of the whole site; ``written``: files that were not there already;
    ``removed``: files of an earlier export that this one has not. ``lost``: pictures that could not be read; the pages
    leave a gap there."""

    networks: int
    layers: int
    units: int
    jobs: int
    files: int
    bytes: int
    written: int
    removed: int
    lost: int


def export(
    shelf: Shelf,
    jobs: Journal | None,
    target: Path,
    tell: Step | None = None,
    *,
    network: str | None = None,
    layers: Sequence[str] | None = None,
) -> Exported:
    """The pages of a store, with all pictures that they show, into an empty folder or that of an earlier export.

    ``jobs``: live jobs; those that are done are shown. ``network``: only that one; ``layers``: only these, names and
    globs. The same store gives the same files; those that are there already are left as they are. Stopped in the middle
    there is no ``index.html``, and the same again goes on.

    Raises OutputError, BadSpec, UnknownName, UnknownLayer, StoreError for a store with nothing to show.
    """
    pages = front_end()
    site = Site(target, shelf.place)
    chosen = _chosen(shelf, network, layers)
    writer = _Writer(shelf, site, tell, sum(len(one.layers) for one in chosen))
    site.begin()
    for name, data in pages.items():
        if name != INDEX:
            site.put(name, data)
    units = sum(writer.network(one) for one in chosen)
    done = [job for job in jobs.jobs() if job.state == "done"] if jobs is not None else []
    writer.jobs(done, jobs)
    whole = shelf.site()
    lines = {line.id: line for line in whole.networks}
    shown = tuple(
        line_published(replace(lines[one.id], layers=len(one.layers)), shelf.catalog.network(one.id).spec)
        for one in chosen
    )
    writer.document(SITE, "site", asdict(replace(whole, store=last_part(whole.store), networks=shown)))
    site.end(pages[INDEX])
    return Exported(
        len(chosen), writer.done, units, len(done), len(site.files), site.bytes, site.written, site.removed, writer.lost
    )


def _chosen(shelf: Shelf, network: str | None, layers: Sequence[str] | None) -> list[NetworkDoc]:
    """The networks with the layers that are written: those of which there is anything."""
    ids = [one.id for one in shelf.site().networks] if network is None else [shelf.catalog.network(network).id]
    every = [shelf.network(one) for one in ids]
    if layers is not None:
        _check_globs(layers, [line.name for one in every for line in one.layers])
    found = []
    for one in every:
        known = [line for line in one.layers if anything(line)]
        if layers is not None:
            known = [line for line in known if any(matches(word, line.name) for word in layers)]
        if known:
            covers = {tile.sheet for line in known for tile in line.cover}
            sheets = {sheet: size for sheet, size in one.sheets.items() if sheet in covers}
            found.append(replace(one, layers=tuple(known), sheets=sheets))
    if not found:
        url = shelf.place.url
        raise StoreError(f"the store {url} has nothing to show; make some: phosphene sweep MODEL --store {url}")
    return found


def anything(line: LayerLine) -> bool:
    """Whether there is more of a layer than its name."""
    return line.scanned or any((line.asked, line.made, line.failed, line.examples))


def _check_globs(words: Sequence[str], names: Sequence[str]) -> None:
    for word in words:
        if not any(matches(word, name) for name in names):
            raise UnknownLayer(f"no layer matches {word!r}; {closest(word.strip('*'), names)}")


def matches(word: str, name: str) -> bool:
    """Names and globs as for a sweep: ``*`` stays within a part of a name, ``**`` crosses dots.

    >>> matches("mixed*", "mixed4b"), matches("mixed*", "mixed4b.relu"), matches("mixed**", "mixed4b.relu")
    (True, False, True)
    """
    marks = {"**": ".*", "*": "[^.]*", "?": "[^.]"}
    return re.fullmatch(re.sub(r"\*\*|.", lambda one: marks.get(one[0], re.escape(one[0])), word), name) is not None


@final
class _Writer:
    """Documents into a site, and the pictures that they name."""

    def __init__(self, shelf: Shelf, site: Site, tell: Step | None, total: int) -> None:
        self.shelf, self.site, self.tell, self.total = shelf, site, tell, total
        self.done = self.lost = 0

    def document(self, path: str, key: str, data: Any) -> None:
        text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        self.site.put(path, f"phosphene.put({json.dumps(key)},{text});\n".encode())
        for address in addresses(data):
            self._picture(address)

    def _picture(self, address: str) -> None:
        if address in self.site.files:
            return
        what, _, rest = address.partition("/")
        try:
            if what == "objects":
                data = self.shelf.object(rest)
            elif what == "sheets":
                network, layer, name = rest.split("/")
                data = self.shelf.sheet(network, unslug(layer), name)
            else:
                return
        except StoreError:
            self.lost += 1
            return
        self.site.put(address, data)

    def network(self, doc: NetworkDoc) -> int:
        """All of a network; how many units it has."""
        self.document(network_file(doc.id), doc.id, asdict(doc))
        names, spec = [line.name for line in doc.layers], self.shelf.catalog.network(doc.id).spec
        units = 0
        for at, name in enumerate(names):
            if self.tell is not None:
                self.tell(self.done, self.total, name)
            before = names[at - 1] if at else None
            after = names[at + 1] if at + 1 < len(names) else None
            layer = replace(self.shelf.layer(doc.id, name), previous=before, next=after)
            chunks = []
            for chunk, some in self._units(layer):
                shown = [asdict(unit_published(one, spec)) for one in some]
                self.document(units_file(doc.id, name, chunk), f"{doc.id}/{name}/{chunk}", shown)
                chunks.append(chunk)
            layer = layer_published(replace(layer, chunks=tuple(chunks)), spec)  # the pages ask for no others
            self.document(layer_file(doc.id, name), f"{doc.id}/{name}", asdict(layer))
            units += len(layer.units)
            self.done += 1
        return units

    def _units(self, layer: LayerDoc) -> Iterator[tuple[int, list[UnitDoc]]]:
        """Units of which there is anything, as they lie in a file."""
        for chunk in range(-(-len(layer.units) // IN_A_FILE)):
            lines = layer.units[chunk * IN_A_FILE : (chunk + 1) * IN_A_FILE]
            docs = [(line, self.shelf.unit(layer.network, layer.layer, line.channel)) for line in lines]
            some = [doc for line, doc in docs if _says(line, doc)]
            if some:
                yield chunk, some

    def jobs(self, done: Sequence[JobDoc], jobs: Journal | None) -> None:
        """Live jobs with their pictures."""
        self.document(JOBS, "jobs", [asdict(job_published(job)) for job in done])
        for job in done if jobs is not None else ():
            for name in names_of(job):  # never an address that stands in a record: it may say anything
                try:
                    self.site.put(job_url(job.id, name), jobs.picture(job.id, name)) if jobs is not None else None
                except StoreError:
                    self.lost += 1


def _says(line: UnitLine, doc: UnitDoc) -> bool:
    """Whether there is more of a unit than its number."""
    known = (doc.pictures, doc.failures, doc.examples, doc.facets, doc.facts)
    return line.status != "missing" or line.real is not None or any(known)


def addresses(data: Any) -> Iterator[str]:
    """Every address of a picture in a document: what its keys ``url`` and ``sheet`` say, and the keys of ``sheets``."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in ("url", "sheet") and isinstance(value, str):
                yield value
            elif key == "sheets" and isinstance(value, dict):
                yield from value
            elif key not in ("spec", "evidence", "versions", "said"):
                yield from addresses(value)
    elif isinstance(data, list | tuple):
        for one in data:
            yield from addresses(one)
