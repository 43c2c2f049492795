"""The file that opens a browser lets a real one in, though it comes from elsewhere than the microscope."""

from __future__ import annotations

from pathlib import Path

import pytest
from web.browser import chromium
from web.served import served

from phosphene.store.ledger import Ledger
from phosphene.store.place import Place
from phosphene.web.server.doors import link
from phosphene.web.server.opening import Opening


def test_the_file_lets_a_browser_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, opening = list[str](), Opening()
    monkeypatch.setattr("webbrowser.open", opened.append)
    with served(Ledger(Place(str(tmp_path)), write=True)) as server, chromium() as browser:
        opening.open(link("127.0.0.1", server.port, server.keys.once()))
        page = browser.new_page()
        page.goto(opened[0])
        page.wait_for_url(f"{server.url}/")
        page.get_by_text("No network yet").wait_for()
        page.reload()
        page.get_by_text("No network yet").wait_for()
        stranger = browser.new_context().new_page()
        stranger.goto(opened[0])
        stranger.get_by_text("This microscope is locked").wait_for()
    opening.close()
