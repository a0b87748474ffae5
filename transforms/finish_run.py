"""From the parts of a run to its tables, and the switch that makes them visible.

Rows are thousands of times smaller than photos, so one worker can do this for a large collection. Faces
stream through; photos are held as columns.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.schemas.columns import arrow_schema, arrow_table, conform
from headcount.schemas.faces import Face
from headcount.schemas.files import SKIPPED
from headcount.schemas.manifest import READING_VERSION, Manifest
from headcount.schemas.tables import TABLES
from headcount.transforms.cameras import with_cameras
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.forgotten import Forgotten
from headcount.transforms.collection.output import Output
from headcount.transforms.collection.state import Rows, State, next_state, refusal
from headcount.transforms.collection.storage import create_file, local_copy
from headcount.transforms.copies import mark_duplicates
from headcount.transforms.photo.reader_pool import ReaderPool
from headcount.transforms.summarise import (
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
from headcount.transforms.write_rows import KEPT, Part

BATCH_ROWS: Final = 65_536
"""Rows of a row group of the tables."""

COUNTED: Final = ("photo_id", "uri", "taken_at", "date_precision")
"""What faces and summaries need to know of photos."""

LOOKUP_ROWS: Final = 16_384
"""Rows for which photos are looked up at once: each lookup goes through all photos first."""

_WHOLE: Final = ("photos", "failures", "files")
"""Tables that are held whole."""

READ_AHEAD: Final = 8
"""Parts that are read at once; each holds the rows of one bundle."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What the manifest and the tables say of the run that made them, and what it may keep."""

    output: Output
    version: str
    started_at: datetime
    settings: dict[str, Any]
    models: dict[str, str]
    before: Manifest | None = None
    """Of the last complete run."""
    earlier: Earlier | None = None
    """Its tables."""
    same: bool = True
    """Whether they were made with the same models and settings."""
    keep_deleted: bool = False
    allow_gone: bool = False
    forgotten: Forgotten = Forgotten()
    globs: tuple[str, ...] = ()
    """Those of the inputs, absolute, that are globs."""


def finish_run(info: RunInfo, parts: Sequence[Part]) -> Manifest:
    """Writes all tables and the manifest of a run from its parts and what it keeps, then publishes them.

    An engine may do this again, also after it was done or stopped: a run whose tables are complete is only
    published. Raises RefusedError for a run that is not to be published (`collection.state.refusal`), and
    RuntimeError where it does not hold the output any more.
    """
    output, after = info.output, info.before.run_id if info.before else None
    if manifest := output.manifest():
        output.publish(manifest, after)
        return manifest
    output.check_held()
    paths = {table: sorted(part.path for part in parts if part.table == table) for table in (*TABLES, KEPT)}
    collection = _collect(info, paths)
    state = collection.state
    if why := refusal(state, info.allow_gone, info.keep_deleted):
        output.refuse(why)
    photos, failures, files = (_one_piece(getattr(state.rows, table)) for table in _WHOLE)
    photos = mark_duplicates(with_cameras(photos), gone=state.deleted)
    counted = photos.select(COUNTED).filter(pc.is_null(photos["duplicate_of"]))
    failures = failures.sort_by([("uri", "ascending"), ("message", "ascending")])
    rows = {
        table: _write(info, table, [whole])
        for table, whole in (("photos", photos), ("failures", failures), ("files", files.sort_by("uri")))
    }
    duplicates = len(photos) - len(counted)
    failed = Counter(failures["code"].to_pylist())
    passed_over = files.filter(pc.equal(files["outcome"].cast(pa.string()), SKIPPED))
    skipped = Counter(passed_over["file_type"].to_pylist())
    makers = set(state.kept["made_by"].unique().to_pylist()) - {None}
    del photos, failures, files  # Faces take their memory.
    footfall_faces: Groups = Counter()
    album_faces: Groups = Counter()

    def counting(faces: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for batch in faces:
            placed = with_places(batch)
            footfall_faces.update(count_groups(placed, FOOTFALL_PLACE + FOOTFALL_GROUPS))
            album_faces.update(count_groups(placed, ALBUM_PLACE + ALBUM_GROUPS))
            yield batch.drop_columns("date_precision")

    rows["faces"] = _write(
        info, "faces", counting(_faces(paths["faces"], info.earlier, counted, collection.anew))
    )
    placed = with_places(counted)
    summaries: dict[str, Sequence[Any]] = {
        "footfall": footfall(count_groups(placed, FOOTFALL_PLACE), footfall_faces),
        "album": album(count_groups(placed, ALBUM_PLACE), album_faces),
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
        rows={table: rows[table] for table in TABLES},
        kept=collection.unchanged,
        duplicates=duplicates,
        failures=dict(failed),
        skipped=dict(sorted(skipped.items())),
        changes=state.changes | ({"forgotten": collection.forgot} if collection.forgot else {}),
        unseen=state.unseen,
        incomplete=state.incomplete,
        made_by={run: made for run, made in _makers(info.before).items() if run in makers},
        forgotten=collection.forgotten.to_json(),
        reading=READING_VERSION,
    )
    output.publish(manifest, after)
    return manifest


@dataclass(frozen=True, slots=True)
class _Collection:
    """What is known of a collection when all of its files were met."""

    state: State
    forgotten: Forgotten
    forgot: int
    """Photos that were forgotten in this run."""
    unchanged: int
    """Files that were not read."""
    anew: pa.ChunkedArray
    """`photo_id` of the photos whose faces from before do not hold any more."""


def _collect(info: RunInfo, paths: Mapping[str, Sequence[str]]) -> _Collection:
    new = Rows(**{table: _read_all(table, paths[table]) for table in _WHOLE})
    before = Rows(
        **{
            table: _read_all(table, [getattr(info.earlier, table)] if info.earlier else [])
            for table in _WHOLE
        }
    )
    new, _, of_new = info.forgotten.leave_out(new)
    before, forgot, of_before = info.forgotten.leave_out(before)
    unchanged = _read_all("files", paths[KEPT])
    unchanged = unchanged.filter(pc.is_in(unchanged["uri"], value_set=before.files["uri"]))
    made_by = None if info.same or info.before is None else info.before.run_id
    return _Collection(
        state=next_state(before, new, unchanged, info.keep_deleted, made_by, info.globs),
        forgotten=info.forgotten.adding(files=[*of_new, *of_before]),
        forgot=forgot,
        unchanged=len(unchanged),
        anew=pa.chunked_array([] if info.same else new.photos["photo_id"].chunks, pa.string()),
    )


def _makers(before: Manifest | None) -> dict[str, dict[str, Any]]:
    """What the rows of the last run were made with, by the run that made them."""
    return {} if before is None else {**before.made_by, before.run_id: before.made()}


def _one_piece(table: pa.Table) -> pa.Table:
    return table.unify_dictionaries().combine_chunks()


def _faces(
    paths: Sequence[str], earlier: Earlier | None, counted: pa.Table, anew: pa.ChunkedArray
) -> Iterator[pa.Table]:
    """The faces of every counted photo once, with its uri, date and the date's precision.

    Copies of a photo have the same faces, so those of any copy do: of this run the copy with the
    smallest uri, else whatever the earlier run kept, unless the photo was looked at `anew`.
    """
    sources = (
        pa.concat_tables([_EMPTY_PAIRS, *_tables(paths, columns=["photo_id", "uri"])])
        .group_by("photo_id")
        .aggregate([("uri", "min")])
    )
    for batch in _together(_tables(paths)):
        source = pc.take(sources["uri_min"], pc.index_in(batch["photo_id"], value_set=sources["photo_id"]))
        yield _placed(batch.filter(pc.equal(batch["uri"], source)), counted)
    seen = pa.chunked_array([*sources["photo_id"].chunks, *anew.chunks], pa.string())
    for batch in _batches(earlier.faces) if earlier else ():
        yield _placed(batch.filter(pc.invert(pc.is_in(batch["photo_id"], value_set=seen))), counted)


_EMPTY_PAIRS: Final = arrow_schema(TABLES["faces"]).empty_table().select(["photo_id", "uri"])


def _placed(faces: pa.Table, counted: pa.Table) -> pa.Table:
    """`faces` that belong to counted photos, with the photo's uri, date and its precision."""
    index = pc.index_in(faces["photo_id"], value_set=counted["photo_id"])
    faces, index = faces.filter(pc.is_valid(index)), index.filter(pc.is_valid(index))
    for name in ("uri", "taken_at"):
        at = faces.schema.get_field_index(name)
        faces = faces.set_column(at, faces.schema.field(at), pc.take(counted[name], index))
    return faces.append_column("date_precision", pc.take(counted["date_precision"], index))


def _read_all(table: str, paths: Sequence[str]) -> pa.Table:
    empty = arrow_table(TABLES[table], [])
    return _one_piece(pa.concat_tables([empty, *(conform(part, TABLES[table]) for part in _tables(paths))]))


def _tables(paths: Sequence[str], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The table in each file, in order; some are read ahead, since a bucket takes its time over each."""

    def read(path: str) -> pa.Table:
        with local_copy(path) as file:
            return pq.read_table(file, columns=columns)

    with ThreadPoolExecutor(READ_AHEAD) as pool:
        coming: deque[Future[pa.Table]] = deque()
        for path in paths:
            coming.append(pool.submit(read, path))
            if len(coming) == READ_AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _together(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of LOOKUP_ROWS or more."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(map(len, held)) >= LOOKUP_ROWS:
            yield pa.concat_tables(held)
            held.clear()
    if held:
        yield pa.concat_tables(held)


def _batches(path: str) -> Iterator[pa.Table]:
    """The rows of a faces table, a row group at a time."""
    with local_copy(path) as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            yield conform(pa.Table.from_batches([batch]), Face)


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
    with (
        create_file(info.output.table_file(table)) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for piece in pieces:
            writer.write_table(piece.cast(schema), row_group_size=BATCH_ROWS)
            rows += len(piece)
    return rows


class FinishRun(beam.PTransform):
    """Part -> one Manifest, after the tables are visible."""

    def __init__(self, info: RunInfo) -> None:
        super().__init__()
        self._info = info

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        info = self._info

        def tables(parts: Sequence[Part]) -> Manifest:
            ReaderPool.rest()
            return finish_run(info, parts)

        return parts | "AllParts" >> beam.combiners.ToList() | "Tables" >> beam.Map(tables)
