"""Rows -> Parquet parts in the folder of the run, one per bundle; `finish_run` makes the tables of them."""

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

from schemas.columns import arrow_schema, arrow_table
from schemas.files import File
from schemas.tables import TABLES
from transforms.storage import create_file, join

KEPT: Final = "kept"
"""Beside the tables: rows of `files` that an earlier run wrote and this one keeps."""

ROWS_IN_MEMORY: Final = 4096
"""Rows that are gathered before they are written: a few megabytes of faces."""


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
        return rows | beam.ParDo(_WriteRowsDoFn(self._table, self._folder))


class _WriteRowsDoFn(beam.DoFn):
    def __init__(self, table: str, folder: str) -> None:
        self._table = table
        self._folder = folder

    def start_bundle(self) -> None:
        self._rows: list[Any] = []
        self._written = 0
        self._writer: pq.ParquetWriter | None = None

    def process(self, row: Any) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROWS_IN_MEMORY:
            self._flush()

    def finish_bundle(self) -> Iterable[WindowedValue]:
        if self._rows:
            self._flush()
        if self._writer:
            self._writer.close()
            self._file.close()
            part = Part(self._table, self._path, self._written)
            yield WindowedValue(part, MIN_TIMESTAMP, (GlobalWindow(),))

    def _flush(self) -> None:
        row_type = File if self._table == KEPT else TABLES[self._table]
        if self._writer is None:
            self._path = join(self._folder, f"{self._table}-{uuid.uuid4().hex}.parquet")
            self._file = create_file(self._path)
            self._writer = pq.ParquetWriter(self._file, arrow_schema(row_type))
        self._writer.write_table(arrow_table(row_type, self._rows))
        self._written += len(self._rows)
        self._rows.clear()
