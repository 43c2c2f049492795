"""Ray as the executor: a cluster that loses a node and a process, askings that cannot be met, SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2e.command import COMMAND
from sweep.made import LAYERS, all_failures, all_records, files, ledger, noted, swept, tiny, written

from phosphene.errors import BadSpec, SweepError
from phosphene.sweeps.drive import Event
from phosphene.sweeps.recipe import text_of
from phosphene.sweeps.shares import Node, cautions, room, share_of, workers_of
from phosphene.sweeps.where import Where

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'phosphene[ray]'")

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


def actors() -> set[int]:
    """The processes on this machine that make pictures for Ray."""
    return {one.pid for one in psutil.process_iter(["cmdline"]) if "ray::Maker" in "".join(one.info["cmdline"] or [])}


def all_gone() -> bool:
    """Whether none of them is left; Ray ends them in its own time."""
    late = time.monotonic() + 15
    while actors() and time.monotonic() < late:
        time.sleep(0.05)
    return not actors()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A node of one processor; nothing of it is left afterwards."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else Ray writes a token into the home folder
        patch.setenv("RAY_worker_niceness", "0")  # else everything else that runs goes before its workers
        made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def connected(cluster: Any) -> Iterator[None]:
    """This process uses Ray already."""
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def test_a_node_and_a_process_are_lost(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, seen, deeds, crashes = cluster.add_node(**NODE), set(), [], []
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)

    def harm(event: Event) -> None:
        seen.update(actors())
        if event.what == "crashed":
            crashes.append(event.text)
        if event.what == "made" and len(seen) == 2 and not deeds:
            deeds.append("node")
            cluster.remove_node(other)
        elif event.what == "made" and deeds == ["node"] and len(actors()) == 1:
            deeds.append("process")
            psutil.Process(actors().pop()).kill()

    network, said = written(tmp_path, "slow"), {"recipe": tiny(steps=4), "units": [(0, 4)], "batch": 1}
    before = signal.getsignal(signal.SIGTERM)
    tally = swept(network, tmp_path / "ray", where=Where("ray"), progress=harm, **said)
    assert deeds == ["node", "process"]
    assert len(crashes) == 2
    assert "died" in crashes[0]
    assert (tally.total, tally.made.total(), tally.failed) == (8, 8, 0)
    assert not all_failures(ledger(tmp_path / "ray"))
    swept(network, tmp_path / "serial", **said)
    assert files(tmp_path / "ray") == files(tmp_path / "serial")
    assert len(list(all_records(ledger(tmp_path / "ray")))) == 8
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_the_cluster_has_not_is_refused_at_once(connected: None, tmp_path: Path) -> None:
    network = written(tmp_path)
    began = time.monotonic()
    for where, text in [
        (Where("ray", gpus=1), "each worker wants 1 GPU and 1 CPU of one node; the cluster has 1 CPU and 0 GPUs"),
        (Where("ray", cpus=4), "each worker wants 4 CPUs of one node; the cluster has 1 CPU and"),
        (Where("ray", workers=8), "8 workers of 1 CPU want 8 CPUs; the cluster has 1 CPU and .*, room for 1"),
    ]:
        with pytest.raises(SweepError, match=text):
            swept(network, tmp_path / "store", where=where)
    assert time.monotonic() - began < 10
    assert ray.is_initialized()  # whoever began it ends it


def test_what_kills_its_worker_is_put_down(connected: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.sweeps.ray.RESTARTS", 0)  # then another one takes its place
    tally = swept(written(tmp_path, "deadly"), tmp_path / "store", where=Where("ray"), layers=["first"],
                  units=[(4, 6)], tries=1)  # fmt: skip
    assert (tally.made["ok"], tally.failed) == (1, 1)
    (failure,) = all_failures(ledger(tmp_path / "store"))
    assert (failure["unit"], failure["trouble"]) == ("first:5", "crash")
    assert len(noted(tmp_path)) >= 2


def test_a_worker_that_cannot_begin_says_why(connected: None, tmp_path: Path) -> None:
    """The network is there when it is planned, and gone when a worker looks for it."""

    def remove(event: Event) -> None:
        (tmp_path / "net.py").unlink(missing_ok=True)

    with pytest.raises(SweepError, match=r"a worker on .* cannot begin: .*net\.py"):
        swept(written(tmp_path), tmp_path / "store", where=Where("ray"), progress=remove)
    assert all_gone()


def test_nobody_waits_for_room_for_ever(connected: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @ray.remote(num_cpus=1)
    class Sitter:
        def up(self) -> None:
            return

    sitter = Sitter.remote()
    ray.get(sitter.up.remote())
    monkeypatch.setattr("phosphene.sweeps.ray.PATIENCE", 1.0)
    with pytest.raises(SweepError, match=r"no worker came up in 1 s: each wants 1 CPU, and free are 0 CPUs"):
        swept(written(tmp_path), tmp_path / "store", where=Where("ray"))


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9"])
def test_a_dead_address_is_said_at_once(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    began = time.monotonic()
    with pytest.raises(SweepError, match=f"^nothing answers at {address} [^\n]*$"):
        swept(written(tmp_path), tmp_path / "store", where=Where("ray"))
    assert time.monotonic() - began < 10
    with pytest.raises(BadSpec, match="host:port"):
        swept(written(tmp_path), tmp_path / "store", where=Where("ray", address="head"))


def test_sigterm_ends_it_and_the_next_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    (tmp_path / "tiny.toml").write_text(text_of(tiny(steps=4)))
    words = [COMMAND, "sweep", written(tmp_path, "slow"), "--store", "store", "--layers", ",".join(LAYERS), "--units",
             "0:4", "--recipe", "tiny.toml"]  # fmt: skip
    by_ray = [*words, "--executor", "ray", "--address", "local", "--batch", "1"]
    with subprocess.Popen(by_ray, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
        try:
            while not list(tmp_path.glob("store/records/**/*.json")):
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 143, said
    assert "Traceback" not in said[1]
    there = files(tmp_path / "store")
    assert 0 < len(list(all_records(ledger(tmp_path / "store")))) < 8
    done = subprocess.run([*words, "--executor", "serial"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(all_records(ledger(tmp_path / "store")))) == 8
    assert there.items() <= files(tmp_path / "store").items()
    assert all_gone()


NODES = [Node("a", 8, 2), Node("b", 2, 0)]


def test_how_a_cluster_is_shared_out() -> None:
    assert share_of(Where("ray"), NODES) == (1, 1)
    assert share_of(Where("ray", device="cpu"), NODES) == (0, 1)
    assert share_of(Where("ray"), NODES[1:]) == (0, 1)
    assert share_of(Where("ray", device="cuda:1", gpus=0.5, cpus=2), NODES) == (0.5, 2)
    assert [room(node, 0, 1) for node in NODES] == [8, 2]
    assert [room(node, 0.4, 1) for node in NODES] == [4, 0]  # two on each card, not five on both
    assert room(Node("c", 1, 8), 0.1, 0.01) == 80
    assert workers_of(None, NODES, 0.5, 1) == 4
    assert workers_of(3, NODES, 0, 0) == 3
    with pytest.raises(BadSpec, match="whole"):
        share_of(Where("ray", gpus=1.5), NODES)
    with pytest.raises(BadSpec, match="the device cuda does not go with 0 GPUs"):
        share_of(Where("ray", device="cuda", gpus=0), NODES)
    with pytest.raises(
        SweepError,
        match=r"3 workers of 1 GPU and 1 CPU want 3 GPUs and 3 CPUs; the cluster has 10 "
        r"CPUs and 2 GPUs \(2 nodes: 8 CPUs, 2 GPUs; 2 CPUs, 0 GPUs\), room for 2",
    ):
        workers_of(3, NODES, 1, 1)  # fmt: skip


def test_what_is_warned_of() -> None:
    assert cautions(set(), "disabled", "/store") == []
    assert cautions({"10.0.0.7"}, "token", None) == []
    (open_to_all,) = cautions({"10.0.0.7"}, "disabled", None)
    assert "10.0.0.7" in open_to_all
    assert "RAY_AUTH_MODE" in open_to_all
    (apart,) = cautions({"10.0.0.7"}, "TOKEN", "/store")
    assert "/store" in apart
