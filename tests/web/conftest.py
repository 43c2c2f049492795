"""What the browser's tests share."""

from __future__ import annotations

from web.browser import browser, gallery, microscope, seen, visit

__all__ = ["browser", "gallery", "microscope", "seen", "visit"]
