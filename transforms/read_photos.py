"""FoundFile -> rows and face crops, through the child processes of `reader_pool`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from headcount.schemas.files import FAILED, PHOTO, SKIPPED, File
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.photo.reader import ReadResult, ReadSettings
from headcount.transforms.photo.reader_pool import PoolSettings, ReaderPool
from headcount.transforms.tally import TALLY


class ReadPhotos(beam.PTransform):
    """FoundFile -> `photos` (Photo), `faces` (FaceCrop), `failures` (Failure), `files` (File)."""

    def __init__(self, reading: ReadSettings, pool: PoolSettings) -> None:
        super().__init__()
        self._reading = reading
        self._pool = pool

    def expand(self, files: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return files | "Read" >> beam.ParDo(_ReadPhotosDoFn(self._reading, self._pool)).with_outputs(
            "photos", "faces", "failures", "files"
        )


def file_row(file: FoundFile, result: ReadResult) -> File:
    """What became of `file`, for the next run to compare."""
    outcome = PHOTO if result.photo else FAILED if result.failures else SKIPPED
    return File(uri=file.uri, version=file.version, outcome=outcome, file_type=result.file_type)


class _ReadPhotosDoFn(beam.DoFn):
    def __init__(self, reading: ReadSettings, settings: PoolSettings) -> None:
        self._reading = reading
        self._settings = settings

    def setup(self) -> None:
        self._pool = ReaderPool.acquire(self._reading, self._settings)

    def start_bundle(self) -> None:
        self._pending: deque[tuple[FoundFile, Future[ReadResult]]] = deque()

    def process(self, file: FoundFile) -> Iterable[TaggedOutput]:
        self._pending.append((file, self._pool.submit(file)))
        if len(self._pending) > self._pool.ahead:
            for tag, row in self._oldest():
                yield TaggedOutput(tag, row)

    def finish_bundle(self) -> Iterable[TaggedOutput]:
        while self._pending:
            for tag, row in self._oldest():
                yield TaggedOutput(tag, WindowedValue(row, MIN_TIMESTAMP, (GlobalWindow(),)))

    def teardown(self) -> None:
        self._pool.release()

    def _oldest(self) -> Iterator[tuple[str, object]]:
        file, future = self._pending.popleft()
        result = self._pool.result(file, future)
        rows: dict[str, Sequence[object]] = {
            "photos": [result.photo] if result.photo else [],
            "faces": result.faces,
            "failures": result.failures,
            "files": [file_row(file, result)],
        }
        counts = {tag: len(found) for tag, found in rows.items()}
        TALLY.add(**counts)
        for tag, count in counts.items():
            Metrics.counter("ReadPhotos", tag).inc(count)
        yield from ((tag, row) for tag, found in rows.items() for row in found)
