"""Network, layer, unit and compare in a real browser: they show what the store holds, to everybody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples.planted import network as planted
from store.shelf import NETWORK, put, record
from web.browser import Visits, Watched, asked, awaited, drawn, opened, removed, told, until
from web.gallery import DEAD, DIVERSE, ERROR, FAILED, FRAMES, LAYERS, MADE, MISSING, PHOTOS, STEPS, Gallery

from phosphene.spec import digest
from phosphene.store.about import put_about
from phosphene.store.ledger import Ledger
from phosphene.store.place import Place
from phosphene.sweeps.described import about_of
from phosphene.web.export import export
from phosphene.web.pages.shelf import Shelf


def channels(seen: Watched) -> list[int]:
    """The channels of the grid's tiles in the order in which they are shown."""
    cells = seen.page.locator(".grid a[data-place]").evaluate_all(
        "(all) => all.map((one) => [Number(one.dataset.place), Number(one.href.split('/').pop())])"
    )
    return [channel for _, channel in sorted(cells)]


def test_several_networks_are_chosen_from(seen: Watched, gallery: Gallery) -> None:
    page = seen.go()
    page.get_by_role("link", name=re.compile("miniception-plain")).wait_for()
    made = sum(one["kind"] in ("positive", "negative", "diverse") for layer in LAYERS for one in gallery.records(layer))
    first = page.get_by_role("main").get_by_role("link").first
    assert f"{made} pictures" in first.inner_text()
    first.click()
    page.get_by_role("heading", level=1, name="miniception", exact=True).wait_for()
    assert page.url.endswith(f"#/n/{gallery.net}")


def test_a_network_shows_its_layers_and_how_much_is_done(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/n/{gallery.net}", "[data-row]")
    text = page.get_by_role("main").inner_text()
    assert "64 × 64 px, 3 channels" in text
    assert f"{PHOTOS} real pictures of photos" in text
    rows = {row.locator("strong").inner_text(): row for row in page.locator("[data-row]").all()}
    names = list(rows)
    assert [name for name in names if name in LAYERS] == list(LAYERS), "the layers are in the order of the forward"
    assert "map 32 × 32 · sees 5 × 5 px" in rows["conv1"].inner_text()
    assert "32 units" in rows["conv1"].inner_text()
    assert "vector" in rows["logit"].inner_text()
    assert "13 of 32 made, 1 failed" in rows["conv1"].inner_text()
    assert f"{len(MADE)} of 192 made" in rows["mixed4b"].inner_text()
    assert "nothing made" in rows["conv2"].inner_text()
    assert drawn(rows["mixed4b"]) == 6
    page.keyboard.press("a")
    page.locator("[data-row]").nth(len(names) + 5).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("mixed4b")
    until(page, "document.querySelectorAll('[data-row]').length < 40")
    assert all("mixed4b" in name for name in page.locator("[data-row] strong").all_inner_texts())


@pytest.mark.parametrize("layer", ["conv1", "logit"])
def test_a_layer_shows_every_unit_and_its_orders_order(seen: Watched, gallery: Gallery, layer: str) -> None:
    page = seen.go(f"#/n/{gallery.net}/{layer}", ".grid a")
    page.set_viewport_size({"width": 1280, "height": 2600})  # all of it is in view
    units = told(seen, f"models/{gallery.net}/layers/{layer}")["units"]
    until(page, f"document.querySelectorAll('.grid a').length === {len(units)}")
    assert channels(seen) == list(range(len(units)))
    assert drawn(page.locator(".grid")) == sum(unit["tile"] is not None for unit in units) >= len(MADE)

    def values(order: str) -> Any:
        """As a key for sorting; what is unknown is last."""

        def key(unit: dict[str, Any]) -> tuple[float, float, float]:
            first, second = {
                "density": (unit["density"], 0), "maximum": (unit["maximum"], 0),
                "trust": (unit["percentile"], unit["rank"]), "similarity": (unit["alike"], 0), "index": (0, 0),
            }[order]  # fmt: skip
            sign = 1 if order in ("similarity", "index") else -1
            unknown = float("inf")
            return (unknown if first is None else sign * first, unknown if second is None else second, unit["channel"])

        return key

    for number, order in enumerate(("index", "density", "maximum", "trust", "similarity"), 1):
        page.keyboard.press(str(number))
        page.get_by_role("button", name=order, pressed=True).wait_for()
        expected = [unit["channel"] for unit in sorted(units, key=values(order))]
        assert channels(seen) == expected, order
    assert expected != sorted(expected), "the last order is one"
    page.keyboard.press("r")
    page.get_by_role("button", name="turned round", pressed=True).wait_for()
    assert channels(seen) == expected[::-1]


def test_a_layer_is_filtered_and_says_what_is_not_there(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/n/{gallery.net}/conv1", ".grid a")
    grid = page.get_by_role("grid")
    for channel, word in ((DEAD, "dead"), (FAILED, "failed"), (MISSING, "not made")):
        cell = grid.locator(f'a[href$="/conv1/{channel}"]')
        assert cell.count() == 1
        assert word in cell.inner_text(), "it is to be seen"
        name = cell.evaluate("(one) => one.ariaLabel ?? one.textContent")
        assert f"conv1:{channel}" in name, "a screen reader tells which it is"
        assert word in name, "and what it lacks"
    assert grid.locator(f'a[href$="/conv1/{FAILED}"]').get_attribute("title") == ERROR
    page.get_by_label("show").select_option("failed")
    until(page, "document.querySelectorAll('.grid a').length === 1")
    assert channels(seen) == [FAILED]
    assert "state=failed" in page.url
    page.keyboard.press("]")
    page.wait_for_url("**/conv2")
    page.get_by_text("No unit of this layer has a picture yet").wait_for()
    seen.go(f"#/n/{gallery.net}/logit", ".grid a")
    page.keyboard.press("/")
    page.keyboard.type("terrier")
    until(page, "document.querySelectorAll('.grid a').length < 5")
    assert all("terrier" in text for text in page.locator(".grid a").all_inner_texts())
    page.keyboard.type(" zebra crossing")
    page.get_by_text("No unit matches").wait_for()
    page.get_by_role("button", name="Show all").click()
    page.locator(".grid a").nth(20).wait_for()


def test_units_are_selected_kept_and_compared(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/n/{gallery.net}/conv1", ".grid a")
    page.locator('.grid a[href$="/conv1/1"]').click(modifiers=["Control"])
    page.locator('.grid a[href$="/conv1/3"]').click(modifiers=["Shift"])
    page.get_by_text("3 selected").wait_for()
    assert page.get_by_role("gridcell", selected=True).count() == 3
    page.reload()
    page.get_by_text("3 selected").wait_for()
    page.get_by_role("region", name="Selected units").get_by_role("link", name="Compare").click()
    page.locator(".versus-one").nth(2).wait_for()
    assert page.locator(".versus-one h2").all_inner_texts() == ["conv1:1", "conv1:2", "conv1:3"]
    page.get_by_role("button", name="Remove conv1:2").click()
    until(page, "document.querySelectorAll('.versus-one').length === 2")
    assert page.url.endswith(f"#/compare/{gallery.net}:conv1:1,{gallery.net}:conv1:3")


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def test_a_unit_shows_all_that_is_known(seen: Watched, gallery: Gallery) -> None:
    record, negative = (gallery.record("mixed4b", 3, kind) for kind in ("positive", "negative"))
    page = seen.go(f"#/n/{gallery.net}/mixed4b/3", ".viewer-main img")
    main = page.get_by_role("main")
    picture = main.locator(".viewer-main img")

    def shown() -> bytes:
        return page.context.request.get(seen.home + (picture.get_attribute("src") or "")).body()

    assert picture.get_attribute("alt").startswith("positive picture optimised for mixed4b:3, score ")
    assert shown() == gallery.ledger().payload(record, "picture"), "the picture is the one of the store, untouched"
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] == box["height"] == 512, "a whole multiple of 64"
    buttons = main.get_by_role("list", name="All pictures of this unit").get_by_role("button")
    assert [text.strip() for text in buttons.all_inner_texts()] == [
        "positive", "negative", *(f"diverse {row + 1}" for row in range(DIVERSE))]  # fmt: skip
    main.get_by_role("region", name="How it came to be").scroll_into_view_if_needed()
    slider = main.get_by_label("Step", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    frame = main.get_by_role("img", name="positive picture after 0 steps")
    frame.wait_for()
    assert slider.get_attribute("max") == str(len(FRAMES))
    for step in (*FRAMES[1:], None):
        page.keyboard.press("ArrowRight")
        name = "positive picture optimised" if step is None else f"positive picture after {step} steps"
        main.get_by_role("img", name=re.compile(name)).wait_for()
    trust = main.get_by_role("region", name="How far to trust it").inner_text()
    evidence = record["evidence"]
    assert f"{evidence['rank']} of {evidence['siblings']}" in trust
    assert f"{evidence['natural']['ratio']:.3g} ×" in trust
    assert f"{PHOTOS} real pictures" in trust
    real = main.get_by_role("region", name="Real pictures", exact=True)
    assert real.locator(".real").count() == 18, "nine on top, nine at the bottom"
    assert real.locator(".sees").count() > 0
    page.locator("h1").click()
    page.keyboard.press("f")
    real.locator(".heat").first.wait_for()
    spectrum = main.get_by_role("region", name="Activation spectrum")
    values = [number(text) for text in spectrum.locator(".real strong").all_inner_texts()]
    assert len(values) >= 5
    assert values == sorted(values)
    spectrum.get_by_text("The histogram as a table").click()
    bars = told(seen, f"models/{gallery.net}/layers/mixed4b/units/3")["facts"]["shares"]
    assert spectrum.locator("tbody tr").count() == spectrum.locator("rect").count() == len(bars)
    assert main.get_by_role("region", name="Neighbours").get_by_role("link").count() > 3
    facts = main.get_by_role("region", name="Where it comes from").inner_text()
    for word in (gallery.fingerprint, record["id"], "mixed4b:3", "fourier", "phosphene render", "ph.render("):
        assert word in facts
    assert f"steps\n{STEPS}" in facts
    assert drawn(main) > 30
    page.keyboard.press("2")
    main.get_by_role("img", name=re.compile("negative picture optimised for mixed4b:3")).wait_for()
    assert shown() == gallery.ledger().payload(negative, "picture")
    with page.expect_download() as download:
        page.keyboard.press("d")
    assert download.value.suggested_filename == "miniception-mixed4b-3-negative.png"


def test_facets_stand_beside_their_real_pictures(seen: Watched, gallery: Gallery) -> None:
    found = next(
        one for one in gallery.records("logit") if one["kind"] == "facets" and len(one["facets"]["facets"]) > 1
    )
    page = seen.go(f"#/n/{gallery.net}/logit/{found['channel']}", ".facets li")
    facets = page.get_by_role("region", name="Facets")
    assert facets.locator(".facets > li").count() == len(found["facets"]["facets"])
    assert drawn(facets) > 2 * len(found["facets"]["facets"])


def test_a_unit_without_real_pictures_says_how_to_get_some(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/n/{gallery.net}/conv2/1", ".say")
    real = page.get_by_role("region", name="Real pictures")
    command = real.get_by_role("code").inner_text()
    assert re.fullmatch(r"phosphene sweep \S+ --store \S+ --layers conv2 --units 1 --data photos/", command)
    assert real.get_by_role("button", name="Copy sweep command").count() == 1
    seen.go(f"#/n/{gallery.net}/mixed4b/3", ".viewer-main img")
    assert page.get_by_text("None at hand").count() == 0


@pytest.mark.parametrize(
    ("channel", "said"),
    [(DEAD, "∅ dead"), (FAILED, ERROR), (MISSING, "No picture of this unit yet")],
)
def test_what_is_not_there_is_said(seen: Watched, gallery: Gallery, channel: int, said: str) -> None:
    page = seen.go(f"#/n/{gallery.net}/conv1/{channel}", ".section")
    page.get_by_text(said).first.wait_for()
    if channel != DEAD:
        page.get_by_role("button", name="Make it now").wait_for()


def test_a_filter_that_leaves_nothing_is_left_by_escape(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/n/{gallery.net}/mixed4b", ".grid a")
    page.keyboard.press("/")
    page.keyboard.type("no such unit")
    page.get_by_text("No unit matches").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    until(page, "document.activeElement.dataset.place === '0'")
    page.keyboard.press("ArrowRight")
    until(page, "document.activeElement.dataset.place === '1'")


def test_addresses_of_nothing_say_so(seen: Watched, gallery: Gallery) -> None:
    seen.expect("404")
    for route, said in (("#/n/ffffffffffff", "No network of this microscope begins with ffffffffffff"),
                        (f"#/n/{gallery.net}/mixed9z", "no layer 'mixed9z'"),
                        (f"#/n/{gallery.net}/conv1/99", "has no unit 99; it has 0 to 31"),
                        (f"#/n/{gallery.net}/conv1/x", "ends in its number"),
                        ("#/live/ffffffffffff", "No such job"), ("#/nowhere", "There is no page nowhere")):  # fmt: skip
        seen.go(route).get_by_text(said).first.wait_for()


def test_units_of_two_networks_stand_side_by_side(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/compare/{gallery.net}:mixed4b:3,{gallery.net}:conv1:1", ".versus-one img >> nth=1")
    columns = page.locator(".versus-one")
    assert columns.locator("h2").all_inner_texts() == ["mixed4b:3", "conv1:1"]
    score = gallery.record("mixed4b", 3)["score"]["clean"]
    assert f"{score:.3g}" in columns.first.inner_text()
    assert drawn(page.get_by_role("main")) >= 2 + 18
    page.get_by_role("button", name="negative").click()
    page.get_by_role("img", name="negative picture of mixed4b:3 in miniception").wait_for()
    columns.first.get_by_role("link", name=re.compile("same in miniception-plain")).click()
    until(page, "document.querySelectorAll('.versus-one').length === 3")
    columns.nth(1).get_by_text("miniception-plain").first.wait_for()
    page.keyboard.press("a")
    page.get_by_label("network").select_option(label=f"miniception {gallery.fingerprint[:6]}")
    field = page.get_by_label("unit", exact=True)
    field.fill("logit:bullfrog")
    field.press("Enter")
    columns.nth(3).wait_for()
    assert page.url.endswith(f",{gallery.net}:logit:2")
    field.fill("conv1:77")
    field.press("Enter")
    page.get_by_text("conv1 has 32 units, none is 77").wait_for()


SHORT, LONG = 8, 16  # steps of two recipes
PLAIN: dict[str, Any] = {"transform": []}  # another way, of as many steps


def other(layer: str, channel: int, *, kind: str = "positive", row: int = 0, **change: Any) -> dict[str, Any]:
    """The record of the same picture, made with a recipe that has this other."""
    one = record(layer, channel, kind=kind, row=row)
    more = {"steps": change["steps"]} if "steps" in change else {}
    return {**one, **more, "id": digest([one["id"], change]), "spec": {**one["spec"], **change}}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A store with pictures of two recipes. Unit 2 has one positive picture, 3 no negative, 4 and 5 two of as many
    steps; layer ``hidden`` is not one that is usual, ``empty`` neither and has nothing."""
    ledger = Ledger(Place(str(tmp_path_factory.mktemp("twice") / "store")), write=True)
    for channel in range(6):
        put(ledger, record("a", channel))
        put(ledger, other("a", channel, **(PLAIN if channel > 3 else {"steps": LONG}))) if channel != 2 else None
        put(ledger, record("a", channel, kind="negative")) if channel != 3 else None
        for row in range(2):
            put(ledger, record("a", channel, kind="diverse", row=row))
    put(ledger, record("hidden", 0))
    about = about_of(planted())
    lines = [replace(about.layers[0], name=name, channels=6, usual=name in ("a", "last"))
             for name in ("a", "hidden", "empty", "last")]  # fmt: skip
    put_about(ledger.place, replace(about, fingerprint=NETWORK, layers=tuple(lines)))
    return ledger


@pytest.fixture(scope="module")
def served(twice: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """Where the pages of that store are, and the cookies of who was let in."""
    with opened(Path(twice.place.url), tmp_path_factory.mktemp("state")) as found:
        yield found.home, found.cookies


@pytest.fixture(scope="module")
def exported(twice: Ledger, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """The same as files."""
    folder = tmp_path_factory.mktemp("pages") / "site"
    export(Shelf(twice), None, folder)
    return f"{folder.as_uri()}/", ()


@pytest.fixture(params=["served", "exported"])
def home(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def both(visit: Visits, home: Any) -> Watched:
    return visit(*home)


UNIT = f"#/n/{NETWORK[:12]}/a"
MAIN = ".viewer-main img"


def shown(seen: Watched, one: dict[str, Any]) -> None:
    """Wait until the large picture is that of a record, and its button alone is pressed."""
    name = str(one["payloads"]["picture"]["hash"])
    until(seen.page, f"document.querySelector({json.dumps(MAIN)})?.src.includes({json.dumps(name)})")
    assert seen.page.locator(".viewer-all [aria-pressed=true]").count() == 1


def kept(ledger: Ledger, one: dict[str, Any]) -> dict[str, Any]:
    """As it is in the store, with its payloads."""
    return dict(ledger.record(NETWORK, one["layer"], one["id"]))


def test_each_of_two_pictures_of_a_kind_can_be_chosen(both: Watched, twice: Ledger) -> None:
    page = both.go(f"{UNIT}/0", MAIN)
    buttons = page.get_by_role("list", name="All pictures of this unit").get_by_role("button")
    names = [text.strip() for text in buttons.all_inner_texts()]
    assert names == [f"positive, {LONG} steps", f"positive, {SHORT} steps", "negative", "diverse 1", "diverse 2"]
    long, short = kept(twice, other("a", 0, steps=LONG)), kept(twice, record("a", 0))
    shown(both, long)
    assert "?" not in page.url, "nothing was chosen"
    buttons.nth(1).click()
    shown(both, short)
    assert page.url.endswith(f"{UNIT}/0?picture=positive&id={short['id'][:4]}")
    page.reload()
    shown(both, short)
    page.locator("h1").click()
    page.keyboard.press("1")
    shown(both, long)
    assert "?" not in page.url
    page.keyboard.press("2")
    shown(both, short)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog").inner_text()
    assert all(f"picture: {name}" in keys for name in names), keys
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    ways = [f"positive-{LONG}_steps", f"positive-{SHORT}_steps", "negative", "diverse1", "diverse2"]
    for key, way in enumerate(ways, 1):
        page.keyboard.press(str(key))
        page.locator(f".viewer-tools a[download='Planted-a-0-{way}.png']").wait_for()
    if page.url.startswith("http"):
        with page.expect_download() as download:
            page.keyboard.press("d")
        assert download.value.suggested_filename == "Planted-a-0-diverse2.png"


def test_a_chosen_picture_stays_chosen_at_the_next_unit(both: Watched, twice: Ledger) -> None:
    page = both.go(f"{UNIT}/0?picture=diverse.2", MAIN)
    shown(both, kept(twice, record("a", 0, kind="diverse", row=1)))
    page.keyboard.press("n")
    shown(both, kept(twice, record("a", 1, kind="diverse", row=1)))
    assert page.url.endswith(f"{UNIT}/1?picture=diverse.2")
    page.get_by_role("button", name="negative").click()
    page.get_by_role("link", name="Next unit").click()
    shown(both, kept(twice, record("a", 2, kind="negative")))
    page.keyboard.press("n")
    shown(both, kept(twice, other("a", 3, steps=LONG)))  # there is none, so the first
    page.keyboard.press("n")
    shown(both, kept(twice, record("a", 4, kind="negative")))
    assert page.url.endswith(f"{UNIT}/4?picture=negative")
    page.go_back()
    page.go_back()
    shown(both, kept(twice, record("a", 2, kind="negative")))


def test_of_several_ways_the_same_one_is_kept(both: Watched, twice: Ledger) -> None:
    short = [kept(twice, record("a", channel)) for channel in range(4)]
    page = both.go(f"{UNIT}/0?picture=positive&id={short[0]['id'][:4]}", MAIN)
    for channel in range(4):  # unit 2 has but one
        shown(both, short[channel])
        if channel != 2:
            assert page.url.endswith(f"{UNIT}/{channel}?picture=positive&id={short[channel]['id'][:4]}")
        page.keyboard.press("n")
    for one in (record("a", 4), other("a", 4, **PLAIN)):
        both.go(f"{UNIT}/4?picture=positive&id={one['id'][:6]}", MAIN)
        shown(both, kept(twice, one))
        assert page.locator(".viewer-all [aria-pressed=true]").inner_text().strip() == f"positive, {one['id'][:4]}"
        page.locator("h1").click()
        page.keyboard.press("n")
        shown(both, kept(twice, record("a", 5) if one["spec"]["transform"] else other("a", 5, **PLAIN)))


def test_a_copied_link_leads_to_the_picture(visit: Visits, home: Any, twice: Ledger) -> None:
    first = visit(*home)
    page = first.go(f"{UNIT}/1", MAIN)
    page.get_by_role("button", name=f"positive, {SHORT} steps").click()
    shown(first, kept(twice, record("a", 1)))
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.get_by_role("button", name="Copy link").click()
    link = awaited(page, lambda: page.evaluate("window.copied"), "the link")
    fresh = visit(*home)
    fresh.page.goto(link)
    shown(fresh, kept(twice, record("a", 1)))


def test_layers_that_have_something_are_shown_though_they_are_not_usual(visit: Visits, served: tuple[str, Any]) -> None:
    seen = visit(*served)
    page = seen.go(f"#/n/{NETWORK[:12]}", "[data-row]")
    names = page.locator("[data-row] strong")
    assert names.all_inner_texts() == ["a", "hidden", "last"]
    page.get_by_label("all 4, not only the usual").check()
    until(page, "document.querySelectorAll('[data-row]').length === 4")
    seen.go(f"#/n/{NETWORK[:12]}/a", ".grid a")
    page.keyboard.press("]")
    page.get_by_role("heading", level=1, name="hidden").wait_for()


def test_a_layer_says_in_how_many_ways_it_was_made(both: Watched) -> None:
    page = both.go(UNIT, ".grid a")
    assert page.get_by_text("made in 3 ways: of a unit that has several").count() == 1
    both.go(f"#/n/{NETWORK[:12]}/hidden", ".grid a")
    assert page.get_by_text("ways").count() == 0


def test_a_layer_that_is_being_made_is_not_asked_for_again(seen: Watched, gallery: Gallery) -> None:
    before = asked(seen, network=gallery.fingerprint, target="conv1:3", steps=2000)  # the queue is busy
    made = []
    try:
        page = seen.go(f"#/n/{gallery.net}/conv2", ".say")
        button = page.get_by_role("button", name="Make this layer")
        button.dblclick()
        page.get_by_role("link", name="Watch it").wait_for()
        made = [one["id"] for one in told(seen, "jobs") if one["ask"]["kind"] == "units"]
        assert len(made) == 1, "a double click asks once"
        until(page, "!document.body.innerText.includes('No unit of this layer has a picture yet')")
        assert button.count() == 0
        page.reload()
        page.get_by_role("link", name="Watch it").wait_for()
        page.get_by_text("waiting").wait_for()
        until(page, "!document.body.innerText.includes('No unit of this layer has a picture yet')")
        removed(seen, made.pop())
        button.wait_for()
    finally:
        for job in (*made, before):
            removed(seen, job)
