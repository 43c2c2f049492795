"""Live pictures in a real browser: asked for, watched, branched off; reloads, killed servers and full queues."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect
from sweep.made import loaded, swept
from web.browser import PATIENCE, Visits, Watched, asked, awaited, complaints, drawn, let_in, removed, told, until
from web.gallery import Gallery
from web.served import running

LONG = 3000  # steps: more than any test waits for
ENDED = ".live-watch .live-badge.is-done"


@pytest.fixture(autouse=True)
def _nothing_left(seen: Watched) -> Iterator[None]:
    """Tests share a queue."""
    yield
    seen.page.goto("about:blank")  # a page would ask for what is gone
    for job in told(seen, "jobs"):
        removed(seen, job["id"])


def job_of(page: Page) -> str:
    page.wait_for_url(re.compile(r"#/live/[0-9a-f]{12}$"))
    return page.url.rpartition("/")[2]


def state(page: Page, word: str) -> None:
    page.locator(".live-watch .live-badge", has_text=word).wait_for()


def frames(page: Page, enough: int = 3) -> list[str]:
    """Addresses of the frames as they come, until there are so many."""
    found: list[str] = []
    image = page.locator(".live-watch .live-frame img")

    def more() -> bool:
        address = image.get_attribute("src") if image.count() else None
        if address is not None and address not in found:
            found.append(address)
        assert len(found) >= enough or not page.locator(ENDED).count(), f"it ended after {found}"
        return len(found) >= enough

    awaited(page, more, f"{enough} frames", 60)
    return found


def test_a_picture_is_asked_for_by_keyboard_and_seen_to_grow(seen: Watched, visit: Visits) -> None:
    page = seen.go("#/live", "form")
    keys = page.keyboard
    keys.press("i")
    keys.type("mixed4b:1")
    field = page.get_by_role("combobox", name="Target")
    offered = page.get_by_role("listbox", name="Target").get_by_role("option")
    offered.first.wait_for()
    assert complaints(page) == []
    assert field.get_attribute("aria-expanded") == "true"
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    chosen = page.locator('[role=option][aria-selected="true"]')
    text = chosen.locator("span").first.inner_text()
    assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    keys.press("Enter")
    assert field.input_value() == text != "mixed4b:1"
    assert re.fullmatch(r"mixed4b:1\d*", text)
    page.get_by_label("Steps").focus()
    keys.type("80")
    keys.press("Enter")
    job = job_of(page)
    grown = frames(page, 3)
    assert all(f"jobs/{job}/" in one for one in grown)
    page.locator(ENDED).wait_for()
    until(page, "document.querySelector('.live-watch .live-frame img').src.includes('final')")
    doc = told(seen, f"jobs/{job}")
    assert (doc["state"], doc["step"], doc["ask"]["target"]) == ("done", 80, text)
    assert doc["curve"][-1][1] > doc["curve"][0][1], "the score rose"
    result = page.get_by_role("region", name="Result")
    assert f"{doc['pictures'][0]['evidence']['rank']} of 192" in result.inner_text()
    assert drawn(page.locator(".live-watch")) == 1
    assert complaints(page) == []
    other = visit(seen.home, page.context.cookies())
    fresh = other.go(f"#/live/{job}", ".live-watch .live-frame img")
    assert text in fresh.locator(".live-watch-head h2").inner_text()


def test_a_picture_branches_off_from_a_saved_step(seen: Watched, gallery: Gallery) -> None:
    job = asked(seen, network=gallery.fingerprint, target="conv1:3", steps=40)
    page = seen.go(f"#/live/{job}", ENDED)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name=re.compile(r"Branch from step \d+")).wait_for()
    page.keyboard.press("b")
    begun = page.get_by_text(re.compile(rf"starts from step \d+ of job {job[:6]}")).inner_text()
    step = int(re.findall(r"step (\d+)", begun)[0])
    assert step == told(seen, f"jobs/{job}")["frames"][1] > 0
    page.get_by_role("combobox", name="Target").fill("conv1:4")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Start", exact=True).click()
    until(page, f"!location.hash.endsWith('{job}')")
    branch = job_of(page)
    page.locator(ENDED).wait_for()
    asked_for = told(seen, f"jobs/{branch}")["ask"]
    assert asked_for["start"] == {"job": job, "step": step}
    assert (asked_for["target"], asked_for["seed"]) == ("conv1:4", 1)


def test_a_reload_in_the_middle_changes_nothing(seen: Watched, gallery: Gallery) -> None:
    job = asked(seen, network=gallery.fingerprint, target="mixed4b:2", steps=120)
    page = seen.go(f"#/live/{job}", ".live-watch .live-frame img")
    frames(page, 2)
    step = told(seen, f"jobs/{job}")["step"]
    page.reload()
    page.wait_for_selector(".live-watch .live-frame img")
    frames(page, 2)
    page.locator(ENDED).wait_for()
    doc = told(seen, f"jobs/{job}")
    assert 0 < step < doc["step"] == 120
    assert [one for one, _ in doc["curve"]] == sorted({one for one, _ in doc["curve"]}), "no step was done twice"


def test_a_killed_server_comes_back_and_the_picture_is_finished(
    visit: Visits, gallery: Gallery, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(gallery.store, tmp_path / "gallery"))
    words = (str(store), "--model", gallery.network)
    with running(tmp_path / "state", *words) as server:
        seen = visit(f"{server.url}/", let_in(server))
        page = seen.go("#/live", "form")
        job = asked(seen, network=gallery.fingerprint, target="mixed4b:5", steps=160)
        page.goto(f"{seen.home}#/live/{job}")
        frames(page, 3)
        server.kill()
        page.get_by_role("alert").get_by_text("The server does not answer").wait_for()
        assert page.locator(".live-watch .live-frame img").count() == 1, "what was there is still shown"
        port = str(server.port)
    with running(tmp_path / "state", *words, "--port", port):
        page.get_by_text("The server does not answer").first.wait_for(state="detached")
        page.locator(ENDED).wait_for(timeout=90_000)
        doc = told(seen, f"jobs/{job}")
        assert (doc["state"], doc["step"]) == ("done", 160)
        page.reload()
        page.locator(ENDED).wait_for()
    seen.expect("net::ERR_")


def test_no_other_network_answers_for_one_that_is_only_shown(visit: Visits, tmp_path: Path) -> None:
    shown = loaded(tmp_path / "net")
    swept(shown, tmp_path / "gallery", layers=["first"], limit=1)
    with running(tmp_path / "state", str(tmp_path / "gallery"), "--model", "miniception-plain") as server:
        seen = visit(f"{server.url}/", let_in(server))
        for route in ("image?net={}", "mixer?net={}&target=mixed4b:3", "live?net={}&target=mixed4b:3"):
            page = seen.go("#/" + route.format(shown.fingerprint[:12]))
            page.get_by_text(
                f"net.py:build is only shown here: start phosphene serve with --model {shown.name}"
            ).wait_for()
            assert page.get_by_text("Open photo").count() == 0
            assert page.get_by_role("combobox", name="Target").count() == 0
        page.get_by_label("Network").select_option(label="miniception-plain")
        page.get_by_role("button", name="Start", exact=True).wait_for()
        assert page.get_by_role("combobox", name="Target").input_value() == "mixed4b:3"
        page.goto("about:blank")  # a page would ask for what is gone


def test_a_queue_is_paused_continued_stopped_and_left(seen: Watched, gallery: Gallery) -> None:
    page = seen.page
    page.emulate_media(reduced_motion="reduce")
    jobs = [asked(seen, network=gallery.fingerprint, target=f"conv1:{unit}", steps=LONG) for unit in range(3)]
    seen.go(f"#/live/{jobs[0]}", ".live-watch .live-frame img")
    entries = page.locator(".live-queue li")
    assert entries.locator(".live-entry-title").all_inner_texts() == ["conv1:0", "conv1:1", "conv1:2"]
    page.get_by_text("1 before it").wait_for()
    page.get_by_text("2 before it").wait_for()
    page.locator(".live-watch").get_by_text(re.compile("about .* left")).wait_for()
    assert page.evaluate("document.getAnimations().length") == 0
    assert complaints(page) == []
    page.get_by_role("button", name="Pause").click()
    state(page, "paused")
    page.wait_for_timeout(200)  # the step that it was in
    paused = told(seen, f"jobs/{jobs[0]}")["step"]
    entries.first.get_by_text("conv1:1").wait_for()  # the next one runs meanwhile
    page.wait_for_timeout(300)
    assert told(seen, f"jobs/{jobs[0]}")["step"] == paused
    page.get_by_text("if another is made meanwhile, it first goes through its steps again").wait_for()
    page.get_by_role("button", name="Continue").click()
    state(page, "waiting")
    page.get_by_role("button", name="remove conv1:1").click()
    page.get_by_role("button", name="remove conv1:2").click()
    state(page, "running")
    until(page, f"Number(document.querySelector('.live-progress progress').value) > {paused}")
    page.locator("h1").click()
    page.keyboard.press(" ")
    state(page, "paused")
    page.keyboard.press(" ")
    page.get_by_role("button", name="Stop").click()
    state(page, "stopped")
    page.get_by_text(re.compile(rf"Stopped.* step \d+ of {LONG}")).first.wait_for()
    assert len(told(seen, "jobs")) == 1
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("None yet.").wait_for()
    assert told(seen, "jobs") == []


def test_what_cannot_be_made_is_said_in_a_line(seen: Watched) -> None:
    page = seen.go("#/live", "form")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("alert").get_by_text("Nothing is asked for").wait_for()
    field = page.get_by_role("combobox", name="Target")
    field.fill("mixed4b:999")
    field.press("Escape")
    said = page.get_by_text(re.compile("mixed4b.*999|999.*mixed4b"))
    said.first.wait_for()
    assert "\n" not in said.first.inner_text().strip()
    assert field.get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="Start", exact=True).click()
    until(page, "document.activeElement.getAttribute('role') === 'combobox'")  # there it is to be mended
    assert told(seen, "jobs") == []


def test_units_are_named_that_the_network_has(visit: Visits, tmp_path: Path) -> None:
    net = loaded(tmp_path / "net")
    with running(tmp_path / "state", "--model", str(tmp_path / "net" / "net.py:build")) as server:
        seen = visit(f"{server.url}/", let_in(server))
        page = seen.go("#/live", "form")
        field = page.get_by_role("combobox", name="Target")
        expect(field).to_have_attribute("placeholder", re.compile(r"^\w+:\d+$"), timeout=PATIENCE)
        unit = field.get_attribute("placeholder")
        assert unit is not None
        layer, channel = unit.split(":")
        assert 0 <= int(channel) < net.find(layer)[0].channels
        page.get_by_text(f"Write a target, such as {unit}, and press Start").wait_for()
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_role("alert").get_by_text(f"Nothing is asked for: write a unit such as {unit}.").wait_for()
        seen.go("#/mixer", "form")
        for name in ("Unit 1", "The sum"):
            expect(page.get_by_role("combobox", name=name)).to_have_attribute("placeholder", unit, timeout=PATIENCE)
        page.get_by_role("button", name="Mix", exact=True).click()
        page.get_by_role("alert").get_by_text(f"Nothing is mixed: name a unit such as {unit}.").wait_for()
        seen.go("#/compare", "form")
        field = page.get_by_role("combobox", name="unit")
        expect(field).to_have_attribute("placeholder", unit, timeout=PATIENCE)
        field.fill("nothing")
        page.get_by_role("button", name="Add").click()
        page.get_by_role("alert").get_by_text(f"nothing is no unit's address; write one such as {unit}").wait_for()
        page.goto("about:blank")


def test_jobs_of_one_target_are_told_apart(seen: Watched, gallery: Gallery) -> None:
    jobs = [asked(seen, network=gallery.fingerprint, target="conv1:3", **more)
            for more in ({"steps": 2}, {"steps": 1, "size": 48})]  # fmt: skip
    page = seen.go(f"#/live/{jobs[1]}", ENDED)
    lines = page.locator(".live-queue .live-entry-line").all_inner_texts()
    for line, how in zip(lines, ("fast, 48 px, 1 step, seed 0", "fast, 2 steps, seed 0"), strict=True):
        assert re.search(rf"miniception, {how}, \d\d:\d\d:\d\d$", line), line


def test_what_fails_before_its_first_step_offers_none(seen: Watched, gallery: Gallery) -> None:
    job = asked(seen, network=gallery.fingerprint, target="mixed4b:0@99,0", size=80)  # its map is known by a run alone
    page = seen.go(f"#/live/{job}", ".live-watch .live-badge.is-failed")
    page.get_by_text("mixed4b:0@99,0 does not exist").first.wait_for()
    page.get_by_role("button", name="Ask again").wait_for()
    assert page.get_by_role("button", name=re.compile("Branch")).count() == 0


def trusted(page: Page, what: str) -> tuple[str, str]:
    """Verdict and words of a line of what was measured."""
    line = page.locator(".trust li").filter(has=page.get_by_text(what, exact=True))
    return line.get_attribute("class") or "", line.locator(".trust-means").inner_text()


def test_one_unit_of_a_mix_speaks_neither_for_it_nor_against(seen: Watched, gallery: Gallery) -> None:
    said = {}
    for target, rank in {
        "conv1:1 + conv1:3": "rank in the layer", "0.5*conv1:1 - 2*conv1:3": "rank from below",
        "conv1:1 - 0.1*tv": "rank in the layer", "-conv1:1": "rank from below",
    }.items():  # fmt: skip
        job = asked(seen, network=gallery.fingerprint, target=target, steps=2)
        page = seen.go(f"#/live/{job}", ENDED)
        page.get_by_role("heading", name=target, exact=True).wait_for()
        said[target] = (trusted(page, rank), trusted(page, "against real pictures"))
    mixes = ("conv1:1 + conv1:3", "conv1:1"), ("0.5*conv1:1 - 2*conv1:3", "conv1:3")
    for target, unit in mixes:
        for verdict, words in said[target]:
            assert verdict == "is-none"
            assert unit in words
            assert "it is one unit of the mix" in words
    for target in ("conv1:1 - 0.1*tv", "-conv1:1"):
        for verdict, words in said[target]:
            assert verdict != "is-none"
            assert "mix" not in words


@pytest.mark.parametrize(
    ("silent", "redirected", "value", "means"),
    [
        (4, 2, "all 4 steps", "in any step: of them, only the redirected ones moved it."),
        (4, 0, "all 4 steps", "in any step: nothing moved it any further."),
        (2, 1, "2 steps", "in these last steps: nothing moved it any further."),
        (3, 2, "3 steps", "in these last steps: of them, only the redirected ones moved it."),
    ],
)
def test_silent_steps_that_were_redirected_are_not_said_to_be_lost(
    seen: Watched, gallery: Gallery, silent: int, redirected: int, value: str, means: str
) -> None:
    job = asked(seen, network=gallery.fingerprint, target="conv1:3", steps=4)
    awaited(seen.page, lambda: told(seen, f"jobs/{job}")["state"] == "done", "the picture is made")
    doc = told(seen, f"jobs/{job}")
    doc["pictures"][0]["evidence"] |= {"silent": silent, "redirected": redirected}
    seen.page.route("**/api/v1/jobs", lambda route: route.fulfill(json=[doc]))
    page = seen.go(f"#/live/{job}", ENDED)
    assert trusted(page, "silent")[1] == f"No gradient of the unit reached the picture {means}"
    page.locator(".trust-value").get_by_text(value, exact=True).wait_for()


def test_what_was_made_live_stands_once_beside_the_picture_of_the_store(seen: Watched, gallery: Gallery) -> None:
    for steps in (2, 2, 3):
        asked(seen, network=gallery.fingerprint, target="mixed4b:3", steps=steps)
    page = seen.go(f"#/n/{gallery.net}/mixed4b/3", ".viewer-main img")
    made = page.get_by_role("region", name="Made live").get_by_role("link")
    awaited(page, lambda: all(one["state"] == "done" for one in told(seen, "jobs")), "all are made", 60)
    expect(made).to_have_count(2)
    words = [text.split("\n")[0].strip() for text in made.all_inner_texts()]
    assert words == ["fast, 3 steps, seed 0", "fast, 2 steps, seed 0"], "two of one ask are one picture"


def test_units_are_made_into_the_store_and_appear(seen: Watched) -> None:
    """From the page of a unit that has none; other pages learn of it by themselves."""
    plain = next(one["id"] for one in told(seen, "models") if one["model"] == "miniception-plain")
    page = seen.go(f"#/n/{plain[:12]}/conv1", ".grid a")
    page.get_by_text("No unit of this layer has a picture yet").wait_for()
    asked(seen, network=plain, kind="units", layer="conv1", units="3", recipe="draft")
    page.locator('.grid .is-ok a[href$="/conv1/3"]').wait_for(timeout=60_000)
    assert drawn(page.get_by_role("grid")) == 1


def test_a_unit_without_a_picture_is_made_from_its_page(seen: Watched, gallery: Gallery) -> None:
    page = seen.go(f"#/n/{gallery.net}/conv1/20", ".say")
    page.get_by_role("button", name="Make it now").click()
    page.get_by_role("region", name="Live picture").get_by_text("Made live, not in the store").wait_for(timeout=60_000)
    grown = page.get_by_role("img", name="live picture of conv1:20")
    grown.wait_for()
    assert grown.evaluate("one => one.naturalWidth") > 0
    page.get_by_role("link", name="Open it in Live").click()
    job = job_of(page)
    page.locator(ENDED).wait_for()
    assert told(seen, f"jobs/{job}")["ask"]["target"] == "conv1:20"


def said(field: Locator, text: str) -> None:
    """Wait until a field says so."""
    expect(field).to_have_value(text, timeout=PATIENCE)


def mix(**query: Any) -> str:
    return "#/mixer?" + "&".join(f"{key}={quote(str(value))}" for key, value in query.items())


def test_units_are_mixed_and_the_link_says_how(seen: Watched, visit: Visits) -> None:
    page = seen.go("#/mixer", "form")
    page.get_by_role("combobox", name="Unit 1").fill("mixed4b:3")
    page.get_by_role("button", name="Add a unit").click()
    page.get_by_role("combobox", name="Unit 2").fill("conv1:7")
    weight = page.get_by_label("Weight of unit 2, as a number")
    weight.fill("-0.5")
    page.wait_for_timeout(400)  # the address follows and the page is drawn anew: what is typed must not go
    weight.press("Tab")
    text = page.get_by_role("combobox", name="The sum")
    said(text, "mixed4b:3 - 0.5*conv1:7")
    text.fill("0.25*mixed4b:3 + 2*conv1:7")
    said(page.get_by_label("Weight of unit 1, as a number"), "0.25")
    page.get_by_label("Weight of unit 2", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    said(text, "0.25*mixed4b:3 + 1.95*conv1:7")
    page.get_by_label("Steps").fill("20")
    page.get_by_role("button", name="Mix", exact=True).click()
    page.locator(ENDED).wait_for()
    page.get_by_text("Its own address").wait_for()
    assert complaints(page) == []
    (job,) = told(seen, "jobs")
    assert job["ask"]["target"] == job["pictures"][0]["target"] == "0.25*mixed4b:3 + 1.95*conv1:7"
    other = visit(seen.home, page.context.cookies())
    other.page.goto(page.url)
    again = other.page.get_by_role("combobox", name="The sum")
    said(again, "0.25*mixed4b:3 + 1.95*conv1:7")
    said(other.page.get_by_label("Weight of unit 2", exact=True), "1.95")
    other.page.locator(ENDED).wait_for()
    drawn(other.page.get_by_role("main"))


def test_pictures_go_from_one_unit_to_another(seen: Watched) -> None:
    page = seen.go(mix(target="mixed4b:3", to="mixed4b:7", count=4, steps=16), "form")
    assert page.get_by_role("combobox", name="To").input_value() == "mixed4b:7"
    page.get_by_role("button", name="Go from one to the other").click()
    page.locator(ENDED).wait_for()
    row = page.get_by_role("group", name="All pictures, from the first to the last")
    assert row.get_by_role("button").count() == 4
    assert drawn(page.locator(".live-watch")) == 5
    (job,) = told(seen, "jobs")
    assert (job["count"], len(job["pictures"])) == (4, 4)
    row.get_by_role("button", name="picture 4 of 4").click()
    page.get_by_role("img", name=re.compile("picture 4 of 4")).wait_for()
    assert complaints(page) == []
