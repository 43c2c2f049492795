"""A store in a bucket: a real server speaks S3 on this machine, and everything is as in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweep.made import LAYERS, all_records, files, loaded, swept

from phosphene.errors import OutputError, StoreError
from phosphene.models.network import Network
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.place import Place

pytest.importorskip("s3fs", reason="stores in buckets need s3fs")
pytest.importorskip("moto.server", reason="a server that speaks S3 comes with moto[server]")

SERVER = """
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of an empty bucket; the server is another process, which ends with this one."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as server:  # fmt: skip
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (KEYS | {"AWS_ENDPOINT_URL": address}).items():
                patch.setenv(name, value)
            import s3fs

            s3fs.S3FileSystem.clear_instance_cache()
            s3fs.S3FileSystem().mkdir("bucket")
            yield "s3://bucket"
            s3fs.S3FileSystem.clear_instance_cache()
        server.kill()


@pytest.fixture
def place(bucket: str) -> Place:
    made = Place(f"{bucket}/{uuid.uuid4().hex}/run")
    made.check()
    return made


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return loaded(tmp_path_factory.mktemp("network"))


def content(place: Place) -> dict[str, bytes]:
    return {one.name: place.read(one.name) for one in place.below()}


def one_line(kind: type[Exception], call: Any) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_what_is_written_is_read(place: Place) -> None:
    assert place.local is None
    assert place.names() == place.below() == []
    files = {"top": b"", "scans/a/one": bytes(range(256)) * 50, "scans/a/two": b"2", "scans/b": b"beside"}
    for name, data in files.items():
        place.write(name, data)
    assert content(place) == files
    assert dict(place.read_many(files)) == files
    place.write("top", b"again")
    assert Place(place.url).read("top") == b"again"
    assert place.names() == ["scans", "top"]
    assert place.names("scans") == place.names("scans/") == ["a", "b"]
    assert place.names("scans/c") == place.names("top") == []
    assert [place.has(name) for name in ("scans", "scans/a", "scans/a/one", "top")] == [True] * 4
    assert [place.has(name) for name in ("scan", "scans/a/three", "top/x")] == [False] * 3
    assert one_line(StoreError, lambda: place.read("scans/three")).startswith(
        f"the store {place.url} has no scans/three"
    )
    assert 0 <= (place.age("top") or -1) < 60


def test_removed_is_gone(place: Place) -> None:
    for name in ("scans/a/one", "scans/a/deep/two", "scans/ab", "top"):
        place.write(name, b"x")
    place.move("top", "quarantine/top")
    place.remove("scans/a")
    place.remove("never/was")
    assert set(content(place)) == {"scans/ab", "quarantine/top"}


def test_what_another_process_writes_is_seen(place: Place) -> None:
    """Nothing is remembered of what a folder held before."""
    place.write("records/a", b"1")
    assert (place.names("records"), place.has("records/b")) == (["a"], False)
    code = f"from phosphene.store.place import Place; Place({place.url!r}).write('records/b', b'2')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert place.names("records") == ["a", "b"]
    assert place.has("records/b")
    assert set(content(place)) == {"records/a", "records/b"}


def test_a_ledger_in_a_bucket(place: Place, tmp_path: Path) -> None:
    folder = Place(str(tmp_path))
    for where in (place, folder):
        ledger = Ledger(where, write=True)
        for number, layer in enumerate(("conv", "@output", "ü/漢", "a b")):
            record = {"id": f"{number}", "fingerprint": "f", "layer": layer}
            ledger.put(record, {"picture": Payload(b"p" * number), "shared": Payload(b"s", "webp")})
        ledger.fail({"id": "9", "fingerprint": "f", "layer": "conv", "error": "e"})
        ledger.plan({"id": "p"})
    assert content(place) == content(folder)
    assert Ledger(place).layers("f") == Ledger(folder).layers("f") == ["@output", "a b", "conv", "ü/漢"]
    assert len(list(all_records(Ledger(place)))) == 4
    assert [one["id"] for one in Ledger(place).failures("f", "conv")] == ["9"]


def test_a_sweep_in_a_bucket_is_that_in_a_folder_also_when_it_was_stopped(
    net: Network, place: Place, tmp_path: Path
) -> None:
    swept(net, tmp_path, batch=3)
    wanted = files(tmp_path)
    stops = 0

    def stop(event: Any) -> None:
        nonlocal stops
        stops += event.what == "made"
        if stops == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swept(net, place.url, batch=3, progress=stop)
    assert len(list(all_records(Ledger(place)))) == 6
    tally = swept(net, place.url, batch=3)
    assert (tally.before, tally.made) == (6, Counter(ok=8))
    assert {name: data for name, data in content(place).items() if name in wanted} == wanted
    assert {name.split("/")[0] for name in content(place)} == {
        "phosphene.json",
        "objects",
        "records",
        "networks",
        "sweeps",
    }
    assert swept(net, place.url, batch=3).before == 14
    assert len(LAYERS) == 2


def test_a_bucket_that_is_not_there_is_one_line(bucket: str) -> None:
    place = Place("s3://nowhere-at-all/run")
    assert "nowhere-at-all" in one_line(OutputError, lambda: place.write("x", b"x"))
    one_line(StoreError, lambda: place.read("x"))
    one_line(OutputError, lambda: Ledger(place, write=True))
    assert place.names() == []


@pytest.mark.parametrize("said", [{"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {"AWS_ACCESS_KEY_ID": None}], ids=str)
def test_a_server_or_keys_that_are_not_there_are_one_line(said: dict[str, str | None], tmp_path: Path) -> None:
    """In a process of its own: connections are remembered."""
    code = """
from phosphene.errors import PhospheneError
from phosphene.store.place import Place
place = Place("s3://bucket/run")
for call in (lambda: place.write("x", b"x"), lambda: place.read("x"), lambda: place.names(), lambda: place.below(),
             lambda: place.has("x"), lambda: place.remove("x"), lambda: list(place.read_many(["a", "b"]))):
    try:
        call()
        print("nothing was said")
    except PhospheneError as error:
        print(type(error).__name__, len(str(error).splitlines()))
"""
    nothing = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    env = os.environ | KEYS | nothing | {"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"} | said
    env = {name: value for name, value in env.items() if value is not None}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    kinds = ["Output", "Store", "Store", "Store", "Store", "Output", "Store"]
    assert ended.stdout.splitlines() == [f"{kind}Error 1" for kind in kinds]
