from datetime import datetime

import pyarrow as pa
import pytest

from headcount.schemas.columns import arrow_table
from headcount.schemas.photos import Photo
from headcount.transforms.copies import mark_duplicates
from tests import tables

DAY = datetime(2024, 3, 4, 8, 10)


def photo(uri, photo_id="one", precision=None, source=None):
    taken_at = DAY if precision else None
    return tables.photo(uri, photo_id, taken_at=taken_at, date_precision=precision, date_source=source)


def counts(*photos, gone=()):
    """The uri of the one of `photos` that is no copy, whatever their order."""
    for rows in (photos, photos[::-1]):
        marked = mark_duplicates(arrow_table(Photo, rows), pa.array(gone, pa.string())).to_pylist()
        (first,) = [row["uri"] for row in marked if row["duplicate_of"] is None]
        assert {row["duplicate_of"] for row in marked} == {None, first}
    return first


def test_every_copy_names_the_one_that_counts_and_rows_are_sorted_by_uri():
    photos = [photo("/c"), photo("/a", "two"), photo("/b"), photo("/d", "three"), photo("/e")]
    rows = mark_duplicates(arrow_table(Photo, photos)).to_pylist()
    assert [(row["uri"], row["duplicate_of"]) for row in rows] == [
        ("/a", None),
        ("/b", None),
        ("/c", "/b"),
        ("/d", None),
        ("/e", "/b"),
    ]


BETTER = {
    "a date": (("/b", "year", "folder"), ("/a", None, None)),
    "a date to the second": (("/b", "second", "filename"), ("/a", "day", "filename")),
    "precision over the source": (("/b", "second", "filename"), ("/a", "day", "xmp")),
    "the better source": (("/b", "second", "xmp"), ("/a", "second", "filename")),
    "the moment over the file": (("/b", "year", "folder"), ("/a", "second", "mtime")),
    "a date over a real folder": (("/backup/b", "day", "folder"), ("/a", None, None)),
    "nothing but the uri": (("/a", "day", "folder"), ("/b", "day", "folder")),
}


@pytest.mark.parametrize("case", BETTER)
def test_the_most_precise_and_best_date_counts(case):
    (uri, precision, source), (other, *worse) = BETTER[case]
    assert counts(photo(uri, "one", precision, source), photo(other, "one", *worse)) == uri


@pytest.mark.parametrize(
    "spare",
    [
        "/Backup 2019/a.jpg",
        "/PhotosBackup/a.jpg",
        "/copies/a.jpg",
        "/a copy.jpg",
        "/a - Copy (2).jpg",
        "/Copy of a.jpg",
        "/a (1).jpg",
        "/a - Kopie.jpg",
        "/.Trash-1000/files/a.jpg",
        "/$RECYCLE.BIN/a.jpg",
        "gs://bucket/trash/a.jpg",
    ],
)
def test_a_real_folder_and_name_count_before_those_set_aside(spare):
    assert counts(photo(spare), photo("/z/z.jpg")) == "/z/z.jpg"


@pytest.mark.parametrize(
    "real", ["/Copyright/b.jpg", "/Copenhagen/b.jpg", "/Thrash/b.jpg", "/Album (1)/b.jpg"]
)
def test_a_name_that_only_looks_alike_is_not_set_aside(real):
    assert counts(photo(real), photo("/z/z.jpg")) == real


def test_a_file_that_exists_counts_before_one_that_is_gone():
    gone, there = photo("/a", "one", "second", "xmp"), photo("/backup/b")
    assert counts(gone, there, gone=["/a"]) == "/backup/b"
    assert counts(gone, there) == "/a"


def test_no_photos_have_no_copies():
    assert mark_duplicates(arrow_table(Photo, [])).num_rows == 0
