"""What commands share that read a scan: which one, its network, its pictures."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ..errors import BadSpec, UnknownModel
from .output import Paths, uninterrupted

if TYPE_CHECKING:
    from ..faceted import Facets
    from ..models.network import Network
    from ..store.scans import Scan
    from ..unit_sheet import UnitSheet


def scan_arguments(parser: argparse.ArgumentParser) -> None:
    """Which scan, and where its network and pictures are now."""
    group = parser.add_argument_group("scan")
    group.add_argument("--scan", metavar="ID", help="which, if the store has several networks; the beginning will do")
    group.add_argument("--data", metavar="DATA", help="where the pictures are, if not where they were scanned")
    group.add_argument("--model", metavar="MODEL", help="where the network is, if not where it was scanned")
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps")


def write_and_tell(args: argparse.Namespace, found: UnitSheet | Facets, line: str, paths: Paths) -> None:
    """The sheet and its data, written together; its data if they are wanted, ``line``, and where the files are."""
    with uninterrupted():
        found.save(paths.picture)
    if args.json:
        print(json.dumps(found.record(), indent=2))
    if not args.quiet:
        out = sys.stderr if args.json else sys.stdout
        print(line, file=out)
        print(f"sheet {paths.picture}  data {paths.record(1)}", file=out)


def open_scan(args: argparse.Namespace, unit: str) -> tuple[Network, Scan]:
    """The scan that has a unit's layer, and the network that was scanned."""
    from ..address import expand
    from ..objectives import Channel, Layer, Logit, from_text
    from ..scanned import network_of
    from ..store.place import Place
    from ..store.scans import the_scan

    if len(expand(unit)) > 1:
        raise BadSpec(f"{unit} is {len(expand(unit))} units; a sheet is of one")
    target = from_text(unit)
    reads = [layer for _, term in target.terms for layer in term.reads]
    if len(reads) != 1 or not isinstance(target, Channel | Logit):
        hint = f"; add a channel: {unit}:0" if isinstance(target, Layer) else ""
        raise BadSpec(f"a scan knows channels and classes, such as mixed4b:11 or logit:goldfish, not {unit}{hint}")
    scan = the_scan(Place(args.store), reads[0], name=args.scan)
    try:
        return network_of(scan, model=args.model, device=args.device), scan
    except UnknownModel as error:
        hint = "" if args.model is not None else "\nsay where the network is now: --model"
        raise UnknownModel(f"{error}{hint}") from error
