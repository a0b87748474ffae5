"""The footfall table: faces per folder, hour, age group, gender and mood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from headcount.schemas.columns import TEXT, WALL_CLOCK, WORD, column


@dataclass(frozen=True, slots=True)
class Footfall:
    """A count of faces in photos, not of people: who stays is counted in every photo.

    Copies of a photo count once. An hour with photos and without a face has one row with zero faces.
    """

    folder: str = column(TEXT, "folder of the photos, so that two cameras stay apart")
    hour: datetime | None = column(
        WALL_CLOCK,
        "start of the hour, wall clock; null for photos without a date to the hour",
        nullable=True,
    )
    age_group: str | None = column(WORD, "as in faces; null is a group of its own", nullable=True)
    gender: str | None = column(WORD, "as in faces; null is a group of its own", nullable=True)
    mood: str | None = column(WORD, "as in faces; null is a group of its own", nullable=True)
    faces: int = column(pa.int64(), "faces of this group in this hour")
    photos: int = column(pa.int64(), "all photos of this folder and hour, repeated in each of its rows")
