"""A place keeps whole files: what is there can be read, what was cut off is not there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from phosphene.errors import MissingDependency, OutputError, PhospheneError, StoreError
from phosphene.store.place import Place


@pytest.fixture(params=["folder", "memory", "url of a folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    urls = {"folder": str(tmp_path / "store"), "memory": f"memory://{uuid.uuid4().hex}/store"}
    made = Place(urls.get(request.param, f"file://{tmp_path}/store"))
    made.check()
    return made


def _one_line(error: type[PhospheneError], call: Callable[[], object]) -> str:
    with pytest.raises(PhospheneError) as caught:
        call()
    assert type(caught.value) is error
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert "Errno" not in text
    return text


def test_what_is_written_is_read(place: Place) -> None:
    files = {"top": b"", "scans/a/one": bytes(range(256)) * 50, "scans/a/two": b"2", "scans/b": b"beside"}
    for name, data in files.items():
        place.write(name, data)
    assert {name: place.read(name) for name in files} == files
    place.write("top", b"again")
    assert place.read("top") == b"again"
    assert Place(place.url).read("top") == b"again"


def test_what_there_is_and_is_not(place: Place) -> None:
    assert place.names() == []
    for name in ("scans/a/two", "scans/a/one", "scans/b", "top"):
        place.write(name, b"x")
    assert place.names() == ["scans", "top"]
    assert place.names("scans") == place.names("scans/") == ["a", "b"]
    assert place.names("scans/a") == ["one", "two"]
    assert place.names("scans/c") == place.names("top") == place.names("top/x") == []
    assert [place.has(name) for name in ("scans", "scans/a", "scans/a/one", "top")] == [True] * 4
    assert [place.has(name) for name in ("scan", "scans/a/three", "top/x")] == [False] * 3


def test_removed_is_gone_and_what_is_not_there_is_left(place: Place) -> None:
    for name in ("scans/a/one", "scans/a/deep/two", "scans/ab", "top"):
        place.write(name, b"x")
    place.remove("scans/a")
    assert place.names("scans") == ["ab"]
    assert not place.has("scans/a/deep/two")
    place.remove("top")
    place.remove("top")
    place.remove("never/was")
    assert place.names() == ["scans"]
    place.write("scans/a/one", b"new")
    assert place.names("scans/a") == ["one"]


def test_a_file_that_is_missing_is_said(place: Place) -> None:
    place.write("scans/one", b"x")
    for name in ("two", "scans/two", "scans"):
        text = _one_line(StoreError, lambda name=name: place.read(name))
        assert name in text
        assert place.url in text


def test_a_reader_never_sees_half(place: Place) -> None:
    contents = [bytes([letter]) * 300_000 for letter in b"ab"]
    place.write("file", contents[0])
    over = threading.Event()

    def writing() -> None:
        for turn in range(40):
            place.write("file", contents[turn % 2])
        over.set()

    writer = threading.Thread(target=writing)
    writer.start()
    seen = 0
    while not over.is_set() or not seen:
        assert place.read("file") in contents
        assert place.names() == ["file"]
        seen += 1
    writer.join()


def _crashing(folder: Path, how: str) -> subprocess.CompletedProcess[str]:
    """Another process that writes over ``scans/file`` and dies, or is stopped by the system, on the way."""
    code = f"import os, resource, signal\nfrom phosphene.store.place import Place\n{how}\n"
    code += f"Place({str(folder)!r}).write('scans/file', b'new' * 100_000)\n"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_on_the_way_leaves_the_old_file(step: str, tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    place.write("scans/file", b"old")
    ended = _crashing(tmp_path, f"os.{step} = lambda *_: os._exit(9)")
    assert ended.returncode == 9, ended.stderr
    assert place.read("scans/file") == b"old"
    assert len(os.listdir(tmp_path / "scans")) == 2  # what was cut off lies there
    assert place.names("scans") == ["file"]
    place.write("scans/file", b"newer")
    assert place.read("scans/file") == b"newer"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    place.write("scans/file", b"old")
    full = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    ended = _crashing(tmp_path, full)
    assert "OutputError: cannot write scans/file to the store" in ended.stderr
    assert "file too large" in ended.stderr
    assert place.read("scans/file") == b"old"
    assert os.listdir(tmp_path / "scans") == ["file"]


def test_a_file_is_no_store(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    place = Place(str(file))
    assert "is a file; name a folder" in _one_line(OutputError, place.check)
    _one_line(OutputError, lambda: place.write("scans/one", b"x"))
    _one_line(OutputError, Place(str(file / "below")).check)
    _one_line(StoreError, lambda: place.read("one"))
    assert place.names() == place.names("scans") == []
    assert not place.has("scans")
    assert file.read_bytes() == b"mine"


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    place.write("scans/one", b"x")
    _one_line(OutputError, lambda: place.write("scans", b"y"))
    assert place.names() == ["scans"]
    assert os.listdir(tmp_path) == ["scans"]  # nothing is left of the attempt
    assert place.read("scans/one") == b"x"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    nowhere = Path("/proc/phosphene") if os.geteuid() == 0 else tmp_path / "closed" / "store"
    if os.geteuid():
        nowhere.parent.mkdir()
        nowhere.parent.chmod(0o500)
    elif not Path("/proc/self").exists():
        pytest.skip("root may write everywhere, and there is no /proc")
    place = Place(str(nowhere))
    assert "choose another place" in _one_line(OutputError, place.check)
    _one_line(OutputError, lambda: place.write("one", b"x"))
    assert place.names() == []
    _one_line(StoreError, lambda: place.read("one"))


def test_a_place_that_was_checked_is_a_clean_folder(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "a" / "b"))
    place.check()
    place.check()
    assert os.listdir(tmp_path / "a" / "b") == []
    assert place.local == tmp_path / "a" / "b"
    assert Place("memory://x").local is None


@pytest.mark.parametrize("url", ["foo://x", "", "a\0b", "zip:///nowhere/at/all.zip"])
def test_what_is_no_place_is_refused(url: str) -> None:
    place = Place(url)
    for call in (place.check, place.names, lambda: place.read("x"), lambda: place.write("x", b""),
                 lambda: place.has("x"), lambda: place.remove("x")):  # fmt: skip
        _one_line(StoreError, call)


def test_a_place_that_needs_a_package_says_which() -> None:
    pytest.importorskip("fsspec")
    try:
        import s3fs  # noqa: F401
    except ImportError:
        assert "s3fs" in _one_line(MissingDependency, Place("s3://bucket/store").check)
    else:
        pytest.skip("s3fs is installed")
