"""The pages as files: all that the documents name and nothing else, the same each time, never half of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples.planted import network
from store.shelf import NETWORK, png, put, record
from web.stored import copied, documents, named, plain, shelf, whole

from phosphene.cli.main import main
from phosphene.errors import BadSpec, OutputError, StoreError, UnknownLayer
from phosphene.store.about import put_about
from phosphene.store.compact import compact
from phosphene.store.ledger import Ledger
from phosphene.store.paths import object_of
from phosphene.store.place import Place
from phosphene.sweeps.described import about_of
from phosphene.web.export import export, matches
from phosphene.web.live.journal import Journal
from phosphene.web.pages.shelf import Shelf
from phosphene.web.schema.live_documents import Ask, JobDoc
from phosphene.web.schema.paths import slug
from phosphene.web.site import MARKER, SAYS

pytest.importorskip("sklearn", reason="facets need scikit-learn")
PUT = re.compile(r'phosphene\.put\(("(?:[^"\\]|\\.)*"),(.*)\);\n', re.DOTALL)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = whole(tmp_path_factory.mktemp("whole"))
    journal = Journal(Place(str(made)))
    ask = Ask(network=NETWORK, target="colour:0")
    for job, state in (("0123456789ab", "done"), ("ba9876543210", "running")):
        journal.put_picture(job, 0, png(1))
        journal.put_picture(job, 2, png(2))
        journal.put_picture(job, "final", png(3))
        doc = JobDoc(job, 3, "2030-01-01T00:00:00Z", "colour:0", "Planted", ask, "done", 2, 2, frames=(0, 2))
        journal.put(replace(doc, state=state))  # type: ignore[arg-type]
    return made


def exported(store: Path, site: Path, **said: Any) -> Any:
    return export(shelf(store), Journal(Place(str(store))), site, **said)


def files(site: Path) -> dict[str, bytes]:
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def docs_of(site: Path) -> dict[str, Any]:
    """The documents of an export by key, read as a browser would."""
    found = {}
    for path in sorted(site.glob("data/**/*.js")):
        match = PUT.fullmatch(path.read_text(encoding="ascii"))
        assert match is not None
        found[json.loads(match[1])] = json.loads(match[2])
    return found


def pictures(content: dict[str, bytes]) -> set[str]:
    return {name for name in content if name.startswith(("objects/", "sheets/", "jobs/"))}


def test_all_that_is_named_is_there_and_nothing_else(store: Path, tmp_path: Path) -> None:
    made = exported(store, tmp_path / "site")
    content, docs = files(tmp_path / "site"), docs_of(tmp_path / "site")
    jobs = {f"jobs/0123456789ab/{step}.png" for step in (0, 2)}
    assert pictures(content) == set(named(list(docs.values()))) | jobs
    assert len(pictures(content)) >= 40
    assert (made.files, made.bytes, made.lost) == (len(content), sum(map(len, content.values())), 0)
    assert {name.partition("/")[0] for name in content} >= {"app.js", "app.css", "icon.svg", "index.html", MARKER}
    assert SAYS.encode() in content["index.html"]


def test_the_documents_are_those_of_the_shelf(store: Path, tmp_path: Path) -> None:
    """But for what lies before and after each layer, where only some are written."""
    exported(store, tmp_path / "site", layers=["c*", "logit"])
    docs, live = docs_of(tmp_path / "site"), documents(shelf(store))
    net = about_of(network()).fingerprint
    names = ["colour_conv", "colour", "check_conv", "check", "logit"]
    assert [one["name"] for one in docs[net]["layers"]] == names
    for before, layer, after in zip([None, *names], names, [*names[1:], None], strict=False):
        assert docs[f"{net}/{layer}"] == {**live[f"{net}/{layer}"], "previous": before, "next": after, "chunks": [0]}
        assert docs[f"{net}/{layer}/0"] == [
            live[f"{net}/{layer}/{unit['channel']}"] for unit in docs[f"{net}/{layer}"]["units"]
        ]
    assert docs["site"]["store"] == "store"
    assert not docs["site"]["live"]
    assert [job["id"] for job in docs["jobs"]] == ["0123456789ab"]
    assert str(tmp_path.parent) not in json.dumps([docs["site"], docs[net]])


def test_folders_of_whoever_made_it_are_not_published(tmp_path: Path) -> None:
    """A server's own pages say them, so that a command that is copied there works."""
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    first = record("a", 0)
    model = {"address": "/home/me/nets/net.py:build", "weights": "/home/me/last.pt", "untrained": False}
    put(ledger, {**first, "model": model["address"], "spec": {**first["spec"], "model": model}})
    at_home = Shelf(ledger).unit(first["fingerprint"], "a", 0)
    assert "/home/me/last.pt" in at_home.pictures[0].cli
    export(Shelf(ledger), None, tmp_path / "site")
    docs = docs_of(tmp_path / "site")
    assert "/home/me" not in json.dumps(docs)
    (unit,) = docs[f"{first['fingerprint']}/a/0"]
    assert unit["pictures"][0]["cli"].endswith("\nphosphene render net.py:build a:0 --weights last.pt")
    assert "ph.load('net.py:build')" in unit["python"]


def test_the_same_store_gives_the_same_files(store: Path, tmp_path: Path) -> None:
    exported(store, tmp_path / "one")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*") if path.is_file()}
    again = exported(store, tmp_path / "one")
    assert again.written == 1  # the page that opens it
    changed = {path.name for path, when in before.items() if path.stat().st_mtime_ns != when}
    assert changed == {"index.html"}
    exported(store, tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_what_is_gone_from_the_store_goes_from_the_site(store: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    exported(store, site)
    (site / "CNAME").write_text("mine")
    before = set(files(site))
    made = exported(store, site, layers=["check"])
    assert (made.layers, made.units) == (1, 1)
    content = files(site)
    assert made.removed == len(before - set(content)) > 0
    assert content.pop("CNAME") == b"mine"
    exported(store, tmp_path / "other", layers=["check"])
    assert content == files(tmp_path / "other")
    assert not [path for path in site.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_packed_stores_are_written_too(store: Path, tmp_path: Path) -> None:
    other = copied(store, tmp_path / "store")
    compact(Ledger(Place(str(other))))
    exported(other, tmp_path / "site")
    assert set(named(list(docs_of(tmp_path / "site").values()))) <= set(files(tmp_path / "site"))


def test_layers_of_any_name(tmp_path: Path) -> None:
    ledger = plain(tmp_path / "store")
    names = ledger.layers(NETWORK)
    exported(tmp_path / "store", tmp_path / "site")
    docs, content = docs_of(tmp_path / "site"), files(tmp_path / "site")
    assert {key.removeprefix(f"{NETWORK}/") for key in docs} > set(names)
    assert all(f"data/{NETWORK}/{slug(layer)}.js" in content for layer in names)
    assert set(named(list(docs.values()))) == pictures(content)
    assert not [path for path in tmp_path.iterdir() if path.name not in ("store", "site")]  # nothing climbed out


def test_units_lie_in_files_of_32(tmp_path: Path) -> None:
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    for channel in (0, 31, 32, 100):
        put(ledger, record("a", channel))
    exported(tmp_path / "store", tmp_path / "site")
    docs = docs_of(tmp_path / "site")
    found = {key: [unit["channel"] for unit in doc] for key, doc in docs.items() if isinstance(doc, list)}
    assert found == {"jobs": [], f"{NETWORK}/a/0": [0, 31], f"{NETWORK}/a/1": [32], f"{NETWORK}/a/3": [100]}


def test_the_pages_are_told_which_files_of_units_there_are(tmp_path: Path) -> None:
    """Units of which there is no positive picture nor a scan have files all the same; what has nothing has none."""
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    for channel, kind in ((0, "negative"), (70, "diverse"), (140, "examples"), (200, "facets")):
        put(ledger, record("a", channel, kind=kind))
    ledger.plan({"id": "a" * 32, "fingerprint": NETWORK, "model": {"address": "tiny"}, "recipe": {"positive": True},
                 "lines": [{"layer": "asked", "module": "", "channels": 3, "units": [[0, 3]]}]})  # fmt: skip
    exported(tmp_path / "store", tmp_path / "site")
    docs = docs_of(tmp_path / "site")
    for layer, chunks in (("a", [0, 2, 4, 6]), ("asked", [])):
        files = (tmp_path / "site" / "data" / NETWORK / layer).glob("*.js")
        assert docs[f"{NETWORK}/{layer}"]["chunks"] == sorted(int(path.stem) for path in files) == chunks
    source = (Path(__file__).parents[2] / "frontend" / "src" / "files.ts").read_text(encoding="utf-8")
    assert "chunks?.includes(chunk)" in source


def test_stopped_in_the_middle_nothing_looks_finished(store: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    exported(store, site)
    wanted = files(site)

    def stop(done: int, total: int, what: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    for _ in range(2):  # over what was whole, and over what is half
        with pytest.raises(KeyboardInterrupt):
            exported(store, site, tell=stop)
        assert not (site / "index.html").exists()
    exported(store, site)
    assert files(site) == wanted


def test_damaged_pictures_leave_a_gap(store: Path, tmp_path: Path) -> None:
    other = copied(store, tmp_path / "store")
    one = shelf(other)
    net = one.site().networks[0].id
    place = Place(str(other))
    entry = one.unit(net, "colour", 0).pictures[0].url
    place.write(entry, b"damaged")
    exported(other, tmp_path / "site")
    docs = docs_of(tmp_path / "site")
    assert entry not in files(tmp_path / "site")
    assert docs[f"{net}/colour/0"][0]["failures"]
    assert object_of("ab" * 16, "png") not in files(tmp_path / "site")


@pytest.mark.parametrize(
    ("where", "error"),
    [("store", "lie in each other"), ("store/site", "lie in each other"), (".", "lie in each other"),
     ("full", "holds other files"), ("file", "it is a file"), ("file/site", "cannot write")],
)  # fmt: skip
def test_folders_that_are_not_ours_are_refused(tmp_path: Path, where: str, error: str) -> None:
    plain(tmp_path / "store", ["a"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = files(tmp_path)
    with pytest.raises((BadSpec, OutputError), match=error) as caught:
        exported(tmp_path / "store", tmp_path / where)
    assert "\n" not in str(caught.value)
    now = {name: data for name, data in files(tmp_path).items() if "/index/" not in name}
    assert now == before


def test_a_store_with_nothing_to_show_is_refused(tmp_path: Path) -> None:
    Ledger(Place(str(tmp_path / "store")), write=True)
    with pytest.raises(StoreError, match="phosphene sweep"):
        exported(tmp_path / "store", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_globs_are_those_of_a_sweep() -> None:
    from phosphene.examples.choose import pattern

    for word in ("mixed4b", "mixed*", "mixed**", "m?xed4b", "*.relu", "**", "a.b"):
        for name in ("mixed4b", "mixed4b.relu", "mixed4b.branch.relu", "a.b", "axb"):
            assert matches(word, name) == (pattern(word).fullmatch(name) is not None)


def outputs(capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    found = capsys.readouterr()
    yield from (found.out, found.err)


def test_the_command(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "my site"
    assert main(["export", str(store), str(site)]) == 0
    out, err = outputs(capsys)
    assert re.search(r"1 network, 7 layers, 12 units, 1 live picture: \d+ files, [\d.]+ kB\n", out)
    assert out.splitlines()[-1] == f"open {(site / 'index.html').as_uri()}"
    assert err == ""
    assert main(["export", str(store), str(site), "--layers", "chek", "-q"]) == 2
    assert "no layer matches 'chek'; closest: check" in capsys.readouterr().err
    assert (site / "index.html").exists()
    with pytest.raises(UnknownLayer):
        exported(store, site, layers=["chek"])
    assert main(["export", str(store), str(site), "--layers", "check"]) == 0
    assert re.search(r" of them were there; \d+ files of an earlier export removed\n", next(outputs(capsys)))
    assert main(["export", str(tmp_path / "none"), str(site)]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert main(["export", str(store), str(site), "-q", "--layers", "c*"]) == 0
    assert list(outputs(capsys)) == ["", ""]


def test_layers_of_which_there_is_nothing_are_left_out(tmp_path: Path) -> None:
    about = replace(about_of(network()), fingerprint=NETWORK)
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    put(ledger, record("edge", 0))
    put_about(ledger.place, about)
    exported(tmp_path / "store", tmp_path / "site")
    docs = docs_of(tmp_path / "site")
    assert [one["name"] for one in docs[NETWORK]["layers"]] == ["edge"]
    assert (docs[f"{NETWORK}/edge"]["previous"], docs[f"{NETWORK}/edge"]["next"]) == (None, None)
    assert docs["site"]["networks"][0]["layers"] == 1
    assert set(named(docs[NETWORK]["sheets"])) == set(named(docs[f"{NETWORK}/edge"]["sheets"]))
