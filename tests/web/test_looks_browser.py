"""A photo whose turn another picture has taken is looked at all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.made import encoded, photo
from web.browser import Watched

if TYPE_CHECKING:
    from playwright.sync_api import FileChooser, Route


def test_a_photo_that_was_left_out_is_sent_again(seen: Watched) -> None:
    choosers, sent = list["FileChooser"](), []

    def first_left_out(route: Route) -> None:
        sent.append(route.request.url)
        if len(sent) == 1:
            body = '{"error": "a newer picture came while this one waited; send it again"}'
            route.fulfill(status=503, headers={"Retry-After": "1", "Content-Type": "application/json"}, body=body)
        else:
            route.continue_()

    seen.allowed.append("status of 503")
    seen.page.route("**/look**", first_left_out)
    seen.page.on("filechooser", lambda chooser: choosers.append(chooser))
    page = seen.go("#/image", "main button >> nth=1")
    page.locator("h1").click()
    page.keyboard.press("f")
    page.wait_for_timeout(1000)
    choosers[0].set_files({"name": "made.png", "mimeType": "image/png", "buffer": encoded(photo(64, 64, 3))})
    page.locator(".live-bars li").first.wait_for()
    assert len(sent) == 2
    assert page.get_by_text("a newer picture came").count() == 0
