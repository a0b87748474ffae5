"""From the parts of a run to its five tables, and the switch that makes them visible.

Rows are a thousand times smaller than photos, so one worker turns the rows of a million photos into
tables in the time a thousand photos take to read. Faces stream through; photos are held as columns.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.columns import arrow_schema, arrow_table
from schemas.manifest import Manifest
from schemas.tables import TABLES
from transforms.output import MANIFEST, Output
from transforms.summarise import (
    ALBUM_GROUPS,
    ALBUM_PLACE,
    FOOTFALL_GROUPS,
    FOOTFALL_PLACE,
    Groups,
    album,
    count_groups,
    footfall,
    with_places,
)
from transforms.write_rows import Part

BATCH_ROWS: Final = 65_536
"""Rows of a row group of the tables."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What the manifest and the tables say of the run that made them."""

    output: Output
    version: str
    started_at: datetime
    settings: dict[str, Any]
    models: dict[str, str]


def mark_duplicates(photos: pa.Table) -> pa.Table:
    """`photos` sorted by uri, with `duplicate_of` set on every byte copy but the one that counts.

    That is the one with a date, then the one with the smallest uri.
    """
    photos = photos.append_column("_undated", pc.is_null(photos["taken_at"]))
    ranked = photos.sort_by([("photo_id", "ascending"), ("_undated", "ascending"), ("uri", "ascending")])
    first = ranked.group_by("photo_id", use_threads=False).aggregate([("uri", "first")])
    counts = pc.take(first["uri_first"], pc.index_in(photos["photo_id"], value_set=first["photo_id"]))
    own = pc.equal(counts, photos["uri"])
    duplicate_of = pc.if_else(own, pa.scalar(None, pa.string()), counts)
    index = photos.schema.get_field_index("duplicate_of")
    photos = photos.set_column(index, photos.schema.field("duplicate_of"), duplicate_of)
    return photos.drop_columns("_undated").sort_by("uri")


def finish_run(info: RunInfo, parts: Sequence[Part], skipped: Mapping[str, int]) -> Manifest:
    """Writes all tables and the manifest of a run from its parts, then publishes them."""
    paths = {table: sorted(part.path for part in parts if part.table == table) for table in TABLES}
    photos = mark_duplicates(_read_all("photos", paths["photos"]))
    copies = photos.filter(pc.is_valid(photos["duplicate_of"]))
    counted = with_places(photos.filter(pc.is_null(photos["duplicate_of"])))
    rows = {"photos": _write(info, "photos", [photos])}

    footfall_faces: Groups = Counter()
    album_faces: Groups = Counter()

    def faces() -> Iterator[pa.Table]:
        for batch in _batches(paths["faces"]):
            batch = batch.filter(pc.invert(pc.is_in(batch["uri"], value_set=copies["uri"])))
            placed = with_places(_with_precision(batch, counted))
            footfall_faces.update(count_groups(placed, FOOTFALL_PLACE + FOOTFALL_GROUPS))
            album_faces.update(count_groups(placed, ALBUM_PLACE + ALBUM_GROUPS))
            yield batch

    rows["faces"] = _write(info, "faces", faces())
    failures = _read_all("failures", paths["failures"]).sort_by(
        [("uri", "ascending"), ("message", "ascending")]
    )
    rows["failures"] = _write(info, "failures", [failures])
    summaries: dict[str, Sequence[Any]] = {
        "footfall": footfall(count_groups(counted, FOOTFALL_PLACE), footfall_faces),
        "album": album(count_groups(counted, ALBUM_PLACE), album_faces),
    }
    for table, summary in summaries.items():
        rows[table] = _write(info, table, [arrow_table(TABLES[table], summary)])
    manifest = Manifest(
        run_id=info.output.run_id,
        version=info.version,
        started_at=f"{info.started_at:%Y-%m-%dT%H:%M:%SZ}",
        finished_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        settings=info.settings,
        models=info.models,
        rows=rows,
        duplicates=len(copies),
        failures=dict(Counter(failures["code"].to_pylist())),
        skipped=dict(sorted(skipped.items())),
    )
    with open(f"{info.output.run_folder}/{MANIFEST}", "w", encoding="utf-8") as file:
        file.write(manifest.to_json())
    info.output.publish()
    return manifest


def _read_all(table: str, paths: Sequence[str]) -> pa.Table:
    empty = arrow_schema(TABLES[table]).empty_table()
    return pa.concat_tables([empty, *map(pq.read_table, paths)]).unify_dictionaries().combine_chunks()


def _batches(paths: Iterable[str]) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield pa.Table.from_batches([batch])


def _with_precision(faces: pa.Table, photos: pa.Table) -> pa.Table:
    """`faces` with the `date_precision` of their photos."""
    wanted = photos.filter(pc.is_in(photos["uri"], value_set=faces["uri"]))
    precision = pc.take(wanted["date_precision"], pc.index_in(faces["uri"], value_set=wanted["uri"]))
    return faces.append_column("date_precision", precision)


def _write(info: RunInfo, table: str, pieces: Iterable[pa.Table]) -> int:
    """Writes a table of the run and returns its number of rows."""
    schema = arrow_schema(TABLES[table])
    about = {
        "headcount.run_id": info.output.run_id,
        "headcount.version": info.version,
        "headcount.models": json.dumps(info.models),
        "headcount.settings": json.dumps(info.settings),
    }
    schema = schema.with_metadata({**(schema.metadata or {}), **about})
    rows = 0
    with pq.ParquetWriter(info.output.table_file(table), schema, compression="zstd") as writer:
        for piece in pieces:
            writer.write_table(piece.cast(schema), row_group_size=BATCH_ROWS)
            rows += len(piece)
    return rows


class FinishRun(beam.PTransform):
    """Part -> one Manifest, after the tables are visible. `skipped` is a PCollection of type words."""

    def __init__(self, info: RunInfo, skipped: beam.PCollection) -> None:
        super().__init__()
        self._info = info
        self._skipped = skipped

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        counts = self._skipped | "CountSkipped" >> beam.combiners.Count.PerElement()
        info = self._info
        return (
            parts
            | "AllParts" >> beam.combiners.ToList()
            | "Tables"
            >> beam.Map(lambda parts, skipped: finish_run(info, parts, skipped), beam.pvalue.AsDict(counts))
        )
