"""What the last complete run over the same output wrote, as far as this run may keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.files import File
from schemas.photos import Photo


@dataclass(frozen=True, slots=True)
class Earlier:
    """The table files of that run, made with the same models and settings."""

    photos: str
    faces: str
    failures: str
    files: str

    def known_files(self) -> Iterator[File]:
        """The files that can be told unchanged by their version."""
        table = pq.read_table(self.files)
        # Without a version a file could not be listed, or is passed over by its name.
        for row in table.filter(pc.not_equal(table["version"], "")).to_pylist():
            yield File(**row)


class KnownPhotos:
    """Finds the row of a photo by its bytes, whatever its name is now. Photos with failures are not known."""

    def __init__(self, earlier: Earlier) -> None:
        self._path = earlier.photos
        photos = pq.read_table(earlier.photos, columns=["photo_id", "uri"])
        failed = pq.read_table(earlier.failures, columns=["uri"])["uri"]
        whole = photos.filter(pc.invert(pc.is_in(photos["uri"], value_set=failed)))
        # Sixteen times smaller than a set of str, and every child process has one.
        self._ids = np.unique(np.asarray(whole["photo_id"]).astype("S32"))

    def find(self, photo_id: str) -> Photo | None:
        """A row with this `photo_id`."""
        index = int(np.searchsorted(self._ids, photo_id.encode()))
        if index == len(self._ids) or self._ids[index] != photo_id.encode():
            return None
        rows = pq.read_table(self._path, filters=[("photo_id", "=", photo_id)]).slice(0, 1)
        return Photo(**rows.to_pylist()[0])
