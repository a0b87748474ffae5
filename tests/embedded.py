"""ReadFaces in a pipeline that is not ours, which writes what comes out as lines of JSON."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from headcount.beam_pipeline.read_faces import ReadFaces
from headcount.runners.engines import IN_PROCESS

FILLED_AT_THE_END = ("duplicate_of",)
"""Columns that need all photos."""


def embed(
    places: Iterable[Any], target: Path, beam_args: Iterable[str] = (), **options
) -> dict[str, list[str]]:
    """The lines of each of the three tables, sorted."""
    target.mkdir(exist_ok=True)
    beam_args = list(beam_args) or [f"--runner={IN_PROCESS}"]
    with beam.Pipeline(options=PipelineOptions(beam_args)) as pipeline:
        rows = pipeline | beam.Create(list(places)) | ReadFaces(processes=1, **options)
        for table, of_table in rows._asdict().items():
            texts = of_table | f"{table} as JSON" >> beam.Map(line)
            texts | f"Write {table}" >> beam.io.WriteToText(str(target / table))
    found = {table: sorted(target.glob(f"{table}-*")) for table in rows._fields}
    return {table: sorted("".join(map(Path.read_text, files)).splitlines()) for table, files in found.items()}


def tables(output: Path) -> dict[str, list[str]]:
    """The same lines from the tables of a run."""
    found = {table: pq.read_table(output / table).to_pylist() for table in ("photos", "faces", "failures")}
    return {table: sorted(map(line, rows)) for table, rows in found.items()}


def line(row: Any) -> str:
    """A row of ReadFaces or of a table as JSON, with the floats that the tables hold."""
    values = row if isinstance(row, dict) else row._asdict()
    return json.dumps(
        {name: _plain(value) for name, value in values.items() if name not in FILLED_AT_THE_END}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(np.float32(value))
    if isinstance(value, datetime):
        return value.isoformat()
    return [_plain(one) for one in value] if isinstance(value, list) else value
