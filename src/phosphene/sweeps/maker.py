"""What runs on a cluster. It is light to import: whether a worker is up is known before a network is loaded."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from .plan import Pack
    from .worker import Report, Setup, Worker


@final
class Maker:
    """A worker, once it is told to load."""

    def __init__(self) -> None:
        self.worker: Worker | None = None

    def up(self) -> str:
        """Where it is."""
        return socket.gethostname()

    def load(self, setup: Setup, folder: str) -> str | None:
        """None, or why the network cannot be loaded there. ``folder``: where the sweep was started; paths mean the
        same in it, if it is there."""
        from ..errors import PhospheneError
        from ..models.network import first_line
        from .worker import Worker

        if os.path.isdir(folder):
            os.chdir(folder)
        try:
            self.worker = Worker(setup)
        except PhospheneError as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}: {first_line(error)}"
        return None

    def make(self, pack: Pack, look: bool) -> Report | None:
        """None from one that was started anew and has not loaded anything."""
        return None if self.worker is None else self.worker.make(pack, look=look)
