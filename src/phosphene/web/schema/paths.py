"""Addresses of pictures and data files, relative to the page: the same for the server and for files. No torch.

objects/AB/HASH.KIND                    payloads of the store, by their names in it; pictures alone
sheets/NETWORK/LAYER/HASH.webp          thumbnails
jobs/ID/NAME.png                        pictures of live jobs
data/NETWORK/LAYER/K.js                 units 32 K and the following, of an export

A layer in an address is its ``slug``; ``frontend/src/paths.ts`` has the same.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

OBJECT = re.compile(r"(?P<two>[0-9a-f]{2})/(?P<hash>[0-9a-f]{32})\.(?P<kind>png|webp|jpe?g)")
SHEET = re.compile(r"[0-9a-f]{32}(?:\.webp)?")
IN_A_FILE = 32  # units whose documents an export keeps together


def slug(layer: str) -> str:
    """A layer in an address: letters, digits, ``-_.`` and ``~`` before two hex digits; never ``.`` or ``..``.

    >>> slug("mixed4b"), slug("blocks/0.conv"), slug("..")
    ('mixed4b', 'blocks~2F0.conv', '~2E~2E')
    """
    name = quote(layer, safe="").replace("~", "%7E").replace("%", "~")
    return name if name.strip(".") else name.replace(".", "~2E")


def unslug(name: str) -> str:
    """The inverse.

    >>> unslug(slug("a~b/ü"))
    'a~b/ü'
    """
    return unquote(name.replace("~", "%"))


def sheet_url(network: str, layer: str, name: str) -> str:
    return f"sheets/{network}/{slug(layer)}/{name}.webp"


def job_url(job: str, name: str | int) -> str:
    return f"jobs/{job}/{name}.png"


SITE, JOBS = "data/site.js", "data/jobs.js"


def network_file(network: str) -> str:
    return f"data/{network}.js"


def layer_file(network: str, layer: str) -> str:
    return f"data/{network}/{slug(layer)}.js"


def units_file(network: str, layer: str, chunk: int) -> str:
    """Of units ``IN_A_FILE * chunk`` and the following."""
    return f"data/{network}/{slug(layer)}/{chunk}.js"
