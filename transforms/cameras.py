"""Which photos one fixed camera wrote, by their folders."""

from __future__ import annotations

import os
import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_YEAR = r"(?:19|20)\d\d"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3])"
_TIME = rf"{_HOUR}(?:[-_.: ]?[0-5]\d){{0,2}}h?|[ap]m"
_DATE: Final = re.compile(
    # 2024-05-03, 20240503, 2024-05, 2024, 20240503AM, 2024-05-03_10, 2024-05-03T10-00-00, 2024-W18
    rf"{_YEAR}(?:[-_. ]?W\d\d|[-_. ]?{_MONTH}(?:[-_. ]?{_DAY}(?:[T_ -]?(?:{_TIME}))?)?)?"
    # 03.05.2024, whichever is the day
    rf"|\d\d?[-_. ]\d\d?[-_. ]{_YEAR}",
    re.ASCII | re.IGNORECASE,
)
_WITHIN: Final = re.compile(rf"\d\d|(?:h|hour[-_ ]?)?(?:{_TIME})", re.ASCII | re.IGNORECASE)
"""Month, day, hour, minute or second, in a folder below one with a date; a single digit may be a camera."""
_SHORT: Final = re.compile(r"\d", re.ASCII)
"""Month or day right below a year or such a month, as in 2024/5/3."""

_SEPARATORS: Final = f"/{os.sep}"
_LAST_PART: Final = rf"[{re.escape(_SEPARATORS)}][^{re.escape(_SEPARATORS)}]*$"


def folder_of(uri: str) -> str:
    """The folder of a file, as `photos.folder` has it."""
    return re.sub(_LAST_PART, "", uri) or "/"


def camera_of(folder: str) -> str:
    """The part of a folder's address that stays when folders of days and hours change.

    `/cam1/2024-05-03/10` and `/cam1/2024/05/03/10` are /cam1, and `/2024-05-03/cam1` is too. Numbers above
    any date stay, since they may be a camera's. The name of a bucket stays.
    """
    separator = "/" if "/" in folder else os.sep
    parts = folder.split(separator)
    first = 3 if "://" in folder else 1
    kept, dated, short = parts[:first], False, 0
    for part in parts[first:]:
        if _DATE.fullmatch(part):
            dated, short = True, 2 if re.fullmatch(_YEAR, part) else 0
        elif (dated and _WITHIN.fullmatch(part)) or (short > 0 and _SHORT.fullmatch(part)):
            short -= 1
        else:
            kept.append(part)
            short = 0
    return separator.join(kept) or separator


def with_cameras(rows: pa.Table) -> pa.Table:
    """`rows` with `folder` and `camera` as their `uri` says, in place of any that they have."""
    folders = pc.replace_substring_regex(rows["uri"], _LAST_PART, "")
    found = folders.unique()
    index = pc.index_in(folders, value_set=found)
    names = [name or "/" for name in found.to_pylist()]
    for column, values in (("folder", names), ("camera", [camera_of(name) for name in names])):
        array = pc.take(pa.array(values, pa.string()), index)
        if column in rows.column_names:
            at = rows.schema.get_field_index(column)
            rows = rows.set_column(at, rows.schema.field(at), array)
        else:
            rows = rows.append_column(column, array)
    return rows
