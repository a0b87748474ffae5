"""What the last complete run over the same output wrote, as far as this run may keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.schemas.columns import conform
from headcount.schemas.failures import MACHINE_CODES
from headcount.schemas.files import LISTED, File
from headcount.schemas.photos import Photo
from headcount.transforms.collection.storage import is_remote, local_copy, open_file


@dataclass(frozen=True, slots=True)
class Earlier:
    """The table files of that run."""

    photos: str
    faces: str
    failures: str
    files: str

    def damage(self) -> str | None:
        """Which table of that run is missing or cannot be read, for a person; None where all are well."""
        for field in fields(self):
            path = getattr(self, field.name)
            try:
                if is_remote(path):
                    open_file(path).close()
                else:
                    pq.read_metadata(path)
            except (OSError, pa.ArrowException) as error:
                return f"{path}: {error}"
        return None

    def known_files(self, retry_failed: bool = False) -> Iterator[File]:
        """The files that need not be read again while their version is the same.

        Those are all but what the machine failed on, or, with `retry_failed`, whatever failed, and what was
        made with other models or settings.
        """
        with local_copy(self.files) as file, local_copy(self.failures) as lost:
            files = conform(pq.read_table(file), File)
            failures = pq.read_table(lost, columns=["uri", "code"])
        if not retry_failed:
            code = failures["code"].cast(pa.string())
            failures = failures.filter(pc.is_in(code, value_set=pa.array(sorted(MACHINE_CODES))))
        again = pc.or_(pc.is_in(files["uri"], value_set=failures["uri"]), pc.is_valid(files["made_by"]))
        # Without a version a file could not be listed, or is passed over by its name.
        listed = pc.or_(pc.equal(files["version"], ""), pc.equal(files["outcome"].cast(pa.string()), LISTED))
        for row in files.filter(pc.invert(pc.or_(again, listed))).to_pylist():
            yield File(**row)


class KnownPhotos:
    """Finds the row of a photo by its bytes, whatever its name is now. Photos with failures are not known,
    nor those whose rows were made with other models or settings.

    Keeps the row group of the last photo that was found: a folder that was moved comes in the order of
    the table, and so each row group is read once and not once for each photo.
    """

    def __init__(self, earlier: Earlier) -> None:
        self._path = earlier.photos
        photos = pq.read_table(earlier.photos, columns=["photo_id", "uri"])
        failed = pq.read_table(earlier.failures, columns=["uri"])["uri"]
        other = pq.read_table(earlier.files, columns=["uri"], filters=pc.field("made_by").is_valid())["uri"]
        unknown = pa.chunked_array([*failed.chunks, *other.chunks], pa.string())
        whole = np.flatnonzero(pc.invert(pc.is_in(photos["uri"], value_set=unknown)))
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
