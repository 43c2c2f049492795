"""Every page for everybody: without a mouse, without sight, without much room, without motion."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from web.browser import PHONE, Microscope, Visits, Watched, complaints, drawn, until, wide
from web.gallery import Gallery

MIX = "#/mixer?target=" + quote("mixed4b:3 - 0.5*mixed4b:7")
ROUTES = {
    "networks": ("#/networks", ".networks a"),
    "network": ("#/n/{net}", "[data-row]"),
    "layer": ("#/n/{net}/conv1", ".grid a"),
    "classes": ("#/n/{net}/logit", ".grid a"),
    "a layer with nothing": ("#/n/{net}/conv2", ".say"),
    "unit": ("#/n/{net}/mixed4b/3", ".viewer-main img"),
    "dead": ("#/n/{net}/conv1/12", ".viewer-main img"),
    "failed": ("#/n/{net}/conv1/13", ".failures"),
    "compare": ("#/compare/{net}:mixed4b:3,{net}:conv1:1", ".versus-one img >> nth=1"),
    "nothing to compare": ("#/compare", ".say"),
    "live": ("#/live", "form"),
    "mixer": (MIX, "form"),
    "image": ("#/image", "main button >> nth=1"),
    "nowhere": ("#/nowhere", ".say"),
}


@pytest.mark.parametrize("name", ROUTES)
def test_every_page_is_for_everybody(visit: Visits, microscope: Microscope, gallery: Gallery, name: str) -> None:
    """axe in dark and light, narrow windows, names, and no motion for those who want none."""
    route, ready = ROUTES[name]
    seen = visit(microscope.home, microscope.cookies, color_scheme="dark", reduced_motion="reduce")
    page = seen.go(route.format(net=gallery.net), ready)
    page.wait_for_load_state("networkidle") if name in ("mixer", "image") else None
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert complaints(page) == []
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != dark
    assert complaints(page) == []
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.locator("h1").count() == page.get_by_role("main").count() == 1
    assert page.title().endswith("phosphene")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.wait_for_timeout(50)
    assert wide(page) == 0, "it is scrolled sideways"
    drawn(page.get_by_role("main"))


def has_ring(seen: Watched) -> bool:
    """Whether one sees what has the focus."""
    found: bool = seen.page.evaluate("""() => {
        const one = document.activeElement, style = getComputedStyle(one);
        const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
        return one !== document.body && one.matches(":focus-visible") && (ring || style.boxShadow !== "none");
    }""")
    return found


def test_the_keyboard_is_enough(seen: Watched, gallery: Gallery) -> None:
    page = seen.go()
    keys = page.keyboard
    page.get_by_role("link", name=re.compile("miniception-plain")).wait_for()
    keys.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    assert has_ring(seen)
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    keys.press("Tab")
    assert has_ring(seen)
    keys.press("Enter")
    page.wait_for_selector("[data-row]")
    keys.press("ArrowDown")
    keys.press("j")
    keys.press("ArrowUp")
    assert page.evaluate("document.activeElement.querySelector('strong').textContent") == "conv1"
    assert has_ring(seen)
    keys.press("Enter")
    page.wait_for_selector(".grid a")
    keys.press("ArrowRight")
    keys.press("l")
    keys.press("h")
    assert page.evaluate("document.activeElement.dataset.place") == "1"
    assert has_ring(seen)
    keys.press("x")
    page.get_by_text("1 selected").wait_for()
    keys.press("Enter")
    page.get_by_role("heading", level=1, name="conv1:1", exact=True).wait_for()
    keys.press("n")
    page.get_by_role("heading", level=1, name="conv1:2", exact=True).wait_for()
    keys.press("ArrowRight")
    page.get_by_role("heading", level=1, name="conv1:3", exact=True).wait_for()
    keys.press("p")
    page.get_by_role("heading", level=1, name="conv1:2", exact=True).wait_for()
    keys.press("Shift+?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.wait_for()
    text = dialog.inner_text()
    for what in ("next unit", "unit before", "the layer", "list the keys", "select it, or not"):
        assert what in text
    assert complaints(page) == []
    keys.press("Escape")
    dialog.wait_for(state="hidden")
    keys.press("c")
    page.wait_for_url(f"**/#/compare/{gallery.net}:conv1:2,{gallery.net}:conv1:1")
    page.get_by_role("heading", level=1, name="Compare").wait_for()  # an address is there before its page
    keys.press("Escape")
    page.get_by_role("heading", level=1, name="conv1:2", exact=True).wait_for()
    keys.press("Escape")
    page.wait_for_selector(".grid a")
    until(page, "document.activeElement.dataset.place === '2'")  # where one was
    before = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    colours = set()
    for _ in range(3):
        keys.press("t")
        page.wait_for_timeout(30)
        colours.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert len(colours) == 2
    assert before in colours
    keys.press("Escape")
    page.wait_for_selector("[data-row]")
    keys.press("Escape")
    page.wait_for_url("**/#/networks")
