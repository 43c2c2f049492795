"""``phosphene methods``"""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    from ..filters import filters
    from ..images import images
    from ..optimizers import optimizers
    from ..preconditioners import preconditioners
    from ..presets import PRESETS
    from ..transforms import PRESETS as CHAINS
    from ..transforms import transforms

    kinds: dict[str, Any] = {
        "--image": images,
        "--transform": transforms,
        "--filter": filters,
        "--gradient": preconditioners,
    }
    if args.json:
        presets = {
            name: {
                "source": one.source, "differs": one.differs, "steps": one.steps, "views": one.views, "size": one.size,
                "image": images.describe(one.image), "transform": [transforms.describe(s) for s in one.transform.steps],
                "optimizer": optimizers.describe(one.optimizer), "keep": one.keep,
                "gradient": [preconditioners.describe(part) for part in one.gradient],
                "filters": [filters.describe(part) for part in one.filters],
                "penalties": [[weight, str(term)] for weight, term in one.penalties],
            }
            for name, one in PRESETS.items()
        }  # fmt: skip
        print(json.dumps({"presets": presets, **{key: kind.names() for key, kind in kinds.items()}}, indent=2))
        return 0
    print("presets, for --preset and for compare --methods: steps x views of each picture")
    for name, one in PRESETS.items():
        differs = f"; differs: {one.differs}" if one.differs else ""
        text = f"{name:22} {one.steps} x {one.views}  {images.name_of(type(one.image))}. {one.source}{differs}"
        print(textwrap.fill(text, 118, initial_indent="  ", subsequent_indent=" " * 25))
    for option, kind in kinds.items():
        print(f"\n{option}" + (f": {', '.join(CHAINS)}; or steps:" if option == "--transform" else ""))
        for name, entry in kind.items():
            about = " ".join((entry.__doc__ or "").split("\n\n")[0].split())
            options = ",".join(f"{key}=" for key in kind.fields(name))
            print(textwrap.fill(f"{name:22} {about} [{options}]", 118, initial_indent="  ", subsequent_indent=" " * 25))
    return 0
