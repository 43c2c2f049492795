"""``phosphene serve``: a store, the networks that are loaded, and a server in front of them.

This file alone puts together what needs torch and what does not; where torch is missing, the rest is served.
"""

from __future__ import annotations

import math
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, final

from ..errors import OutputError, PhospheneError, StoreError
from ..files import why
from ..models.miniception import CARDS
from ..store.about import about_in, put_about
from ..store.ledger import Ledger
from ..store.paths import MARKER
from ..store.place import Place
from .live.journal import Journal
from .live.lock import free
from .pages.catalog import Catalog
from .pages.shelf import Shelf
from .pages.texts import named_text
from .schema.lines import printable
from .server.app import Application, application
from .server.doors import Door, link
from .server.keys import Keys, kept_secret, state_folder
from .server.opening import Opening
from .server.security import Guard, Hosts
from .server.wire import Server

if TYPE_CHECKING:
    from ..models.network import Network

FIRST = "miniception"  # what one sees who names nothing
LARGEST = 3 * 2048**2  # values of a picture that a network is tried at because a store says so
Say = Callable[[str], None]
Load = Callable[[str], "Network"]


@final
@dataclass(frozen=True)
class Wanted:
    """What was asked for. ``store``: None for the user's own. ``models``: addresses of networks to load, each with
    what is said about it."""

    store: str | None = None
    models: tuple[str, ...] = ()
    door: Door = field(default_factory=Door)
    read_only: bool = False
    browser: bool = True


def serve(wanted: Wanted, load: Load, *, show: Say, remark: Say) -> None:
    """Serve until a signal comes. ``show``: gets the links; ``remark``: what else is worth knowing.

    Raises BadSpec, StoreError, OutputError and what loading a network raises, before anything is answered.
    KeyboardInterrupt when Ctrl-C or SIGTERM ended it.
    """
    wanted.door.check()
    with ExitStack() as stack:
        _end_on_term(stack)
        listening = stack.enter_context(wanted.door.listen())
        port = listening.getsockname()[1]
        ledger, writable = the_ledger(wanted, remark)
        alive = writable and _torch(remark) and _alone(ledger.place, remark)
        networks = the_networks(ledger, wanted.models, load, remark) if alive else {}

        def tell(word: str) -> None:
            show(f"open {link(wanted.door.host, port, word)}")

        keys = Keys(_secret(remark), port, token=wanted.door.token, tell=tell)
        guard = Guard(keys, Hosts.of(port, wanted.door.host, wanted.door.names))
        app = assembled(ledger, networks, guard, stack)
        opening = Opening()
        stack.callback(opening.close)

        def ready() -> None:
            show(f"the microscope on {ledger.place.url}; Ctrl-C ends it")
            keys.remind()
            if not wanted.door.inside:
                show(f"other machines: http://NUMBER:{port}/?token=TOKEN, with the number of this machine and the "
                     "--token; under a name with --allow-host. What is sent can be read on the way")  # fmt: skip
            if wanted.browser:
                opening.open(link(wanted.door.host, port, keys.once()))

        Server(app, listening, ready).serve_here()


def assembled(
    ledger: Ledger, networks: Mapping[str, Network], guard: Guard, stack: ExitStack, *, waiting: int = 32
) -> Application:
    """The application on a store and the networks that are loaded, by fingerprint; ``stack`` closes what it opened.

    ``waiting``: jobs that may wait; more are refused.
    """
    if not networks:
        return application(Shelf(ledger), guard=guard, journal=Journal(ledger.place))
    from ..store.scans import find
    from ..sweeps.described import about_of
    from .live.desk import Desk
    from .look.eye import Eye
    from .words import Words

    abouts = [about_of(network) for network in networks.values()]
    for about in abouts:
        with suppress(OutputError):  # for those who only show it, and for the export
            if not _told(ledger.place, about.fingerprint):
                put_about(ledger.place, about)
    shelf = Shelf(ledger, abouts)
    eye = Eye(networks, lambda fingerprint: find(ledger.place, fingerprint=fingerprint))
    stack.callback(eye.close)
    words = Words(networks)
    desk = Desk(ledger.place, networks, waiting=waiting)  # last: it begins to use the networks
    stack.callback(desk.close)
    return application(shelf, guard=guard, desk=desk, eye=eye, words=words, live=networks)


def _told(place: Place, fingerprint: str) -> bool:
    """Whether the store has a description of a network, which is of how its pictures there were made."""
    try:
        return about_in(place, fingerprint) is not None
    except StoreError:
        return False


def the_ledger(wanted: Wanted, remark: Say) -> tuple[Ledger, bool]:
    """The store, and whether new pictures go into it. StoreError where there is none, and none is to be begun."""
    if wanted.store is None:
        place = Place(str(state_folder() / "microscope"))
    else:
        place = Place(wanted.store)
        if not (place.has(MARKER) or place.names("scans") or place.names("live")):
            _may_begin(place, bool(wanted.models) and not wanted.read_only)
    if wanted.read_only:
        return Ledger(place), False
    try:
        return Ledger(place, write=True), True
    except OutputError as error:
        if wanted.models or wanted.store is None:
            raise
        remark(f"{error}; as with --read-only, no new pictures")
        return Ledger(place), False


def _may_begin(place: Place, wanted: bool) -> None:
    """Refuse a place that is no store, unless one is to be begun in it: an empty folder, or none yet."""
    if place.local is not None and place.local.is_file():
        raise StoreError(f"{place.url} is a file; name a store, which is a folder, or a new folder")
    if place.names():
        raise StoreError(f"{place.url} is no store: other things are in it; name a store, or a new folder")
    if place.url in CARDS:
        raise StoreError(f"{place.url} is a network: phosphene serve --model {place.url}")
    if not wanted:
        raise StoreError(
            f"there is no store {place.url}; to begin one there, say whose: phosphene serve {place.url} --model {FIRST}"
        )


def the_networks(ledger: Ledger, models: tuple[str, ...], load: Load, remark: Say) -> dict[str, Network]:
    """The networks that are loaded, by fingerprint: those that were named, and those of the store that ship with us.

    Nothing is ever loaded because a store's records name it, but what is part of phosphene.
    """
    shown = _shown(ledger)
    ours = tuple(name for name in CARDS if any(spec["address"] == name for spec in shown.values()))
    networks: dict[str, Network] = {}
    for address in dict.fromkeys((*models, *ours)) if models or shown else (FIRST,):
        network = load(address)
        if address in models:
            network = _sized(network, shown.get(network.fingerprint, {}), address, load, remark)
        if address in models or not shown or network.fingerprint in shown:
            networks.setdefault(network.fingerprint, network)
        _count_labels(network, remark)
    for fingerprint, spec in shown.items():
        if fingerprint not in networks:
            remark(f"{spec['address']} ({fingerprint[:8]}) is only shown; to make new pictures of it: "
                   f"--model {named_text(spec)}")  # fmt: skip
    return networks


def _sized(network: Network, spec: Mapping[str, Any], address: str, load: Load, remark: Say) -> Network:
    """The network as the store's pictures of it were made: at that size, unless another was said."""
    size = _size_of(spec)
    if network.spec.input_size is not None or size in (None, network.preprocessing.size):
        return network
    text = ",".join(map(str, size or ()))
    remark(f"{network.name} is taken at {text}, as its pictures here were made; otherwise say --input-size")
    return load(f"{address} --input-size {text}")


def _size_of(spec: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The size that a store says a network was given, if it may be tried: anybody may have written it."""
    said = spec.get("input_size")
    sound = isinstance(said, list | tuple) and len(said) == 3 and all(type(one) is int and one > 0 for one in said)
    return tuple(said) if said and sound and math.prod(said) <= LARGEST else None


def _count_labels(network: Network, remark: Say) -> None:
    if network.labels is None:
        return
    with suppress(PhospheneError):  # without classes nobody asks for their names
        if len(network.labels) != network.classes:
            remark(f"{network.name} has {network.classes} classes but {len(network.labels)} labels, so names may be "
                   "those of other classes; give a name for each: --labels FILE")  # fmt: skip


def _shown(ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """The networks of which a store has anything, and where they come from as it says it: see ``ModelSpec``."""
    filed = set(ledger.networks())
    return {
        one.id: {**one.spec, "address": printable(one.spec["address"])}
        for one in Catalog(ledger).networks().values()
        if one.id in filed or one.scans
    }


def _torch(remark: Say) -> bool:
    if find_spec("torch") is not None:
        return True
    remark("torch is not installed: what is there is shown, no new pictures; install it: pip install torch")
    return False


def _alone(place: Place, remark: Say) -> bool:
    if free(place):
        return True
    remark(f"another phosphene serve makes the pictures of {place.url}; here they are only shown")
    return False


def _secret(remark: Say) -> bytes:
    try:
        return kept_secret(state_folder())
    except OSError as error:
        remark(f"cannot keep a secret in {state_folder()} ({why(error)}); open pages will need a new link next time")
        return secrets.token_bytes(32)


def _end_on_term(stack: ExitStack) -> None:
    """SIGTERM ends as Ctrl-C does: work is noted first."""
    if threading.current_thread() is not threading.main_thread():
        return

    def stop(_: int, __: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    stack.callback(signal.signal, signal.SIGTERM, before)
