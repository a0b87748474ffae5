from datetime import datetime

from headcount.schemas.columns import arrow_table
from headcount.schemas.photos import Photo
from headcount.transforms.copies import mark_duplicates

DAY = datetime(2024, 3, 4, 8, 10)


def photo(uri, photo_id, taken_at=None):
    return Photo(
        uri=uri,
        photo_id=photo_id,
        taken_at=taken_at,
        date_precision=taken_at and "second",
        width=9,
        height=9,
        orientation=1,
        file_type="jpeg",
        bytes=1,
        faces=1,
    )


def test_the_copy_that_counts_has_a_date_and_then_the_smallest_uri():
    photos = [photo("/c", "one", DAY), photo("/a", "one"), photo("/b", "one", DAY), photo("/d", "two")]
    rows = mark_duplicates(arrow_table(Photo, photos)).to_pylist()
    assert [(row["uri"], row["duplicate_of"]) for row in rows] == [
        ("/a", "/b"),
        ("/b", None),
        ("/c", "/b"),
        ("/d", None),
    ]
