from datetime import datetime

import pyarrow.parquet as pq
import pytest

from headcount.schemas.columns import arrow_table
from headcount.schemas.failures import Failure, failure
from headcount.schemas.files import FAILED, PHOTO, File
from headcount.schemas.photos import Photo
from headcount.transforms.collection.earlier import Earlier, KnownPhotos


def photo(number: int, name: str = "x") -> Photo:
    return Photo(
        uri=f"/photos/{number}/{name}.jpg",
        photo_id=f"{97 * number % 10:032x}",
        taken_at=datetime(2019, 3, 4),
        date_precision="day",
        utc_offset_minutes=None,
        date_source="folder",
        width=4,
        height=3,
        orientation=1,
        make=None,
        model=None,
        latitude=None,
        longitude=None,
        file_type="jpeg",
        bytes=number,
        faces=0,
    )


PHOTOS = [photo(number) for number in range(10)]


@pytest.fixture
def earlier(tmp_path):
    """Ten photos in row groups of three, the last of which failed in part."""
    earlier = Earlier(*(str(tmp_path / name) for name in ("photos", "faces", "failures", "files")))
    pq.write_table(arrow_table(Photo, PHOTOS), earlier.photos, row_group_size=3)
    lost = failure(PHOTOS[-1].uri, "decode", "truncated")
    pq.write_table(arrow_table(Failure, [lost]), earlier.failures)
    files = [
        File(uri=one.uri, version="1", outcome=FAILED if one is PHOTOS[-1] else PHOTO, file_type="jpeg")
        for one in PHOTOS
    ]
    pq.write_table(arrow_table(File, files), earlier.files)
    return earlier


def test_each_photo_is_found_in_any_order(earlier):
    known = KnownPhotos(earlier)
    for one in (*PHOTOS[:-1], *PHOTOS[-2::-1], *PHOTOS[:-1:2]):
        assert known.find(one.photo_id) == one


def test_neither_strangers_nor_photos_with_failures_are_known(earlier):
    known = KnownPhotos(earlier)
    for photo_id in (PHOTOS[-1].photo_id, "0" * 31, "f" * 32):
        assert known.find(photo_id) is None


def test_a_copy_is_known_by_either_name(earlier):
    pq.write_table(arrow_table(Photo, [*PHOTOS, photo(9, "copy")]), earlier.photos, row_group_size=3)
    assert KnownPhotos(earlier).find(PHOTOS[-1].photo_id) == photo(9, "copy")


def test_photos_made_with_other_settings_are_not_known(earlier):
    files = [
        File(
            uri=one.uri,
            version="1",
            outcome=PHOTO,
            file_type="jpeg",
            made_by="old" if one is PHOTOS[0] else None,
        )
        for one in PHOTOS
    ]
    pq.write_table(arrow_table(File, files), earlier.files)
    known = KnownPhotos(earlier)
    assert known.find(PHOTOS[0].photo_id) is None
    assert known.find(PHOTOS[1].photo_id) == PHOTOS[1]
    assert PHOTOS[0].uri not in {row.uri for row in earlier.known_files()}


@pytest.mark.parametrize(
    ("code", "retry_failed", "known"),
    [
        ("truncated", False, True),
        ("truncated", True, False),
        ("timeout", False, False),
        ("timeout", True, False),
    ],
)
def test_what_the_machine_failed_on_is_read_again_and_other_failures_when_asked_for(
    earlier, code, retry_failed, known
):
    lost = failure(PHOTOS[-1].uri, "decode", code)
    pq.write_table(arrow_table(Failure, [lost]), earlier.failures)
    uris = {row.uri for row in earlier.known_files(retry_failed)}
    assert (PHOTOS[-1].uri in uris) == known
    assert len(uris) == len(PHOTOS) - (not known)


def test_photos_beside_each_other_are_read_at_once(earlier, monkeypatch):
    known = KnownPhotos(earlier)
    assert known.find(PHOTOS[3].photo_id)
    monkeypatch.setattr("headcount.transforms.collection.earlier.pq.ParquetFile", None)
    assert known.find(PHOTOS[5].photo_id) == PHOTOS[5]
    assert known.find(PHOTOS[4].photo_id) == PHOTOS[4]
    with pytest.raises(TypeError):
        known.find(PHOTOS[6].photo_id)


def test_nothing_is_known_of_an_empty_run(earlier):
    pq.write_table(arrow_table(Photo, []), earlier.photos)
    assert KnownPhotos(earlier).find(PHOTOS[0].photo_id) is None
