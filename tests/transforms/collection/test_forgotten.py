"""What --forget names, and what is remembered of it."""

import hashlib
import os

import pyarrow as pa
import pytest

from headcount.schemas.columns import arrow_table
from headcount.schemas.errors import UsageError
from headcount.schemas.failures import Failure, failure
from headcount.schemas.files import FAILED, PHOTO, File
from headcount.schemas.photos import Photo
from headcount.transforms.collection.forgotten import Forgotten, forget, named_by
from headcount.transforms.collection.state import Rows
from tests.tables import photo


def files(*uris: str, outcome: str = PHOTO) -> pa.Table:
    return arrow_table(File, [File(uri=uri, version="1", outcome=outcome, file_type="jpeg") for uri in uris])


def photos(**ids: str) -> pa.Table:
    return arrow_table(Photo, [photo(uri, photo_id) for uri, photo_id in ids.items()])


def named(name: str, *uris: str) -> list[str]:
    column = pa.chunked_array([list(uris)])
    return column.filter(named_by(name, column)).to_pylist()


def test_a_photo_is_named_as_an_input_is(tmp_path, monkeypatch):
    album = tmp_path / "album"
    album.mkdir()
    (album / "a.jpg").touch()
    (tmp_path / "link").symlink_to(album)
    (tmp_path / "shortcut.jpg").symlink_to(album / "a.jpg")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(album)
    real, linked, other = f"{album}/a.jpg", f"{tmp_path}/link/a.jpg", f"{tmp_path}/b/a.jpg"
    for name in ("a.jpg", "./a.jpg", "~/album/a.jpg", "~/link/a.jpg", real, "../shortcut.jpg"):
        assert named(name, real, linked, other) == [real, linked], name
    assert named(f"{tmp_path}/link/a.jpg", linked) == [linked]


def test_a_folder_and_a_glob_name_what_is_in_them():
    uris = (
        "/in/2019/a.jpg",
        "/in/2019/b/c.jpg",
        "/in/2019 b/a.jpg",
        "gs://shop/in/a.jpg",
        "gs://shop/in2/a.jpg",
    )
    assert named("/in/2019", *uris) == list(uris[:2])
    assert named("/in/2019/", *uris) == list(uris[:2])
    assert named("/in/2019/*.jpg", *uris) == [uris[0]]
    assert named("gs://shop/in", *uris) == [uris[3]]
    assert named("gs://shop/in/a.jpg", *uris) == [uris[3]]
    assert named("/in/[1].jpg", "/in/[1].jpg", "/in/1.jpg") == ["/in/[1].jpg"]


def test_copies_are_forgotten_with_a_photo_and_neither_name_nor_id_is_kept():
    before = photos(**{"/in/a.jpg": "one", "/in/copy.jpg": "one", "/in/b.jpg": "two"})
    forgotten, count = forget(["/in/a.jpg"], Forgotten(), before, files("/in/a.jpg"))
    assert count == 2
    assert forgotten.covers_photo("one")
    assert not forgotten.covers_photo("two")
    rows, photos_left_out, pairs = forgotten.leave_out(
        Rows(
            files("/in/a.jpg", "/in/copy.jpg", "/in/b.jpg"),
            before,
            arrow_table(Failure, [failure("/in/copy.jpg", "decode", "truncated")]),
        )
    )
    assert rows.photos["uri"].to_pylist() == rows.files["uri"].to_pylist() == ["/in/b.jpg"]
    assert (len(rows.failures), photos_left_out) == (0, 2)
    forgotten = forgotten.adding(files=pairs)
    assert forgotten.covers_file("/in/copy.jpg", "1")
    assert not forgotten.covers_file("/in/copy.jpg", "2")
    assert Forgotten.from_json(forgotten.to_json()) == forgotten
    text = str(forgotten.to_json())
    assert "a.jpg" not in text
    assert hashlib.sha256(b"one").hexdigest()[:32] not in text
    assert forget(["/in/a.jpg"], Forgotten(), before, files())[0].hashes.isdisjoint(forgotten.hashes)


def test_a_photo_that_no_run_has_read_is_forgotten_by_its_bytes(tmp_path):
    (tmp_path / "new.jpg").write_bytes(b"picture")
    forgotten, count = forget([str(tmp_path / "new.jpg")], Forgotten(), photos(), files())
    assert count == 1
    assert forgotten.covers_photo(hashlib.sha256(b"picture").hexdigest()[:32])


def test_a_file_that_could_not_be_read_is_forgotten_as_it_is():
    forgotten, count = forget(["/in/bad.jpg"], Forgotten(), photos(), files("/in/bad.jpg", outcome=FAILED))
    assert (count, forgotten.covers_file("/in/bad.jpg", "1")) == (1, True)


@pytest.mark.parametrize("name", ["/nowhere/a.jpg", os.curdir])
def test_a_name_that_means_nothing_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no photo in the tables and no file"):
        forget([name], Forgotten(), photos(**{"/in/a.jpg": "one"}), files())
