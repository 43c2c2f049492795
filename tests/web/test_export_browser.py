"""The exported pages in a real browser, from a disk, with the network blocked: everything but what needs a server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from web.browser import (
    PHONE,
    Microscope,
    Visits,
    Watched,
    asked,
    awaited,
    complaints,
    drawn,
    removed,
    told,
    until,
    watched,
    wide,
)  # fmt: skip
from web.gallery import LAYERS, Gallery

FOLDER = "my site ünï # 100% ?"


@pytest.fixture(scope="module")
def site(
    browser: Browser, microscope: Microscope, gallery: Gallery, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """The address of an exported folder with an awkward name, and a live job that is in it."""
    with watched(browser, microscope.home, microscope.cookies) as seen:
        seen.go("#/live", "form")
        job = asked(seen, network=gallery.fingerprint, target="mixed4b:9", steps=12)
        awaited(seen.page, lambda: told(seen, f"jobs/{job}")["state"] == "done", "the live picture")
        place = tmp_path_factory.mktemp("export")
        store = Path(shutil.copytree(microscope.store, place / "store"))
        removed(seen, job)
    folder = place / FOLDER
    words = [sys.executable, "-m", "phosphene.cli.main", "export", str(store), str(folder)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == f"open {folder.as_uri()}/index.html"
    shutil.rmtree(store)  # the folder is all there is
    return folder.as_uri() + "/", job


@pytest.fixture
def files(visit: Visits, site: tuple[str, str]) -> Watched:
    return visit(site[0], offline=True)


def test_all_pages_open_from_a_disk(files: Watched, gallery: Gallery) -> None:
    page = files.go("", ".networks a, [data-row]")
    page.get_by_text("exported files").wait_for()
    if page.locator(".networks a").count():
        page.locator(".networks a").first.click()
    page.locator("[data-row]").first.wait_for()
    names = page.locator("[data-row] strong").all_inner_texts()
    assert [name for name in names if name in LAYERS] == list(LAYERS)
    assert drawn(page.get_by_role("main")) >= 6
    assert complaints(page) == []
    page.locator("[data-row]", has_text="mixed4b").first.click()
    page.locator(".grid a").first.wait_for()
    assert drawn(page.get_by_role("grid")) == 12
    assert complaints(page) == []
    page.locator('.grid a[href$="/mixed4b/3"]').click()
    page.locator(".viewer-main img").wait_for()
    assert drawn(page.get_by_role("main")) > 30
    assert complaints(page) == []
    page.keyboard.press("n")
    page.get_by_role("heading", level=1, name="mixed4b:4", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.locator(".grid a").first.wait_for()
    page.keyboard.press("4")
    page.get_by_role("button", name="trust", pressed=True).wait_for()
    page.keyboard.press("x")
    page.get_by_text("1 selected").wait_for()
    assert page.get_by_role("button", name=re.compile("Make")).count() == 0
    page.keyboard.press("C")
    page.locator(".versus-one img").wait_for()


@pytest.mark.parametrize(
    ("route", "ready"),
    [
        ("#/n/{net}", "[data-row]"), ("#/n/{net}/logit?sort=density", ".grid a"),
        ("#/n/{net}/logit/1", ".viewer-main img"), ("#/n/{net}/conv1/12", ".viewer-main img"),
        ("#/n/{net}/conv1/13", ".failures"), ("#/n/{net}/conv1/14", ".say"),
        ("#/compare/{net}:mixed4b:3,{net}:logit:1", ".versus-one img >> nth=1"),
    ],
)  # fmt: skip
def test_every_address_opens_by_itself(files: Watched, gallery: Gallery, route: str, ready: str) -> None:
    page = files.go(route.format(net=gallery.net), ready)
    assert drawn(page.get_by_role("main")) > 0 or ready == ".say"
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.wait_for_timeout(50)
    assert wide(page) == 0


def test_a_picture_that_was_made_live_is_shown(files: Watched, site: tuple[str, str]) -> None:
    page = files.go(f"#/live/{site[1]}", ".live-watch .live-frame img")
    assert drawn(page.locator(".live-watch")) == 1
    page.keyboard.press("Home")
    until(page, "document.querySelector('.live-watch .live-frame img').alt.includes('after 0 steps')")
    assert drawn(page.locator(".live-watch")) == 1
    assert page.get_by_role("button", name="Start").count() == 0
    assert page.get_by_role("button", name=re.compile("Remove|Pause|Stop|Branch|Ask again")).count() == 0
    assert complaints(page) == []


def test_what_needs_a_server_says_so(files: Watched, gallery: Gallery) -> None:
    for route, said in (("#/mixer", "New mixes are made by a server"), ("#/image", "Looking takes a network"),
                        ("#/live", "before this gallery was exported")):  # fmt: skip
        files.go(route).get_by_text(said).first.wait_for()
    files.go(f"#/n/{gallery.net}/conv2/1", ".say")  # nor is a reader told which photos of theirs to scan
    assert files.page.get_by_text("None at hand").count() == 0
    nav = files.page.get_by_role("navigation", name="Pages")
    assert [text.strip() for text in nav.get_by_role("link").all_inner_texts()] == ["Live", "Compare"]
    files.go("#/n/ffffffffffff").get_by_text("No network of this microscope begins with ffffffffffff").wait_for()
