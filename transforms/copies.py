"""Which of a photo's byte copies counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from headcount.schemas.labels import DATE_PRECISIONS, DATE_SOURCES

_SPARE: Final = (
    r"backup|trash|recycle|(^|[^a-z])(bak|cop(y|ies)|kopie|copie|copia|duplicates?|deleted)([^a-z]|$)"
    r"|\(\d+\)\.[a-z0-9]+$"
)
"""What is in the address of a file set aside: `/Backup 2019/a.jpg`, `/a - Copy.jpg`, `/a (1).jpg`."""

_OF_THE_MOMENT: Final = DATE_SOURCES.index("folder")
"""The last source that dates the moment of a photo; those after it date its file."""


def mark_duplicates(photos: pa.Table, gone: pa.Array | pa.ChunkedArray | None = None) -> pa.Table:
    """`photos` sorted by uri, with `duplicate_of` set on every byte copy but the one that counts.

    What decides is, in this order: that the file exists (it does not if its uri is in `gone`), that its date
    is one of the moment and not of the file, how precise the date is, how trusted its source, that neither
    folder nor name says backup, copy or trash, and the smallest uri.
    """
    groups = photos.group_by("photo_id").aggregate([([], "count_all")])
    shared = groups.filter(pc.greater(groups["count_all"], 1))["photo_id"].combine_chunks()
    copies = photos.filter(pc.is_in(photos["photo_id"], value_set=shared))
    ranks = {
        "gone": pc.is_in(copies["uri"], value_set=pa.array([], pa.string()) if gone is None else gone),
        "of_the_file": pc.greater(_rank(copies["date_source"], DATE_SOURCES), _OF_THE_MOMENT),
        "precision": _rank(copies["date_precision"], DATE_PRECISIONS),
        "source": _rank(copies["date_source"], DATE_SOURCES),
        "spare": pc.match_substring_regex(copies["uri"], _SPARE, ignore_case=True),
    }
    ranked = pa.table({"photo_id": copies["photo_id"], **ranks, "uri": copies["uri"]})
    ranked = ranked.sort_by([(name, "ascending") for name in ranked.column_names])
    first = ranked.group_by("photo_id", use_threads=False).aggregate([("uri", "first")])
    counts = pc.take(first["uri_first"], pc.index_in(photos["photo_id"], value_set=first["photo_id"]))
    own = pc.equal(counts, photos["uri"])
    duplicate_of = pc.if_else(own, pa.scalar(None, pa.string()), counts)
    index = photos.schema.get_field_index("duplicate_of")
    return photos.set_column(index, photos.schema.field("duplicate_of"), duplicate_of).sort_by("uri")


def _rank(words: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    """The place of each word in `values`; null comes after all."""
    return pc.fill_null(pc.index_in(words.cast(pa.string()), value_set=pa.array(values)), len(values))
