"""Opening a browser without telling the link to everybody who may list processes. No torch."""

from __future__ import annotations

import html
import os
import tempfile
import webbrowser
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import final

LASTS = 30.0  # seconds that a browser may take to begin
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>phosphene</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url={link}">
<p><a href="{link}">Open the microscope</a></p>
</html>
"""


@final
class Opening:
    """A file of the user's own that leads to a link: the browser's arguments show its name alone. ``close`` deletes it;
    so does time."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._timer: Timer | None = None

    def open(self, link: str, lasts: float = LASTS) -> None:
        """Show a link in the browser, where there is one and a file can be written; else nothing happens."""
        with suppress(OSError, webbrowser.Error):
            handle, name = tempfile.mkstemp(prefix="phosphene-", suffix=".html")  # 0600
            self._path = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(PAGE.format(link=html.escape(link)))
            self._timer = Timer(lasts, self._delete)
            self._timer.daemon = True
            self._timer.start()
            webbrowser.open(self._path.as_uri())

    def close(self) -> None:
        """Delete the file now."""
        if self._timer is not None:
            self._timer.cancel()
        self._delete()

    def _delete(self) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
