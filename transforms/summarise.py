"""From rows of photos and faces to the footfall and album tables. Never touches a pixel.

Every function takes photos and faces without the copies, and may be given the faces in pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from headcount.schemas.album import Album
from headcount.schemas.footfall import Footfall
from headcount.schemas.labels import AGE_GROUP_NAMES, GENDERS, MOODS
from headcount.transforms.cameras import with_cameras

TO_THE_HOUR: Final = ("second", "minute", "hour")
TO_THE_MONTH: Final = (*TO_THE_HOUR, "day", "month")
TO_THE_YEAR: Final = (*TO_THE_MONTH, "year")
"""Precisions that are good enough for an hourly, a monthly and a yearly count."""

FOOTFALL_PLACE: Final = ("camera", "hour")
FOOTFALL_GROUPS: Final = ("age_group", "gender", "mood")
ALBUM_PLACE: Final = ("year", "month")
ALBUM_GROUPS: Final = ("age_group",)

_RANKS: Final = {word: rank for words in (AGE_GROUP_NAMES, GENDERS, MOODS) for rank, word in enumerate(words)}

Groups = Counter[tuple[Any, ...]]


def with_places(rows: pa.Table) -> pa.Table:
    """`rows` (`uri`, `taken_at`, `date_precision`, any groups) with `folder`, `camera`, `hour`,
    `year` and `month`.

    A part of the date that its precision does not hold is null.
    """
    rows = with_cameras(rows)
    none = pa.nulls(len(rows))
    taken, precision = rows["taken_at"], rows["date_precision"].cast(pa.string())
    to_hour, to_month, to_year = (
        pc.is_in(precision, value_set=pa.array(known)) for known in (TO_THE_HOUR, TO_THE_MONTH, TO_THE_YEAR)
    )
    columns = {
        "hour": pc.if_else(to_hour, pc.floor_temporal(taken, unit="hour"), none.cast(taken.type)),
        "year": pc.if_else(to_year, pc.year(taken), none.cast(pa.int64())),
        "month": pc.if_else(to_month, pc.month(taken), none.cast(pa.int64())),
    }
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def count_groups(rows: pa.Table, keys: Sequence[str]) -> Groups:
    """Number of rows for each combination of `keys`, null being a value like any other."""
    plain = pa.table({key: rows[key].cast(pa.string()) if _is_word(rows[key]) else rows[key] for key in keys})
    counted = plain.group_by(list(keys), use_threads=False).aggregate([([], "count_all")])
    columns = [counted[key].to_pylist() for key in keys]
    return Counter(dict(zip(zip(*columns, strict=True), counted["count_all"].to_pylist(), strict=True)))


def footfall(photos: Groups, faces: Groups) -> list[Footfall]:
    """Rows from counts by FOOTFALL_PLACE, and by FOOTFALL_PLACE + FOOTFALL_GROUPS."""
    return [
        Footfall(
            camera=camera,
            hour=hour,
            age_group=age,
            gender=gender,
            mood=mood,
            faces=n,
            photos=all_photos,
            present=n / all_photos,
        )
        for (camera, hour, age, gender, mood), n, all_photos in _joined(photos, faces, len(FOOTFALL_GROUPS))
    ]


def album(photos: Groups, faces: Groups) -> list[Album]:
    """Rows from counts by ALBUM_PLACE, and by ALBUM_PLACE + ALBUM_GROUPS."""
    return [
        Album(year=year, month=month, age_group=age, faces=n, photos=all_photos)
        for (year, month, age), n, all_photos in _joined(photos, faces, len(ALBUM_GROUPS))
    ]


def _joined(photos: Groups, faces: Groups, groups: int) -> Iterable[tuple[tuple[Any, ...], int, int]]:
    """Each group of faces, and each place without one, with the photos of its place.

    In the order of the place and then of what the words mean; nulls come last.
    """
    peopled = {key[:-groups] for key in faces}
    empty = {(*place, *[None] * groups): 0 for place in photos if place not in peopled}
    rows = {**faces, **empty}

    def rank(key: tuple[Any, ...]) -> list[tuple[bool, Any]]:
        place, words = key[:-groups], key[-groups:]
        return [(part is None, part) for part in (*place, *map(_RANKS.get, words))]

    for key in sorted(rows, key=rank):
        yield key, rows[key], photos[key[:-groups]]


def _is_word(column: pa.ChunkedArray) -> bool:
    return pa.types.is_dictionary(column.type)
