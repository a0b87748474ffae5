"""The footfall table: faces per camera, hour, age group, gender and mood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from headcount.schemas.columns import RANKED, TEXT, WALL_CLOCK, column
from headcount.schemas.labels import AGE_GROUP_NAMES, GENDERS, MOODS


@dataclass(frozen=True, slots=True)
class Footfall:
    """A count of faces in photos, not of people: who stays is counted in every photo.

    Copies of a photo count once. An hour with photos and without a face has one row with zero faces.
    """

    camera: str = column(TEXT, "as in photos: the folder without its parts that are a date or an hour")
    hour: datetime | None = column(
        WALL_CLOCK,
        "start of the hour, wall clock; null for photos without a date to the hour",
        nullable=True,
    )
    age_group: str | None = column(
        RANKED, "as in faces; null is a group of its own", nullable=True, values=AGE_GROUP_NAMES
    )
    gender: str | None = column(
        RANKED, "as in faces; null is a group of its own", nullable=True, values=GENDERS
    )
    mood: str | None = column(RANKED, "as in faces; null is a group of its own", nullable=True, values=MOODS)
    faces: int = column(pa.int64(), "faces of this group in this hour")
    photos: int = column(
        pa.int64(), "all photos of this camera and hour, repeated in each of its rows: count it once an hour"
    )
    present: float = column(
        pa.float64(),
        "mean number of people of this group in a photo of this camera and hour: faces / photos. Add it up"
        " over groups and over cameras; over hours take the mean, in which an hour that has photos and no row"
        " of the group counts as 0",
    )
