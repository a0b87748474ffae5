"""The album table: photos per year and month, and their faces by age group."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from headcount.schemas.columns import RANKED, column
from headcount.schemas.labels import AGE_GROUP_NAMES


@dataclass(frozen=True, slots=True)
class Album:
    """Copies of a photo count once. A month with photos and without a face has one row with zero faces."""

    year: int | None = column(
        pa.int16(), "year, null for photos without a date or with no more than its decade", nullable=True
    )
    month: int | None = column(
        pa.int8(), "month 1 to 12, null for photos whose date is only a year", nullable=True
    )
    age_group: str | None = column(
        RANKED, "as in faces; null is a group of its own", nullable=True, values=AGE_GROUP_NAMES
    )
    faces: int = column(pa.int64(), "faces of this group in this month")
    photos: int = column(
        pa.int64(), "all photos of this month, repeated in each of its rows: count it once a month"
    )
