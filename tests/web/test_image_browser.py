"""What a network sees in a photo, and through the camera: with a real browser's made-up camera."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from data.made import encoded, photo
from PIL import Image
from playwright.sync_api import expect
from web.browser import (
    CAMERA,
    PATIENCE,
    Microscope,
    Visits,
    Watched,
    asked,
    awaited,
    chromium,
    complaints,
    drawn,
    let_in,
    pixels,
    removed,
    told,
    until,
)
from web.gallery import Gallery
from web.served import running

import phosphene as ph

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FileChooser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """With a camera that shows a moving test picture to whoever may use one."""
    with chromium(*CAMERA[:1]) as found:
        yield found


def predicted(page: Page) -> list[tuple[str, float]]:
    """Classes and their percents, as they are shown."""
    texts = page.get_by_role("list", name="Predictions").get_by_role("listitem").all_inner_texts()
    return [(text.split("\n")[0], float(re.findall(r"([\d.]+) %", text)[-1])) for text in texts]


def looked_at(page: Page) -> None:
    page.locator(".live-bars li").first.wait_for()
    page.locator(".live-mosaic canvas").wait_for()
    until(page, "document.querySelector('.live-mosaic canvas').width > 1")


def test_a_photo_is_seen_as_the_network_sees_it(seen: Watched, gallery: Gallery) -> None:
    choosers: list[FileChooser] = []
    seen.page.on("filechooser", lambda chooser: choosers.append(chooser))
    page = seen.go("#/image", "main button >> nth=1")
    page.locator("h1").click()
    page.keyboard.press("f")
    awaited(page, lambda: choosers, "a dialog that opens files")
    choosers[0].set_files({"name": "made.png", "mimeType": "image/png", "buffer": encoded(photo(64, 64, 3))})
    looked_at(page)
    network = ph.load("miniception")
    picture = torch.frombuffer(bytearray(photo(64, 64, 3).tobytes()), dtype=torch.uint8).reshape(64, 64, 3)
    with torch.no_grad():
        shares = network(picture.permute(2, 0, 1)[None] / 255).softmax(1)[0]
    assert network.labels is not None
    name, share = predicted(page)[0]
    assert name == network.labels[int(shares.argmax())]
    assert share == pytest.approx(100 * float(shares.max()), abs=0.6)
    canvas = pixels(page.locator(".live-mosaic canvas"))
    assert len(set(canvas[::4])) > 10, "the maps are drawn"
    page.locator(".live-fired a .part").nth(2).wait_for()
    assert drawn(page.get_by_role("main")) > 3
    assert complaints(page) == []
    heads = page.locator(".live-fired h3").all_inner_texts()
    assert heads[0] == "conv1"
    assert heads[-1] == "logit"
    page.locator(".live-fired h3").filter(has_text="conv1").get_by_role("button").click()
    page.get_by_role("listbox", name="Activation maps of conv1, 32 channels").wait_for()


def test_a_dropped_photo_is_looked_at_and_a_unit_pinned(seen: Watched) -> None:
    page = seen.go("#/image", "main button >> nth=1")
    data = page.evaluate_handle(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", {type: "image/jpeg"}));
            return data;
        }""",
        list(encoded(photo(90, 120, 5), "JPEG")),
    )
    page.dispatch_event(".live-look", "drop", {"dataTransfer": data})
    looked_at(page)
    page.get_by_role("img", name="dropped.jpg, as the network was shown it").wait_for()
    page.locator("h1").click()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name=re.compile("^mixed.*:2")).wait_for()
    unit = page.locator(".live-inspect h3").inner_text()
    page.keyboard.press("p")
    explained = page.get_by_role("img", name=f"saliency of {unit} in the picture")
    explained.wait_for()
    assert len(set(pixels(explained))) > 10
    assert f"unit={unit.replace(':', '%3A')}" in page.url
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    page.get_by_role("listbox", name=re.compile("Activation maps of mixed4c")).wait_for()
    assert explained.count() == 1, "it stays pinned"
    methods = page.get_by_role("group", name="What in the picture fires a unit").get_by_role("button")
    assert methods.count() == 5
    for name in ("deconv", "guided", "gradient x input"):
        page.keyboard.press("b")
        page.get_by_role("button", name=name, pressed=True).wait_for()
        page.get_by_role("img", name=re.compile(f"{name.replace(' ', '.')} of {unit} in the picture")).wait_for()
    page.keyboard.press("p")
    page.get_by_role("button", name="Pin", exact=True).wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"#/n/\w+/mixed4c/\d+"))


def test_looking_and_making_do_not_meet(seen: Watched, gallery: Gallery) -> None:
    """Maps of other layers are looked for while a picture is made: each goes on."""
    job = asked(seen, network=gallery.fingerprint, target="mixed4b:6", steps=3000)
    page = seen.go("#/image?layer=conv2", "main button >> nth=1")
    page.get_by_label("Open photo").set_input_files(
        {"name": "made.png", "mimeType": "image/png", "buffer": encoded(photo(64, 64, 1))}
    )
    page.locator("h1").click()
    for layer in ("conv2", "mixed3a", "mixed3b"):
        page.get_by_role("listbox", name=f"Activation maps of {layer},").wait_for()
        page.keyboard.press("o")
    step = told(seen, f"jobs/{job}")["step"]
    awaited(page, lambda: told(seen, f"jobs/{job}")["step"] > step, "the picture goes on")
    assert told(seen, f"jobs/{job}")["state"] == "running"
    removed(seen, job)


def test_where_nothing_fires_that_is_said(visit: Visits, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, bias=False), torch.nn.ReLU()).eval()\n"
    )
    words = ("--model", f"{tmp_path / 'net.py'}:make", "--input-size", "3,24,24")
    with running(tmp_path / "state", *words) as server:
        seen = visit(f"{server.url}/", let_in(server))
        page = seen.go("#/image", "main button >> nth=1")
        for light, often in ((0, 2), (1, 0)):
            picture = Image.new("RGB", (24, 24), (light * 200, light * 90, light * 30))
            page.get_by_label("Open photo").set_input_files(
                {"name": f"{light}.png", "mimeType": "image/png", "buffer": encoded(picture)}
            )
            page.get_by_role("img", name=f"{light}.png, as the network was shown it").wait_for()
            rows = page.locator(".live-fired > li")
            expect(rows.get_by_text("Nothing fires here")).to_have_count(often, timeout=PATIENCE)
            caption = page.locator(".live-mosaic-room .live-note")
            expect(caption).to_contain_text("white is" if light else "Nothing fires here", timeout=PATIENCE)
            assert rows.count() == 2
        page.goto("about:blank")


def test_what_is_no_picture_is_refused_in_a_line(seen: Watched, tmp_path: Path) -> None:
    page = seen.go("#/image", "main button >> nth=1")
    path = tmp_path / "no.png"
    path.write_bytes(b"no picture")
    page.get_by_label("Open photo").set_input_files(path)
    page.get_by_role("alert").get_by_text("no.png is no picture that the browser can read").wait_for()


def test_the_camera_is_looked_through_frame_by_frame(visit: Visits, microscope: Microscope) -> None:
    seen = visit(microscope.home, microscope.cookies, permissions=["camera"])
    page = seen.go("#/image?layer=conv1", "main button >> nth=1")
    page.locator("h1").click()
    page.keyboard.press("w")
    looked_at(page)
    shown, inputs = page.get_by_role("img", name="the camera, as the network was shown it"), set()

    def several() -> bool:
        inputs.add(shown.get_attribute("src"))
        return len(inputs) >= 4

    awaited(page, several, "the test picture moves")
    page.get_by_text(re.compile(r"[\d.]+ frames/s")).wait_for()
    asked = [one for one in seen.asked if "/look" in one]
    assert len(asked) >= 4
    assert len(predicted(page)) >= 3
    assert sum(share for _, share in predicted(page)) <= 101
    assert len(set(pixels(page.locator(".live-mosaic canvas"))[::4])) > 10
    page.keyboard.press(" ")
    page.get_by_text("held", exact=True).wait_for()
    page.wait_for_timeout(300)  # the answer that was on its way
    many = len(seen.asked)
    page.wait_for_timeout(400)
    assert len(seen.asked) == many, "nothing is looked at meanwhile"
    page.keyboard.press(" ")
    page.get_by_text(re.compile(r"[\d.]+ frames/s")).wait_for()
    page.keyboard.press("w")
    page.get_by_role("button", name="Camera", exact=True).wait_for()


def test_a_refused_camera_says_what_to_do(visit: Visits, microscope: Microscope) -> None:
    seen = visit(microscope.home, microscope.cookies, permissions=["geolocation"])
    page = seen.go("#/image", "main button >> nth=1")
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("alert").get_by_text("The camera was refused.").wait_for()
