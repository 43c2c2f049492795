"""A real browser on a real server, or on files: whatever a page must never do fails the test that saw it.

No request may leave the server or the folder, nothing may be complained of in the console, no exception be uncaught, no
content security policy be violated.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from web.gallery import Gallery, gallery_of
from web.served import Running, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Request

CHROMIUM = os.environ.get("PHOSPHENE_CHROMIUM") or shutil.which("chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
PATIENCE = 20_000  # milliseconds for anything that a page is to show
GOOD = ("data:", "blob:")
PHONE = {"width": 360, "height": 740}
TELL = """
addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.effectiveDirective} against ${event.blockedURI}`));
"""
NETWORKS = ("miniception", "miniception-plain")


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """The system's Chromium. Skips where there is none."""
    if CHROMIUM is None or not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: install the system's, or say where it is: PHOSPHENE_CHROMIUM=/usr/bin/chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGS, *more])
        try:
            yield found
        finally:
            found.close()


@dataclass
class Watched:
    """A page, and what went wrong in it. ``home``: what addresses must begin with. ``allowed``: of complaints that a
    test provokes itself; each must come, or the test does not test what it says."""

    page: Page
    home: str
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.context.on("request", self._request)
        self.page.on("console", lambda said: self._console(said.type, said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(f"uncaught: {error}"))
        self.page.on("crash", lambda _: self.wrong.append("the page crashed"))

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)
        if not request.url.startswith((self.home, *GOOD)):
            self.wrong.append(f"asked outside: {request.url}")

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning", "assert"):
            self.wrong.append(f"console: {text}")

    def expect(self, pattern: str) -> None:
        """A complaint that belongs to the test."""
        self.allowed.append(pattern)

    def check(self) -> None:
        left = [one for one in self.wrong if not any(re.search(word, one) for word in self.allowed)]
        assert not left, f"{self.page.url}: {left}"
        unheard = [word for word in self.allowed if not any(re.search(word, one) for one in self.wrong)]
        assert not unheard, f"nothing complained of {unheard}"

    def go(self, route: str = "#/", ready: str = "main h1") -> Page:
        """The page of a route, once ``ready`` is there."""
        self.page.goto(self.home + ("index.html" if self.home.startswith("file:") else "") + route)
        self.page.wait_for_selector(ready)
        return self.page


@contextmanager
def watched(browser: Browser, home: str, cookies: Any = (), **options: Any) -> Iterator[Watched]:
    """A page of a context of its own, checked at the end unless the test failed already."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        context.set_default_timeout(PATIENCE)
        context.add_init_script(TELL)
        if cookies:
            context.add_cookies(list(cookies))
        one = Watched(context.new_page(), home)
        one.listen()
        yield one
        one.page.wait_for_timeout(50)  # what is still on its way to the console
        one.check()
    finally:
        context.close()


@dataclass
class Microscope:
    """``phosphene serve`` on a copy of the gallery, and the cookies of a browser that was let in."""

    server: Running
    store: Path
    state: Path
    cookies: list[Any]

    @property
    def home(self) -> str:
        return f"{self.server.url}/"


def let_in(server: Running) -> list[Any]:
    """The cookies of whoever opens the link, which works once."""
    import httpx

    answer = httpx.get(server.fresh_link())
    assert answer.status_code == 303, f"the link did not let in: {answer.status_code} {answer.text}"
    name, _, value = answer.headers["set-cookie"].split(";")[0].partition("=")
    return [{"name": name, "value": value, "domain": "127.0.0.1", "path": "/", "httpOnly": True, "sameSite": "Strict"}]


@contextmanager
def opened(store: Path, state: Path, *words: str) -> Iterator[Microscope]:
    with running(state, str(store), *words) as server:
        yield Microscope(server, store, state, let_in(server))


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return gallery_of(tmp_path_factory)


@pytest.fixture(scope="session")
def microscope(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microscope]:
    """A server of this process's tests, with two networks; they share its store and its queue."""
    folder = tmp_path_factory.mktemp("microscope")
    store = Path(shutil.copytree(gallery.store, folder / "gallery"))
    with opened(store, folder / "state", *(word for name in NETWORKS for word in ("--model", name))) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module: the loop that drives it would be in the way of other tests."""
    with chromium() as found:
        yield found


@pytest.fixture
def seen(browser: Browser, microscope: Microscope) -> Iterator[Watched]:
    """A page that was let in."""
    with watched(browser, microscope.home, microscope.cookies) as one:
        yield one


class Visits:
    """Further pages of a test, such as those of another size; each is checked."""

    def __init__(self, browser: Browser, stack: ExitStack) -> None:
        self.browser, self.stack = browser, stack

    def __call__(self, home: str, cookies: Any = (), **options: Any) -> Watched:
        return self.stack.enter_context(watched(self.browser, home, cookies, **options))


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visits]:
    with ExitStack() as stack:
        yield Visits(browser, stack)


def awaited(page: Page, check: Callable[[], Any], what: str, patience: float = PATIENCE / 1000) -> Any:
    """Wait until something is so, while the page goes on; what ``check`` said."""
    end = time.monotonic() + patience
    while not (found := check()):
        assert time.monotonic() < end, f"not within {patience:.0f} s: {what}"
        page.wait_for_timeout(20)
    return found


def until(page: Page, said: str) -> None:
    """Wait until a page says yes; its policy forbids Playwright's own way."""
    awaited(page, lambda: page.evaluate(said), said)


def told(seen: Watched, route: str) -> Any:
    """What the server says at an address of its API."""
    answer = seen.page.context.request.get(f"{seen.home}api/v1/{route}")
    assert answer.ok, answer.text()
    return answer.json()


def asked(seen: Watched, **ask: Any) -> str:
    """A job that is asked for without the form; its id."""
    said = {"kind": "picture", "preset": "fast", **ask}
    answer = seen.page.context.request.post(
        f"{seen.home}api/v1/jobs", data=said, headers={"origin": seen.home.rstrip("/")}
    )
    assert answer.status == 201, answer.text()
    job: str = answer.json()["id"]
    return job


def removed(seen: Watched, job: str) -> None:
    """Take a job away, whatever it is at."""
    seen.page.context.request.delete(f"{seen.home}api/v1/jobs/{job}", headers={"origin": seen.home.rstrip("/")})


def complaints(page: Page) -> list[str]:
    """What axe finds serious or critical, and where."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: cd frontend && npm ci")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [
        f"{one['impact']} {one['id']} at {node['target']}: {node['failureSummary'].splitlines()[-1].strip()}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def wide(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


DRAWN = """async (elements) => Promise.all(elements.filter((one) => one.getClientRects().length).map(async (one) => {
    const box = one.getBoundingClientRect(), said = one.getAttribute("src") ?? one.className;
    if (one instanceof HTMLImageElement) {
        await one.decode().catch(() => undefined);
        return {said, width: one.naturalWidth, height: one.naturalHeight, shown: [box.width, box.height]};
    }
    const style = getComputedStyle(one), url = /url\\("(.*)"\\)/.exec(style.backgroundImage)?.[1];
    if (url === undefined) return null;
    const image = new Image();
    image.src = url;
    await image.decode().catch(() => undefined);
    const [wide, high] = style.backgroundSize.split(" ").map(parseFloat);
    return {said: url, width: image.naturalWidth, height: image.naturalHeight, shown: [wide, high]};
}))"""


def drawn(place: Locator) -> int:
    """Check that all pictures in a place are there and keep their shape; how many there are."""
    found = [one for one in place.locator("img, .part, .live-cut").evaluate_all(DRAWN) if one is not None]
    for one in found:
        assert one["width"] > 0, f"{one['said']} is not drawn"
        shown, natural = one["shown"][0] / one["shown"][1], one["width"] / one["height"]
        # half a pixel of rounding on either side
        assert abs(shown / natural - 1) < 1 / min(one["shown"]) + 0.005, f"{one['said']} is stretched: {one}"
    return len(found)


def pixels(place: Locator) -> list[int]:
    """The colours of a canvas or a picture, as red, green, blue, opacity of each pixel."""
    found: list[int] = place.evaluate("""async (one) => {
        const canvas = document.createElement("canvas");
        if (one instanceof HTMLImageElement) await one.decode();
        canvas.width = one.naturalWidth ?? one.width;
        canvas.height = one.naturalHeight ?? one.height;
        const pen = canvas.getContext("2d");
        pen.drawImage(one, 0, 0);
        return [...pen.getImageData(0, 0, canvas.width, canvas.height).data];
    }""")
    return found
