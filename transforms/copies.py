"""Which of a photo's byte copies counts."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def mark_duplicates(photos: pa.Table) -> pa.Table:
    """`photos` sorted by uri, with `duplicate_of` set on every byte copy but the one that counts.

    That is the one with a date, then the one with the smallest uri.
    """
    ranked = photos.select(["photo_id", "uri"]).append_column("undated", pc.is_null(photos["taken_at"]))
    ranked = ranked.sort_by([("photo_id", "ascending"), ("undated", "ascending"), ("uri", "ascending")])
    first = ranked.group_by("photo_id", use_threads=False).aggregate([("uri", "first")])
    counts = pc.take(first["uri_first"], pc.index_in(photos["photo_id"], value_set=first["photo_id"]))
    own = pc.equal(counts, photos["uri"])
    duplicate_of = pc.if_else(own, pa.scalar(None, pa.string()), counts)
    index = photos.schema.get_field_index("duplicate_of")
    return photos.set_column(index, photos.schema.field("duplicate_of"), duplicate_of).sort_by("uri")
