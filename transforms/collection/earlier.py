"""What the last complete run over the same output wrote, as far as this run may keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.schemas.columns import conform
from headcount.schemas.files import LISTED, File
from headcount.schemas.photos import Photo
from headcount.transforms.collection.storage import local_copy


@dataclass(frozen=True, slots=True)
class Earlier:
    """The table files of that run, made with the same models and settings."""

    photos: str
    faces: str
    failures: str
    files: str

    def known_files(self) -> Iterator[File]:
        """The files that can be told unchanged by their version."""
        with local_copy(self.files) as file:
            table = conform(pq.read_table(file), File)
        # Without a version a file could not be listed, or is passed over by its name.
        known = pc.and_(
            pc.not_equal(table["version"], ""), pc.not_equal(table["outcome"].cast(pa.string()), LISTED)
        )
        for row in table.filter(known).to_pylist():
            yield File(**row)


class KnownPhotos:
    """Finds the row of a photo by its bytes, whatever its name is now. Photos with failures are not known.

    Keeps the row group of the last photo that was found: a folder that was moved comes in the order of
    the table, and so each row group is read once and not once for each photo.
    """

    def __init__(self, earlier: Earlier) -> None:
        self._path = earlier.photos
        photos = pq.read_table(earlier.photos, columns=["photo_id", "uri"])
        failed = pq.read_table(earlier.failures, columns=["uri"])["uri"]
        whole = np.flatnonzero(pc.invert(pc.is_in(photos["uri"], value_set=failed)))
        # Sixteen times smaller than a set of str, and every child process has one.
        ids = np.asarray(photos["photo_id"]).astype("S32")[whole]
        self._ids, first = np.unique(ids, return_index=True)
        self._rows = whole[first]
        file = pq.read_metadata(self._path)
        self._ends = np.cumsum([file.row_group(group).num_rows for group in range(file.num_row_groups)])
        self._group = -1

    def find(self, photo_id: str) -> Photo | None:
        """A row with this `photo_id`."""
        index = int(np.searchsorted(self._ids, photo_id.encode()))
        if index == len(self._ids) or self._ids[index] != photo_id.encode():
            return None
        row = int(self._rows[index])
        group = int(np.searchsorted(self._ends, row, side="right"))
        if group != self._group:
            with pq.ParquetFile(self._path) as file:
                self._photos = conform(file.read_row_group(group), Photo)
            self._group = group
        # Counted from the end, where the rows of every group stop.
        (found,) = self._photos.slice(len(self._photos) - int(self._ends[group]) + row, 1).to_pylist()
        return Photo(**found)
