"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import OutputError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def check_writable(path: Path) -> None:
    """Raise OutputError now, before any work, if ``path`` could not be written later."""
    folder = path.parent
    try:
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder; name a file in it, such as {path / 'unit.png'}")
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"cannot write {path}: {folder} is a file, not a folder")
        if not folder.exists():
            raise OutputError(f"cannot write {path}: there is no folder {folder}; make it first")
        if path.exists() and not os.access(path, os.W_OK):
            raise OutputError(f"cannot write {path}: the file is read-only; choose another name")
        with contextlib.suppress(FileNotFoundError):
            path.lstat()  # some systems keep quiet about a name that is too long until here
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why(error)}") from error
    try:
        with tempfile.TemporaryFile(dir=folder):  # permissions do not tell: root has them in read-only folders too
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: the folder {folder} takes no new files ({why(error)}); choose another folder"
        ) from error


def why(error: BaseException) -> str:
    """What went wrong with a file, without the number and the name that Python adds."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return reason[:1].lower() + reason[1:]


def png_of(picture: Picture) -> bytes:
    """A PIL picture as a PNG file's content."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def write_beside(path: Path, picture: bytes, record: Mapping[str, Any], *more: tuple[Path, bytes]) -> Path:
    """A picture, what belongs to it, and last its record under the same stem as ``.json``; returns the picture's path.

    Nothing is written when one of them could not be.
    """
    text = (json.dumps(record, indent=2) + "\n").encode()
    files = [(path, picture), *more, (path.with_suffix(".json"), text)]
    for file, _ in files:
        check_writable(file)
    for file, data in files:
        write_atomic(file, data)
    return path


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: a temporary neighbour, flushed, then renamed over the name."""
    check_writable(path)
    try:
        handle, name = tempfile.mkstemp(prefix=".phosphene-", dir=path.parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why(error)}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why(error)}") from error
    finally:
        Path(name).unlink(missing_ok=True)
