"""What was made before and still fits: kept as long as what it was made from has not changed. No torch."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, final

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
SLOW, AGAIN = 0.02, 5.0  # seconds that a look may take; after a slower one, so many times as long nobody looks


@final
@dataclass
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: bool = False
    state: Any = None
    value: Any = None
    until: float = 0.0


@final
class Kept(Generic[K, V]):
    """Values by key, the last ``most`` asked for; each is made by one thread at a time, others meanwhile."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._entries: OrderedDict[K, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, look: Callable[[], Any], make: Callable[[Any], V]) -> V:
        """The value of a key; made of what ``look`` finds, anew when that is not what it was.

        A look that is slow, such as one at another machine, is not repeated at once.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self.most:
                self._entries.popitem(last=False)
        with entry.lock:
            if not entry.made or time.monotonic() >= entry.until:
                begun = time.monotonic()
                state = look()
                spent = time.monotonic() - begun
                if not entry.made or state != entry.state:
                    entry.value = make(state)
                    entry.state, entry.made = state, True
                entry.until = time.monotonic() + (AGAIN * spent if spent > SLOW else 0.0)
            value: V = entry.value
            return value


@final
class Recent(Generic[K, V]):
    """The last ``most`` values of what never changes, such as what is called by its hash."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> V:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)
        return value
