"""The photos table: one row per file that was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from headcount.schemas.columns import RANKED, TEXT, WALL_CLOCK, WORD, column
from headcount.schemas.labels import DATE_PRECISIONS, DATE_SOURCES


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo. Byte copies share `photo_id` and have a row each."""

    uri: str = column(TEXT, "absolute path or bucket address; bytes that are not UTF-8 are percent-encoded")
    folder: str = column(TEXT, "the folder it is in", default="")
    camera: str = column(
        TEXT,
        "the folder without its parts that are a date or an hour: /cam1 for /cam1/2024-05-03/10, so that the "
        "photos of one fixed camera stay together",
        default="",
    )
    photo_id: str = column(TEXT, "first 32 hexadecimal digits of the sha256 of the file's bytes")
    duplicate_of: str | None = column(TEXT, "null, or the uri of the byte copy that counts", nullable=True)
    taken_at: datetime | None = column(
        WALL_CLOCK, "the camera's wall clock; parts finer than date_precision are not known", nullable=True
    )
    date_precision: str | None = column(
        RANKED,
        f"what of taken_at is known, down to the {', '.join(DATE_PRECISIONS)}; null where taken_at is",
        nullable=True,
        values=DATE_PRECISIONS,
    )
    utc_offset_minutes: int | None = column(
        pa.int16(), "wall clock minus UTC when the photo says so, never guessed", nullable=True
    )
    date_source: str | None = column(
        RANKED,
        f"where taken_at is from, the most trusted first: {', '.join(DATE_SOURCES)}; null where taken_at is",
        nullable=True,
        values=DATE_SOURCES,
    )
    date_conflict: str | None = column(
        WORD, "a source that says something more than a day away from taken_at", nullable=True
    )
    width: int = column(pa.int32(), "pixels of the upright full-size photo")
    height: int = column(pa.int32(), "pixels of the upright full-size photo")
    orientation: int = column(pa.int8(), "EXIF orientation 1 to 8 that was applied to make the photo upright")
    make: str | None = column(WORD, "camera maker", nullable=True)
    model: str | None = column(WORD, "camera model", nullable=True)
    latitude: float | None = column(pa.float64(), "degrees north; only with --keep_location", nullable=True)
    longitude: float | None = column(pa.float64(), "degrees east; only with --keep_location", nullable=True)
    file_type: str = column(WORD, "format of the content, whatever the name says")
    bytes: int = column(pa.int64(), "size of the file")
    faces: int = column(pa.int32(), "number of faces found")
