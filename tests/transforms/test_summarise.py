from collections import Counter
from datetime import datetime

import pyarrow as pa

from headcount.schemas.album import Album
from headcount.schemas.footfall import Footfall
from headcount.transforms.summarise import (
    ALBUM_PLACE,
    FOOTFALL_GROUPS,
    FOOTFALL_PLACE,
    album,
    count_groups,
    footfall,
    with_places,
)

MORNING, LATER = datetime(2024, 3, 4, 8, 10), datetime(2024, 3, 4, 8, 50)


def rows(*values, **more):
    uri, taken_at, precision = zip(*values, strict=True)
    table = pa.table(
        {"uri": uri, "taken_at": pa.array(taken_at, pa.timestamp("us")), "date_precision": precision}
    )
    for name, column in more.items():
        table = table.append_column(name, pa.array(column, pa.string()).dictionary_encode())
    return with_places(table)


def test_places_hold_only_what_the_precision_holds():
    table = rows(
        ("/cam/a.jpg", LATER, "second"),
        ("/cam/b.jpg", LATER, "hour"),
        ("/cam/c.jpg", LATER, "day"),
        ("/c.jpg", LATER, "year"),
        ("/c.jpg", LATER, "decade"),
        ("/c.jpg", None, None),
    )
    assert table["camera"].to_pylist() == ["/cam", "/cam", "/cam", "/", "/", "/"]
    assert table["hour"].to_pylist() == [datetime(2024, 3, 4, 8)] * 2 + [None] * 4
    assert table["month"].to_pylist() == [3, 3, 3, None, None, None]
    assert table["year"].to_pylist() == [2024, 2024, 2024, 2024, None, None]


def test_footfall_counts_faces_and_repeats_photos():
    photos = rows(
        ("/cam/a.jpg", MORNING, "second"), ("/cam/b.jpg", LATER, "minute"), ("/x/c.jpg", None, None)
    )
    faces = rows(
        *[("/cam/a.jpg", MORNING, "second")] * 2,
        ("/cam/b.jpg", LATER, "minute"),
        age_group=["adult"] * 3,
        gender=["female", "female", None],
        mood=[None] * 3,
    )
    table = footfall(
        count_groups(photos, FOOTFALL_PLACE), count_groups(faces, FOOTFALL_PLACE + FOOTFALL_GROUPS)
    )
    hour = datetime(2024, 3, 4, 8)
    assert table == [
        Footfall(
            camera="/cam", hour=hour, age_group="adult", gender="female", faces=2, photos=2, present=1.0
        ),
        Footfall(camera="/cam", hour=hour, age_group="adult", faces=1, photos=2, present=0.5),
        Footfall(camera="/x", faces=0, photos=1, present=0.0),
    ]


def test_footfall_is_of_a_camera_whatever_its_folders_of_days():
    photos = rows(("/cam/2024-03-04/a.jpg", MORNING, "second"), ("/cam/2024-03-04/08/b.jpg", LATER, "second"))
    (row,) = footfall(count_groups(photos, FOOTFALL_PLACE), Counter())
    assert (row.camera, row.photos) == ("/cam", 2)


def test_groups_stand_in_the_order_of_their_meaning():
    photos = rows(("/a.jpg", MORNING, "second"))
    faces = rows(*[("/a.jpg", MORNING, "second")] * 4, age_group=["adult", None, "toddler", "baby"])
    table = album(count_groups(photos, ALBUM_PLACE), count_groups(faces, (*ALBUM_PLACE, "age_group")))
    assert [row.age_group for row in table] == ["baby", "toddler", "adult", None]


def test_a_month_without_a_face_has_one_row():
    photos = rows(("/a.jpg", MORNING, "month"), ("/b.jpg", None, None))
    faces = rows(("/b.jpg", None, None), age_group=["baby"])
    table = album(count_groups(photos, ALBUM_PLACE), count_groups(faces, (*ALBUM_PLACE, "age_group")))
    assert table == [
        Album(year=2024, month=3, faces=0, photos=1),
        Album(age_group="baby", faces=1, photos=1),
    ]
