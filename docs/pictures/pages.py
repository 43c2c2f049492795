"""The pictures of docs/microscope.md: ``python docs/pictures/pages.py GALLERY``, from the project's folder.

GALLERY: see make.sh. It needs Playwright and a Chromium (PHOSPHENE_CHROMIUM, or ``chromium`` on the path).
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
WIDE, HIGH = 1280, 860


def keep(page: Page, name: str) -> None:
    """The page as it is seen, as WebP."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(HERE / f"microscope_{name}.webp", quality=82, method=6)


def main(gallery: str) -> None:
    words = ["phosphene", "serve", gallery, "--no-browser", "--port", "0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        link = next(
            found[0] for line in server.stdout or () if (found := re.search(r"http://\S+", line))
        )
        with sync_playwright() as tool:
            path = os.environ.get("PHOSPHENE_CHROMIUM") or shutil.which("chromium")
            browser = tool.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": WIDE, "height": HIGH}, color_scheme="dark")
            page.goto(link)
            page.wait_for_selector("h1")
            base = page.url.partition("#")[0]
            network = re.search(r"#/n/(\w+)", page.url)
            net = network[1] if network else ""

            def opened(route: str) -> None:
                page.goto(f"{base}#{route}")
                page.wait_for_load_state("networkidle")
                page.wait_for_timeout(1000)

            opened(f"/n/{net}/mixed4b")
            keep(page, "layer")
            opened(f"/n/{net}/mixed4b/11")
            keep(page, "unit")
            opened("/image")
            page.locator("input[type=file]").set_input_files(str(HERE / "fish.png"))
            page.wait_for_timeout(4000)
            page.get_by_text("saliency", exact=True).first.click()
            page.wait_for_timeout(6000)
            keep(page, "image")
            opened("/live")
            page.get_by_role("combobox", name="Target").fill("mixed4b:11 + mixed4b:7")
            page.get_by_label("Size").fill("128")
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Start").click()
            page.wait_for_timeout(4000)
            keep(page, "live")
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1])
