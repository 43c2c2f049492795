"""``phosphene verify STORE``"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import BadSpec
from .stores import Steps, many, opened, size

if TYPE_CHECKING:
    from ..store.check import Verified

FAULTY, SHOWN = 1, 10
EXAMPLES = """Everything is read and compared with its hash. What is damaged is moved to quarantine/ in the store, with
the records that need it; the next sweep makes them again. Exit code 0: the store is whole; 1: something was damaged.

examples:
  phosphene verify gallery/
  phosphene verify gallery/ --dry-run
  phosphene verify s3://bucket/gallery --prune
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("store", metavar="STORE", help="a folder or a URL")
    parser.add_argument("--dry-run", action="store_true", help="only tell; move nothing")
    parser.add_argument("--prune", action="store_true", help="delete what no record needs, if it is older than an hour")
    parser.add_argument("--json", action="store_true", help="print all that was found as JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but errors; the exit code tells")


def run(args: argparse.Namespace) -> int:
    if args.prune and args.dry_run:
        raise BadSpec("--dry-run deletes nothing; leave out --prune")
    from ..store.check import verify

    ledger = opened(args.store)
    with Steps(args.quiet) as steps:
        found = verify(ledger, repair=not args.dry_run, prune=args.prune, progress=steps)
    if args.json:
        print(json.dumps({**asdict(found), "whole": found.whole}, indent=1))
    elif not args.quiet:
        _tell(found, args.dry_run)
    return 0 if found.whole else FAULTY


def _tell(found: Verified, dry: bool) -> None:
    for fault in found.faults[:SHOWN]:
        print(f"{fault.name}: {fault.reason}")
        if not dry:
            print(f"  now {fault.aside}")
    if len(found.faults) > SHOWN:
        print(f"and {len(found.faults) - SHOWN} more: --json")
    parts = [many(found.records, "record"), many(found.payloads, "picture")]
    parts += [many(count, what) for count, what in ((found.packs, "pack"), (found.scans, "scan")) if count]
    state = "whole" if found.whole else f"{len(found.faults)} damaged"
    print(f"{', '.join(parts)}, {size(found.bytes)}: {state}")
    if found.faults:
        print("what is damaged stays where it is" if dry else "the next sweep makes again what was put aside")
    if found.rescued:
        print(f"{many(found.rescued, 'record')} of damaged packs can be read{'' if dry else ' and are kept'}")
    spare = [(found.orphans, "that no record needs"), (found.leftovers, "left by writes that were cut off")]
    for amount, what in spare:
        if amount.files:
            print(f"{many(amount.files, 'file')} {what} ({size(amount.bytes)}), harmless")
    if found.pruned.files:
        print(f"deleted {many(found.pruned.files, 'file')} of them ({size(found.pruned.bytes)})")
    elif found.orphans.files or found.leftovers.files:
        print(_why_kept(found), file=sys.stderr)


def _why_kept(found: Verified) -> str:
    if found.held:
        return "they stay, for what is in quarantine/ may need them; delete that first"
    return "delete those that are older than an hour: phosphene verify STORE --prune"
