"""What each kind of dataset has of its own."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data.made import encoded, photo, table, tar, written
from data.sets import (
    CLASSES,
    COUNT,
    FILES,
    LABELS,
    NUMBERS,
    SHAPE,
    WANTED,
    Live,
    a_folder,
    a_parquet,
    a_parquet_of_hugging_face,
    contents,
)
from PIL import Image

from phosphene.data import decoded, open_pictures
from phosphene.errors import Unreadable


class TestFolder:
    def test_what_counts(self, tmp_path: Path) -> None:
        good = encoded(photo())
        files = ["b.PNG", "a/z.jpeg", "a-b/x.webp", "a/b/c.tif", ".hidden.png", ".git/x.png", "notes.txt", "d.npy"]
        written(tmp_path, dict.fromkeys([*files, "e.png.part", "x.jpg/inner.gif"], good))
        pictures = open_pictures(tmp_path)
        names = [pictures.name(i) for i in range(len(pictures))]
        assert names == ["a-b/x.webp", "a/b/c.tif", "a/z.jpeg", "b.PNG", "d.npy", "x.jpg/inner.gif"]
        assert [pictures.label(i) for i in range(6)] == ["a-b", "a", "a", None, None, "x.jpg"]

    def test_links(self, tmp_path: Path) -> None:
        written(tmp_path / "data", {"cat/1.png": encoded(photo())})
        written(tmp_path / "elsewhere", {"2.png": encoded(photo(seed=2))})
        again = {f"a{i}": "cat" for i in range(10)}  # other names for what has one
        folders = {"a_loop": ".", "cat/up": "..", "dog": "../elsewhere", **again}
        for link, to in {**folders, "3.png": "cat/1.png", "4.png": "nowhere"}.items():
            (tmp_path / "data" / link).symlink_to(to)
        pictures = open_pictures(tmp_path / "data")
        names = [pictures.name(i) for i in range(len(pictures))]
        assert names == ["3.png", "4.png", "cat/1.png", "dog/2.png"]
        assert [decoded(pictures.raw(i), SHAPE).shape for i in (0, 2, 3)] == [(24, 24, 3)] * 3
        with pytest.raises(Unreadable, match="no such file"):
            decoded(pictures.raw(1), SHAPE)

    def test_what_blocks_is_left_out(self, tmp_path: Path) -> None:
        written(tmp_path, {"a.png": encoded(photo())})
        os.mkfifo(tmp_path / "pipe.png")
        assert len(open_pictures(tmp_path)) == 1

    def test_names_of_any_bytes(self, tmp_path: Path) -> None:
        odd = ["ü 猫.png", "new\nline.png", "\udcff\udc80.png", "a'\"\\.png", "-rf.png", "%s{}.png"]
        try:
            written(tmp_path, dict.fromkeys(odd, encoded(photo())))
        except (OSError, UnicodeEncodeError):
            pytest.skip("this file system takes no such names")
        pictures = pickle.loads(pickle.dumps(open_pictures(tmp_path)))
        assert [pictures.name(i) for i in range(len(pictures))] == sorted(odd)
        assert len({decoded(pictures.raw(i), SHAPE).tobytes() for i in range(len(odd))}) == 1
        assert len(pictures.fingerprint) == 32

    def test_one_picture_and_a_pattern(self, tmp_path: Path) -> None:
        written(tmp_path, FILES)
        one = open_pictures(tmp_path / "cat" / "000.png")
        assert (len(one), one.name(0), one.label(0)) == (1, "000.png", None)
        some = open_pictures(f"{tmp_path}/*/00[03].png")
        assert [some.name(i) for i in range(len(some))] == ["000.png", "003.png"]
        more = open_pictures(f"{tmp_path}/{{cat,dog}}/*.png")
        assert more.name(0) == "cat/000.png"
        (tmp_path / "odd[1].png").write_bytes(encoded(photo()))
        assert open_pictures(tmp_path / "odd[1].png").name(0) == "odd[1].png"

    def test_pictures_win_over_what_lies_beside_them(self, tmp_path: Path) -> None:
        written(tmp_path, {"a.png": encoded(photo()), "b.parquet": b"", "c.tar.gz": b""})
        assert len(open_pictures(tmp_path)) == 1


class TestParquet:
    def test_other_columns_and_labels(self, tmp_path: Path) -> None:
        data = list(FILES.values())
        texts = [*LABELS[:-1], None]
        for column, labels in (("label", texts), ("class", LABELS), ("labels", NUMBERS)):
            path = table(tmp_path / f"{column}.parquet", {"number": range(COUNT), "jpeg": data, column: labels})
            seen = [open_pictures(path).label(i) for i in range(COUNT)]
            assert seen == [None if label is None else str(label) for label in labels]
        bare = open_pictures(table(tmp_path / "bare.parquet", {"image": data, "other": data, "label": [1.5] * COUNT}))
        assert {bare.label(i) for i in range(COUNT)} == {None}

    @pytest.mark.parametrize(
        "names",
        [
            CLASSES,
            {"0": "cat", "1": "dog", "2": "猫"},
            [{"label": i, "name": n, "id": "x"} for i, n in enumerate(CLASSES)],
        ],
    )
    def test_class_names_beside_it(self, tmp_path: Path, names: Any) -> None:
        path = table(tmp_path / "a.parquet", {"image": [b"x"] * 4, "label": [2, 0, 3, -1]})
        (tmp_path / "classes.json").write_text(json.dumps(names))
        assert [open_pictures(path).label(i) for i in range(4)] == ["猫", "cat", "3", "-1"]

    def test_rows_without_a_picture(self, tmp_path: Path) -> None:
        rows = [{"bytes": None, "path": None}, {"bytes": None, "path": "a.png"}, None, {"bytes": b"x", "path": None}]
        written(tmp_path, {"a.png": encoded(photo())})
        pictures = open_pictures(table(tmp_path / "rows.parquet", {"image": rows}).rename(tmp_path / "p.parquet"))
        assert decoded(pictures.raw(1), SHAPE).shape == (24, 24, 3)
        for index, says in ((0, "the row has no picture"), (2, "the row has no picture"), (3, "no picture that")):
            with pytest.raises(Unreadable, match=says):
                decoded(pictures.raw(index), SHAPE)

    def test_reading_on_takes_little_memory(self, tmp_path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        data = np.random.default_rng(0).bytes(1 << 20)
        rows = [data[:-1] + bytes([i]) for i in range(128)]
        path = tmp_path / "large.parquet"
        pyarrow.parquet.write_table(pyarrow.table({"image": rows}), path, write_batch_size=4)  # pages of 4 rows
        pictures = open_pictures(path)
        before = most = pyarrow.total_allocated_bytes()
        for i in range(len(pictures)):
            assert len(pictures.raw(i)) == 1 << 20
            most = max(most, pyarrow.total_allocated_bytes())
        assert most - before < 40 << 20  # of 128 MiB in one row group

    def test_reading_on_does_not_begin_anew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from phosphene.data.parquet import Parquet

        path = table(tmp_path / "a.parquet", {"image": [b"%d" % i for i in range(5000)]}, rows_per_group=2000)
        begun = []
        batches = Parquet._batches
        monkeypatch.setattr(Parquet, "_batches", lambda *args: begun.append(args[2]) or batches(*args))
        pictures = open_pictures(path)
        assert [pictures.raw(i) for i in range(0, 5000, 3)] == [b"%d" % i for i in range(0, 5000, 3)]
        assert begun == [0, 1, 2]
        assert [pictures.raw(i) for i in (1990, 3, 1500, 1100)] == [b"1990", b"3", b"1500", b"1100"]

    def test_a_page_that_rots_is_a_reason(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", {"image": list(FILES.values())}, rows_per_group=2)
        pictures = open_pictures(path)
        content = bytearray(path.read_bytes())
        content[4:400] = b"\xff" * 396
        path.write_bytes(content)
        for i in (0, 1):
            with pytest.raises(Unreadable, match=r"cannot read .*a\.parquet: ") as caught:
                pictures.raw(i)
            assert str(caught.value).isprintable()
        assert pictures.raw(COUNT - 1) == list(FILES.values())[-1]  # other groups are read as before

    def test_a_file_that_vanishes_is_a_reason(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", {"image": list(FILES.values()), "label": NUMBERS})
        pictures = open_pictures(path)
        path.unlink()
        with pytest.raises(Unreadable, match=r"a\.parquet: .*"):
            pictures.raw(0)

    def test_workers_that_fork_read_on_their_own(self, tmp_path: Path) -> None:
        pictures = open_pictures(a_parquet(tmp_path))
        wanted = [pictures.raw(i) for i in range(4)]
        child = os.fork()
        if not child:
            os._exit(0 if [pictures.raw(i) for i in range(2, COUNT)] == list(FILES.values())[2:] else 1)
        assert pictures.raw(4) == list(FILES.values())[4]
        assert os.waitpid(child, 0)[1] == 0
        assert wanted == list(FILES.values())[:4]

    def test_the_real_thing(self, shared: Path) -> None:
        pictures = open_pictures(shared / "data" / "tiny-imagenet-100" / "val.parquet")
        assert len(pictures) == 5000
        assert {decoded(pictures.raw(i), (3, 64, 64)).shape for i in range(0, 5000, 500)} == {(64, 64, 3)}
        assert len({pictures.label(i) for i in range(5000)}) == 100
        assert "goldfish" in {pictures.label(i) for i in range(5000)}


class TestTars:
    def test_labels(self, tmp_path: Path) -> None:
        good = encoded(photo())
        members = {
            "a/0.cls": b"2\n", "a/0.jpg": good, "a/1.jpg": good, "a/1.json": b'{"label": "fox", "x": 1}',
            "a/2.jpg": good, "a/2.json": b'{"label": 1}', "a/3.jpg": good, "a/3.json": b"{", "a/4.jpg": good,
            "a/5.jpg": good, "a/5.json": b"[1]", "a/6.txt": b"no picture", "./b/7.JPG": good, "b/7.cls": b"",
        }  # fmt: skip
        tar(tmp_path / "a.tar", members)
        (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
        pictures = open_pictures(tmp_path / "a.tar")
        seen = {pictures.name(i): pictures.label(i) for i in range(len(pictures))}
        assert seen == {
            "a.tar/a/0.jpg": "猫", "a.tar/a/1.jpg": "fox", "a.tar/a/2.jpg": "dog", "a.tar/a/3.jpg": None,
            "a.tar/a/4.jpg": None, "a.tar/a/5.jpg": None, "a.tar/b/7.JPG": None,
        }  # fmt: skip

    def test_tars_that_are_no_webdataset(self, tmp_path: Path) -> None:
        good = encoded(photo())
        tar(tmp_path / "a.tar", dict.fromkeys(["IMG.1.png", "IMG.2.png", ".hidden.png", "._IMG.png", "z.png"], good))
        pictures = open_pictures(tmp_path)
        assert [pictures.name(i) for i in range(len(pictures))] == ["a.tar/IMG.1.png", "a.tar/IMG.2.png", "a.tar/z.png"]

    def test_long_and_odd_names(self, tmp_path: Path) -> None:
        names = ["x" * 300 + ".png", "ü/猫.png", "\udcff.png"]
        tar(tmp_path / "a.tar", dict.fromkeys(names, encoded(photo())))
        pictures = open_pictures(tmp_path / "a.tar")
        assert [pictures.name(i) for i in range(3)] == [f"a.tar/{name}" for name in names]
        assert decoded(pictures.raw(0), SHAPE).shape == (24, 24, 3)

    def test_a_tar_that_shrinks_is_a_reason(self, tmp_path: Path) -> None:
        path = tar(tmp_path / "a.tar", FILES)
        pictures = open_pictures(path)
        os.truncate(path, path.stat().st_size // 2)
        decoded(pictures.raw(0), SHAPE)
        with pytest.raises(Unreadable, match="ends before"):
            pictures.raw(COUNT - 1)
        path.unlink()
        with pytest.raises(Unreadable, match="no such file"):
            pictures.raw(0)


class TestHub:
    def saved(self, folder: Path) -> str:
        import datasets

        splits = {"test": [0, 1], "train": [1, 2, 0], "validation": [2]}
        rows = {
            name: datasets.Dataset.from_dict({"img": [list(FILES.values())[i] for i in each], "label": each})
            for name, each in splits.items()
        }
        datasets.disable_progress_bars()
        datasets.DatasetDict(rows).save_to_disk(folder / "many")
        return f"hf:{folder}/many"

    def test_splits(self, tmp_path: Path) -> None:
        source = self.saved(tmp_path)
        pictures = open_pictures(source)
        assert [pictures.label(i) for i in range(3)] == ["1", "2", "0"]
        assert pictures.source == f"{source}@train"
        assert len(open_pictures(f"{source}@validation")) == 1
        assert len({open_pictures(f"{source}{end}").fingerprint for end in ("", "@test", "@validation")}) == 3

    def test_a_folder_of_parquet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import datasets

        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        a_parquet_of_hugging_face(tmp_path)
        pictures = open_pictures(f"hf:{tmp_path}/hf")
        assert pictures.raw(0) in FILES.values()  # as it is stored, so that what is damaged is found one by one
        assert contents(pictures) == WANTED


class TestLive:
    def test_an_item_that_fails_is_a_reason(self) -> None:
        class Broken(Live):
            def __getitem__(self, index: int) -> Any:
                if index == 1:
                    raise ZeroDivisionError("on\nlines")
                return [None, (), 3, "no/such.png", (b"x",), {}][index - 2] if index > 1 else photo()

        pictures = open_pictures(Broken())
        assert pictures.label(1) is None
        for index in range(1, COUNT):
            with pytest.raises(Unreadable) as caught:
                decoded(pictures.raw(index), SHAPE)
            assert str(caught.value).isprintable()
        assert decoded(pictures.raw(0), SHAPE).shape == (24, 24, 3)

    def test_labels_of_many_types(self) -> None:
        labels: list[Any] = [1, "a", np.int64(2), torch.tensor(0), None, 1.5, b"b", [1]]
        pictures = open_pictures([(photo(), label) for label in labels])
        assert [pictures.label(i) for i in range(len(labels))] == ["1", "a", "2", "0", None, None, "b", None]

    def test_batches_of_arrays(self) -> None:
        batch = np.stack([np.asarray(photo(seed=i)) for i in range(3)])
        for data in (
            batch,
            torch.from_numpy(batch).permute(0, 3, 1, 2),
            torch.from_numpy(batch).permute(0, 3, 1, 2) / 255,
        ):
            pictures = open_pictures(data)
            for i in range(3):
                assert np.array_equal(decoded(pictures.raw(i), SHAPE), decoded(photo(seed=i), SHAPE))
        assert decoded(open_pictures(torch.rand(2, 5, 5)).raw(1), (1, 5, 5)).shape == (5, 5, 1)
        assert decoded(open_pictures(torch.rand(2, 3, 5, 5, dtype=torch.bfloat16)).raw(1), (3, 5, 5)).shape == (5, 5, 3)

    def test_each_item_is_taken_once_for_picture_and_label(self) -> None:
        taken = []

        class Counted(Live):
            def __getitem__(self, index: int) -> Any:
                taken.append(index)
                return super().__getitem__(index)

        pictures = open_pictures(Counted())
        for i in range(3):
            pictures.raw(i), pictures.label(i)
        assert taken == [0, 1, 2]

    def test_the_item_kept_stays_here(self, tmp_path: Path) -> None:
        class Opened(list[Any]):
            def __getitem__(self, index: Any) -> Any:
                return Image.open(tmp_path / "a.png")  # an open file, which does not pickle

        photo().save(tmp_path / "a.png")
        pictures = open_pictures(Opened([0]))
        pictures.raw(0).close()
        assert pictures.__getstate__()["_last"] == (-1, None)

    def test_torchvisions_own(self, tmp_path: Path) -> None:
        from torchvision.datasets import ImageFolder

        pictures = open_pictures(ImageFolder(str(a_folder(tmp_path))))
        assert contents(pictures) == WANTED


def test_the_image_of_any_mode_in_a_list() -> None:
    pictures = open_pictures([Image.new("L", (5, 5)), Image.new("RGBA", (9, 3))])
    assert [decoded(pictures.raw(i), SHAPE).shape for i in range(2)] == [(24, 24, 3)] * 2
