"""How long the microscope's pages take, in a real browser: from the address or the key to the picture that is drawn.

    python -m benchmarks.pages STORE [--layer conv1] [--repeats 10] [--keys 30] [--out FILE.json]

The store is one of a sweep; it is served as ``phosphene serve STORE --read-only`` does, by a process of its own. Times
are those of the page's clock: of a navigation, or of the key, until the frame after the one in which the picture is
there, decoded. The layer has 512 units, made from the store's first picture. Needs playwright and the system's Chromium
($PHOSPHENE_CHROMIUM).
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

import phosphene.web
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.place import Place

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip
UNITS = 512
LIMITS = {"unit_ms": 1000, "next_ms": 100, "bundle_bytes": 150_000, "sheets": 4}
WATCH = """
const frame = () => new Promise(requestAnimationFrame);
const shown = () => document.querySelector(".viewer-main img");
const there = (image) => image && image.complete && image.naturalWidth > 0;
window.opened = (async () => {
    while (!there(shown())) await frame();
    await frame();
    return performance.now();
})();
window.grown = (async () => {
    let urls = [];
    while (urls.length === 0) {
        await frame();
        const all = [...document.querySelectorAll(".grid .part")].map((one) => one.style.backgroundImage);
        urls = [...new Set(all)].filter((one) => one.includes("sheets/")).map((one) => one.slice(5, -2));
    }
    for (const url of urls) {
        const image = new Image();
        image.src = url;
        await image.decode();
    }
    await frame();
    await frame();
    return performance.now();
})();
window.turned = [];
document.addEventListener("keydown", async (event) => {
    const before = shown().src;
    while (shown()?.src === before || !there(shown())) await frame();
    await frame();
    window.turned.push(performance.now() - event.timeStamp);
}, true);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--layer", default="conv1")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--keys", type=int, default=30)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found: dict[str, Any] = {"cores": os.cpu_count(), "limits": LIMITS, "bundle_bytes": bundle()}
    ledger = Ledger(Place(args.store))
    network = next(one for one in ledger.networks() if args.layer in ledger.layers(one))
    records = [one for one in ledger.records(network, args.layer) if one["kind"] == "positive"]
    units = sorted(one["channel"] for one in records)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        large = grown(ledger, records[0], Path(folder) / "large")
        with served(folder, args.store, "--read-only") as link, context_of(browser, link) as context:
            home = f"{link.partition('?')[0]}#/n/{network[:12]}"
            found["unit_ms"] = said(opened(context, f"{home}/{args.layer}/{units[0]}", "opened", args.repeats))
            found["next_ms"] = said(turned(context, f"{home}/{args.layer}/{units[0]}", args.keys, len(units) - 1))
        with served(folder, str(large), "--read-only") as link, context_of(browser, link) as context:
            home = f"{link.partition('?')[0]}#/n/{network[:12]}"
            found["layer_512_ms"] = said(opened(context, f"{home}/{args.layer}", "grown", args.repeats))
            found["sheets"] = sheets(context, f"{home}/{args.layer}")
    print(f"{'':<14}{'median':>10}{'95 %':>10}{'most':>10}{'limit':>10}")
    for name in ("unit_ms", "next_ms", "layer_512_ms"):
        one = found[name]
        print(f"{name:<14}{one['median']:>10}{one['p95']:>10}{one['spread'][1]:>10}{LIMITS.get(name, '-'):>10}")
    for name in ("bundle_bytes", "sheets"):
        print(f"{name:<14}{found[name]:>10}{'':>20}{LIMITS[name]:>10}")
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


def bundle() -> int:
    """Bytes of what every visit loads, compressed."""
    built = Path(phosphene.web.__file__).parent / "dist"
    return sum(len(gzip.compress((built / name).read_bytes())) for name in ("index.html", "app.js", "app.css"))


def said(times: list[float]) -> dict[str, Any]:
    ordered = sorted(times)
    at = min(len(ordered) - 1, int(0.95 * len(ordered)))
    return {
        "median": round(statistics.median(ordered), 1), "p95": round(ordered[at], 1),
        "spread": [round(ordered[0], 1), round(ordered[-1], 1)], "times": len(ordered),
    }  # fmt: skip


def grown(ledger: Ledger, record: dict[str, Any], store: Path) -> Path:
    """A store with a layer of many units, each with a picture's pixels moved on: no two are the same."""
    picture = Image.open(io.BytesIO(ledger.payload(record, "picture"))).convert("RGB")
    made = Ledger(Place(str(store)), write=True)
    kept = {name: value for name, value in record.items() if name not in ("payloads", "frames")}
    for channel in range(UNITS):
        unit = f"{record['layer']}:{channel}"
        one = {"id": f"{channel:032x}", "channel": channel, "unit": unit, "target": unit, "frames": []}
        buffer = io.BytesIO()
        ImageChops.offset(picture, channel % picture.width, channel // picture.width).save(buffer, "PNG")
        made.put(kept | one, {"picture": Payload(buffer.getvalue())})
    return store


@contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """The system's browser; ``more``: its arguments."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("PHOSPHENE_CHROMIUM") or shutil.which("chromium")
    if path is None:
        sys.exit("no Chromium: install the system's, or say where it is: PHOSPHENE_CHROMIUM=/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGS, *more])
        yield browser
        browser.close()


@contextmanager
def served(state: str, *arguments: str) -> Iterator[str]:
    """``phosphene serve`` as a process, and the link that it prints."""
    words = [sys.executable, "-m", "phosphene.cli.main", "serve", *arguments, "--no-browser", "--port", "0"]
    env = {**os.environ, "XDG_STATE_HOME": state, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            yield next(line.split()[1] for line in process.stdout if line.startswith("open http"))
        finally:
            process.terminate()


@contextmanager
def context_of(browser: Any, link: str) -> Iterator[Any]:
    """A browser that was let in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector("h1")
    page.close()
    context.add_init_script(WATCH)
    yield context
    context.close()


def opened(context: Any, address: str, what: str, repeats: int) -> list[float]:
    """Milliseconds from the navigation of a fresh page; nothing comes from the browser's cache."""
    times = []
    for _ in range(repeats):
        page = context.new_page()
        context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.goto(address)
        times.append(page.evaluate(what))
        page.close()
    return times


def turned(context: Any, address: str, keys: int, there: int) -> list[float]:
    """Milliseconds from the key to the next unit's picture, to the end of the units there are and back."""
    page = context.new_page()
    page.goto(address)
    page.evaluate("opened")
    for number in range(keys):
        page.wait_for_timeout(400)  # one looks at it
        page.keyboard.press("ArrowRight" if number // there % 2 == 0 else "ArrowLeft")
        while page.evaluate("turned.length") <= number:
            page.wait_for_timeout(20)
    times: list[float] = page.evaluate("turned")
    page.close()
    return times


def sheets(context: Any, address: str) -> int:
    """Requests for the thumbnails of a whole layer, seen from its top to its end."""
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.evaluate("grown")
    for _ in range(40):
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(30)
    page.close()
    return sum("/sheets/" in one for one in asked)


if __name__ == "__main__":
    main()
