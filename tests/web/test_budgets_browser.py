"""What the pages may cost, as counts: bytes of the bundle, requests, elements. Times are in benchmarks/pages.py."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from web.browser import Visits, Watched, until
from web.gallery import Gallery, many
from web.served import Served, served

import phosphene.web
from phosphene.store.ledger import Ledger
from phosphene.store.place import Place

BUNDLE = 150_000  # bytes, compressed
UNITS = 2000
TILES = 400  # in the page at a time
SHEETS = 4  # requests for 512 thumbnails


@pytest.fixture(scope="module")
def wide_layer(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that only shows a layer of two thousand units."""
    store = tmp_path_factory.mktemp("wide") / "gallery"
    many(gallery, store, UNITS)
    with served(Ledger(Place(str(store)))) as found:
        yield found


@pytest.fixture
def wide(visit: Visits, wide_layer: Served) -> Watched:
    name, _, value = wide_layer.cookie.partition("=")
    cookie = {"name": name, "value": value, "url": wide_layer.url}
    return visit(f"{wide_layer.url}/", [cookie])


def sheets(seen: Watched) -> int:
    return sum("/sheets/" in one for one in seen.asked)


def test_the_bundle_is_small() -> None:
    built = Path(phosphene.web.__file__).parent / "dist"
    files = sorted(one for one in built.rglob("*") if one.is_file())
    assert [one.name for one in files] == ["app.css", "app.js", "icon.svg", "index.html"]
    assert sum(len(gzip.compress(one.read_bytes())) for one in files) <= BUNDLE
    index = (built / "index.html").read_text()
    assert "http:" not in index
    assert "https:" not in index


def test_of_two_thousand_units_only_what_is_seen_is_in_the_page(wide: Watched, gallery: Gallery) -> None:
    page = wide.go(f"#/n/{gallery.net}/wide", ".grid a")
    page.get_by_role("button", name="small").click()
    page.locator("h1").click()
    assert page.get_by_role("grid").get_attribute("aria-rowcount") == str(-(-UNITS // columns(wide)))
    most, shown = 0, set[int]()
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 600):
        page.evaluate(f"scrollTo(0, {top})")
        page.wait_for_timeout(30)
        found = places(wide)
        most = max(most, len(found))
        shown.update(found)
    assert shown == set(range(UNITS)), "every unit is seen on the way"
    assert 50 < most < TILES
    assert sheets(wide) <= SHEETS * -(-UNITS // 512)
    page.keyboard.press("End")
    until(page, f"document.activeElement.dataset.place === '{UNITS - 1}'")
    assert page.evaluate("document.activeElement.getBoundingClientRect().bottom <= innerHeight")
    assert len(places(wide)) < TILES


def columns(seen: Watched) -> int:
    return int(seen.page.get_by_role("grid").get_attribute("aria-colcount") or 0)


def places(seen: Watched) -> list[int]:
    found: list[int] = seen.page.locator(".grid a").evaluate_all("(all) => all.map((one) => Number(one.dataset.place))")
    return found


def test_512_thumbnails_take_few_requests(wide: Watched, gallery: Gallery) -> None:
    page = wide.page
    page.set_viewport_size({"width": 1600, "height": 3600})
    wide.go(f"#/n/{gallery.net}/wide", ".grid a")
    page.get_by_role("button", name="small").click()
    until(page, "document.querySelectorAll('.grid a').length >= 512")
    page.wait_for_load_state("networkidle")
    assert 1 <= sheets(wide) <= SHEETS
    assert not any("/objects/" in one for one in wide.asked), "thumbnails are on sheets"


def test_a_scroll_does_not_ask_for_documents(wide: Watched, gallery: Gallery) -> None:
    page = wide.go(f"#/n/{gallery.net}/wide", ".grid a")
    page.wait_for_load_state("load")
    before = [one for one in wide.asked if "/api/" in one]
    for _ in range(20):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(15)
    assert page.evaluate("scrollY") > 3000
    assert [one for one in wide.asked if "/api/" in one] == before


def test_the_next_unit_is_there_before_it_is_asked_for(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/n/{gallery.net}/mixed4b/3", ".viewer-main img")
    for channel in (4, 5, 6):
        page.wait_for_timeout(600)  # one looks at the picture before one turns the page
        known = list(seen.asked)
        page.keyboard.press("ArrowRight")
        page.get_by_role("heading", level=1, name=f"mixed4b:{channel}", exact=True).wait_for()
        picture = page.locator(".viewer-main img").get_attribute("src")
        assert any(one.endswith(f"units/{channel}") for one in known)
        assert any(one.endswith(picture or "?") for one in known)
