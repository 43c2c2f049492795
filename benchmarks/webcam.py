"""How many frames a second of a webcam the image page shows, in a real browser beside its server, on the same cores.

    python -m benchmarks.webcam [MODEL] [--layer mixed4b] [--seconds 10] [--out FILE.json]

The camera is Chromium's own: a moving test picture, 20 times a second, which is then the most that can be shown twice
over. Counted are answers whose picture of what the network was shown has been drawn, second by second, after the first
ones. Needs playwright and the system's Chromium ($PHOSPHENE_CHROMIUM).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .pages import chromium, served

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
WANTED = 5.0  # frames a second
FEW, PATIENCE = 5, 60_000  # frames before it is counted; ms until the first have to be there
COUNT = """
async ([few, seconds]) => {
    const frame = () => new Promise(requestAnimationFrame);
    const input = () => document.querySelector('img[alt$="as the network was shown it"]');
    let before = null, seen = 0;
    const next = async () => {
        while (!input()?.complete || input().src === before) await frame();
        before = input().src;
        seen += 1;
    };
    while (seen < few) await next();
    const counts = [];
    for (let second = 0; second < seconds; second++) {
        const begun = performance.now(), first = seen;
        while (performance.now() - begun < 1000) await next();
        counts.push(1000 * (seen - first) / (performance.now() - begun));
    }
    return counts;
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="miniception")
    parser.add_argument("--layer", default="mixed4b")
    parser.add_argument("--unit", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    unit = f"{args.layer}:{args.unit}"
    rows = []
    print(f"{'unit by':18} {'median':>8} {'worst':>8} {'best':>8}   frames a second; wanted: {WANTED:.0f}")
    with (
        tempfile.TemporaryDirectory() as state,
        served(state, "--model", args.model) as link,
        chromium(*CAMERA) as browser,
    ):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(link)
        page.wait_for_selector("h1")
        for method in (None, "saliency", "guided", "deconv", "gradient_x_input"):
            query = {"layer": args.layer} | ({} if method is None else {"unit": unit, "method": method})
            counts = counted(page, f"{link.partition('?')[0]}#/image?{urlencode(query)}", args.seconds)
            spread = [round(min(counts), 1), round(max(counts), 1)]
            rows.append({"method": method, "per_second": round(statistics.median(counts), 1), "spread": spread})
            print(f"{method or '-':18} {rows[-1]['per_second']:8.1f} {spread[0]:8.1f} {spread[1]:8.1f}", flush=True)
        found: dict[str, Any] = {
            "model": Path(args.model).name, "layer": args.layer, "unit": unit, "cores": os.cpu_count(),
            "seconds": args.seconds, "wanted": WANTED, "browser": browser.version, "frames": rows,
        }  # fmt: skip
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


def counted(page: Any, address: str, seconds: int) -> list[float]:
    """Frames a second that were drawn, in each of so many seconds."""
    page.goto("about:blank")  # no frame of the method before
    page.goto(address)
    page.get_by_role("button", name="Camera", exact=True).click()
    counts: list[float] = page.evaluate(COUNT, [FEW, seconds])
    return counts


if __name__ == "__main__":
    main()
