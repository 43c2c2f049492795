"""A process of a sweep: told by its standard input what to make, it says on its standard output what became of it."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
from typing import Any, BinaryIO


def main() -> None:
    """Until the input ends: that is when whoever started it is gone, or has no more."""
    for name in (signal.SIGINT, signal.SIGTERM):  # whoever started it decides
        signal.signal(name, signal.SIG_IGN)
    told, say = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what a network prints must not get between the reports
    orders: queue.SimpleQueue[Any] = queue.SimpleQueue()
    setup = pickle.load(told)
    threading.Thread(target=_listen, args=(told, orders), daemon=True).start()
    try:
        from .worker import Worker

        worker = Worker(setup)
    except Exception as error:  # said where the user looks
        _say(say, _plain(error))
        return
    _say(say, "ready")
    while True:
        pack, look = orders.get()
        _say(say, worker.make(pack, look=look))


def _listen(told: BinaryIO, orders: queue.SimpleQueue[Any]) -> None:
    """Orders as they come; at their end the process ends, whatever it is doing."""
    try:
        while True:
            orders.put(pickle.load(told))
    except Exception:
        os._exit(0)


def _say(say: BinaryIO, what: Any) -> None:
    try:
        pickle.dump(what, say)
        say.flush()
    except OSError:
        os._exit(0)


def _plain(error: Exception) -> Exception:
    """The error as one that can be handed over."""
    from ..errors import PhospheneError, SweepError

    known = isinstance(error, PhospheneError)
    return SweepError(str(error) if known else f"a process cannot begin: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
