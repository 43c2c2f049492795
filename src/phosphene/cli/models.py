"""``phosphene models``"""

from __future__ import annotations

import argparse
import json
import textwrap


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    from ..models.sources import sources

    if args.json:
        listing = {name: {"form": s.form, "about": s.about, "names": s.names()} for name, s in sources.items()}
        print(json.dumps(listing, indent=2))
        return 0
    for _, source in sources.items():
        print(f"{source.form}\n    {source.about}")
        names = source.names()
        if len(names) > 2:
            print(textwrap.fill(" ".join(names), width=100, initial_indent="    ", subsequent_indent="    "))
        print()
    print("in Python also any torch.nn.Module: phosphene.load(model, input_size=(3, 64, 64), labels=[...])")
    return 0
