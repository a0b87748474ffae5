"""Rows -> Parquet parts in the folder of the run; `finish_run` makes the tables of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from headcount.schemas.columns import arrow_table
from headcount.schemas.files import File
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.storage import create_file, join

KEPT: Final = "kept"
"""Beside the tables: rows of `files` that an earlier run wrote and this one keeps."""

PART_ROWS: Final = 1024
"""Most rows of a part: a photo, its face and its file take 15 kB while they wait for it to be full. A bundle
may take hours, and an object in a bucket is not there before it is closed: without parts in between a run at
work would look dead (`bucket_output.LOCK_HOURS`)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A finished file of rows of one table. What a failed bundle left is in no Part and is never read."""

    table: str
    path: str
    rows: int


class WriteRows(beam.PTransform):
    """Dataclass rows of `table` -> Part, under `folder`, which may be in a bucket."""

    def __init__(self, table: str, folder: str) -> None:
        super().__init__()
        self._table = table
        self._folder = folder

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        return rows | "Write" >> beam.ParDo(_WriteRowsDoFn(self._table, self._folder))


class _WriteRowsDoFn(beam.DoFn):
    def __init__(self, table: str, folder: str) -> None:
        self._table = table
        self._folder = folder

    def start_bundle(self) -> None:
        self._rows: list[Any] = []
        self._parts: list[Part] = []

    def process(self, row: Any) -> None:
        self._rows.append(row)
        if len(self._rows) >= PART_ROWS:
            self._write()

    def finish_bundle(self) -> Iterable[WindowedValue]:
        if self._rows:
            self._write()
        for part in self._parts:
            yield WindowedValue(part, MIN_TIMESTAMP, (GlobalWindow(),))

    def _write(self) -> None:
        path = join(self._folder, f"{self._table}-{uuid.uuid4().hex}.parquet")
        row_type = File if self._table == KEPT else TABLES[self._table]
        with create_file(path) as file:
            pq.write_table(arrow_table(row_type, self._rows), file)
        self._parts.append(Part(self._table, path, len(self._rows)))
        self._rows.clear()
