"""Who may come in: a link that works once, a cookie that lasts, a token for scripts. No torch.

What is signed is signed with a secret that lies in the user's state folder, so a page that is open stays open when the
server starts again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import final

SECRET_BYTES = 32
LASTS = 30 * 24 * 3600  # seconds that a cookie is good for
SHORTEST = 16  # characters of a token that the user chose
AGAIN = 30.0  # seconds before the same link is told again: whoever asks for it does not fill the terminal


def state_folder() -> Path:
    """Where this user's programs keep what they know from one start to the next."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base) / "phosphene" if base else Path.home() / "AppData" / "Local" / "phosphene"
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "state") / "phosphene"


def kept_secret(folder: Path) -> bytes:
    """The secret of this user, made at first; only they can read the file. OSError where none can be kept."""
    path = folder / "secret"
    with suppress(OSError):
        found = path.read_bytes()
        private = os.name != "posix" or stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0
        if len(found) == SECRET_BYTES and private:
            return found
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = secrets.token_bytes(SECRET_BYTES)
    beside = folder / f".phosphene-{uuid.uuid4().hex}"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(made)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path.read_bytes()  # another server that starts at this moment may have been later


def _same(one: str, other: str) -> bool:
    """Whether two texts are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


@final
class Keys:
    """What opens the door of the server at ``port``. ``tell`` is called with a new link when one is needed.

    ``token``: chosen by the user, for scripts; another one shuts out those who came in with the last.
    """

    def __init__(
        self, secret: bytes, port: int, *, token: str | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        self.cookie = f"phosphene-{port}"
        self._token = token
        about = f"{self.cookie} {'' if token is None else token}".encode()
        self._secret = hmac.digest(secret, about, hashlib.sha256)
        self._tell = tell
        self._once: str | None = None
        self._told: tuple[str, float] | None = None
        self._lock = threading.Lock()

    def once(self) -> str:
        """The word that lets one in once; a new one after each use."""
        with self._lock:
            if self._once is None:
                self._once = secrets.token_urlsafe(32)
            return self._once

    def opens(self, word: str) -> bool:
        """Whether ``word`` opens the door; one that works once is used up by that."""
        with self._lock:
            if self._once is not None and _same(word, self._once):
                self._once = None
                return True
        return self.fits(word)

    def fits(self, word: str) -> bool:
        """Whether ``word`` is the user's token."""
        return self._token is not None and _same(word, self._token)

    def remind(self) -> None:
        """Say a link that works, now that somebody came with none."""
        if self._tell is None:
            return
        word, now = self.once(), time.monotonic()
        with self._lock:
            if self._told is not None and self._told[0] == word and now - self._told[1] < AGAIN:
                return
            self._told = word, now
        self._tell(word)

    def signed(self) -> str:
        """A new value for the cookie."""
        body = f"{int(time.time()):x}.{secrets.token_hex(16)}"
        return f"{body}.{self._mark(body)}"

    def knows(self, value: str) -> bool:
        """Whether a cookie's value is one of ours, and not too old."""
        body, _, mark = value.rpartition(".")
        if not body or not _same(mark, self._mark(body)):
            return False
        age = time.time() - int(body.partition(".")[0], 16)
        return age < LASTS

    def _mark(self, body: str) -> str:
        return hmac.digest(self._secret, body.encode("utf-8", "replace"), hashlib.sha256).hex()
