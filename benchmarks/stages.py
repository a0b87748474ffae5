"""Milliseconds a photo of each stage, alone: one process, one thread, outside of Beam, models loaded.

    python -m benchmarks.stages composed2 composed composed48

Timers sit around the functions that `PhotoReader`, `FaceModelHandler` and `WriteRows` call, at the settings
of a plain `headcount run`. Their sum divided by the cores is the floor for a whole run. Files are read once
before, so that no disk is waited for; faces are described in full batches.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from unittest import mock

import cv2
import pyarrow.parquet as pq

from benchmarks.tables import print_table
from headcount.beam_pipeline.graph import Plan
from headcount.beam_pipeline.run import make_plan
from headcount.beam_pipeline.settings import Settings
from headcount.models.attributes import BATCH_SIZE
from headcount.schemas.columns import arrow_table
from headcount.schemas.faces import Face
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.output import output_at
from headcount.transforms.describe_faces import FaceModelHandler
from headcount.transforms.match_photos import match_inputs
from headcount.transforms.photo import reader
from headcount.transforms.photo.file_types import sniff
from headcount.transforms.photo.reader import FaceCrop, PhotoReader, ReadResult
from headcount.transforms.read_photos import file_row

READER_SEAMS: Final[Sequence[tuple[str, Any, str]]] = (
    ("read", reader, "_content"),
    ("hash", hashlib, "sha256"),
    ("metadata, date", reader, "read_metadata"),
    ("metadata, date", reader, "capture_time"),
    ("decode", reader, "decode"),
    ("detect", reader, "detect_faces"),
    ("crop", reader, "_cut_out"),
)
"""Stage, and the function of `PhotoReader` that is all or a part of it."""

KERNELS: Final = (*dict.fromkeys(stage for stage, _, _ in READER_SEAMS), "describe", "write")
"""The stages whose sum is the floor."""

READER: Final = "reader's own"
"""Time of `PhotoReader.read` outside its stages; not a kernel."""

CORES: Final = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Stages:
    """What the stages took on some photos."""

    photos: int
    megapixels: float
    """Of a photo on average, as `megabytes` and `faces` are."""
    megabytes: float
    faces: float
    milliseconds: dict[str, float]
    """A photo, by stage: the `KERNELS` and `READER`."""

    @property
    def total(self) -> float:
        """Milliseconds a photo of all kernels."""
        return sum(self.milliseconds[stage] for stage in KERNELS)


def default_plan(inputs: Path, output: Path) -> Plan:
    """The plan of `headcount run` without options, but that one thread describes faces."""
    settings = Settings(input=(str(inputs),), output=str(output))
    now = datetime.now(UTC).replace(tzinfo=None)
    plan, _ = make_plan(settings, output_at(str(output), "benchmark"), now)
    return replace(plan, describing=replace(plan.describing, threads=1))


def setting(plan: Plan) -> str:
    """The detector and the size at which pictures are searched."""
    return f"{plan.reading.detector}, {plan.reading.detection_side}"


def find_photos(folder: Path, sample: int | None = None) -> list[FoundFile]:
    """The files of `folder` that are photos by name, or `sample` of them drawn at random.

    It is the same draw every time. Drawn, because every tenth copy of forty pictures is one of four.
    """
    found = (file for file in match_inputs([str(folder)]) if isinstance(file, FoundFile))
    files = [file for file in found if sniff(b"", file.path).candidate]
    return random.Random(1).sample(files, sample) if sample and sample < len(files) else files


def time_stages(files: Sequence[FoundFile], plan: Plan, passes: int = 3) -> Stages:
    """Times `passes` passes over `files`; each figure is the median of the passes."""
    cv2.setNumThreads(1)
    reader = PhotoReader(plan.reading)
    handler = FaceModelHandler(plan.describing)
    model = handler.load_model()
    for file in files:
        Path(file.path).read_bytes()
    reader.read(files[0])

    def describe(batch: Sequence[FaceCrop]) -> Iterable[Any]:
        return handler.run_inference(batch, model)

    timed = [_time_pass(files, reader, describe) for _ in range(passes)]
    photos = [result.photo for result in timed[0][0] if result.photo]
    return Stages(
        photos=len(photos),
        megapixels=statistics.mean(photo.width * photo.height / 1e6 for photo in photos),
        megabytes=statistics.mean(photo.bytes / 1e6 for photo in photos),
        faces=statistics.mean(photo.faces for photo in photos),
        milliseconds={
            stage: statistics.median(seconds[stage] for _, seconds in timed) * 1000 / len(files)
            for stage in (*KERNELS, READER)
        },
    )


def _time_pass(
    files: Sequence[FoundFile], reader: PhotoReader, describe: Callable[[Sequence[FaceCrop]], Iterable[Any]]
) -> tuple[list[ReadResult], dict[str, float]]:
    """What was read, and seconds by stage."""
    seconds: dict[str, float] = defaultdict(float)
    with timers(READER_SEAMS, seconds):
        start = time.perf_counter()
        results = [reader.read(file) for file in files]
        reading = time.perf_counter() - start
    seconds[READER] = reading - sum(seconds.values())
    crops = [crop for result in results for crop in result.faces]
    start = time.perf_counter()
    described = [row for i in range(0, len(crops), BATCH_SIZE) for row in describe(crops[i : i + BATCH_SIZE])]
    seconds["describe"] = time.perf_counter() - start
    start = time.perf_counter()
    rows: dict[str, list[Any]] = {
        "photos": [result.photo for result in results if result.photo],
        "faces": [row for row in described if isinstance(row, Face)],
        "files": [file_row(file, result) for file, result in zip(files, results, strict=True)],
    }
    with tempfile.TemporaryDirectory() as folder:
        for table, of_table in rows.items():
            pq.write_table(arrow_table(TABLES[table], of_table), Path(folder) / f"{table}.parquet")
    seconds["write"] = time.perf_counter() - start
    return results, seconds


@contextmanager
def timers(seams: Iterable[tuple[str, Any, str]], seconds: dict[str, float]) -> Iterator[None]:
    """Adds to `seconds[stage]` what each call of the function `name` of `module` takes, for each seam."""
    with ExitStack() as stack:
        for stage, module, name in seams:
            timed = _timed(getattr(module, name), stage, seconds)
            stack.enter_context(mock.patch.object(module, name, timed))
        yield


def _timed(function: Callable[..., Any], stage: str, seconds: dict[str, float]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **options)
        finally:
            seconds[stage] += time.perf_counter() - start

    return call


def table_rows(measured: Sequence[Stages]) -> list[list[str]]:
    """A row for each stage, a column for each of `measured`."""
    return [
        ["photos", *(str(one.photos) for one in measured)],
        ["megapixels", *(f"{one.megapixels:.1f}" for one in measured)],
        ["megabytes", *(f"{one.megabytes:.1f}" for one in measured)],
        ["faces", *(f"{one.faces:.1f}" for one in measured)],
        *([stage, *(f"{one.milliseconds[stage]:.2f}" for one in measured)] for stage in KERNELS),
        ["**sum of the kernels**", *(f"**{one.total:.1f}**" for one in measured)],
        [f"the same / {CORES} cores", *(f"{one.total / CORES:.1f}" for one in measured)],
        [f"not counted: {READER}", *(f"{one.milliseconds[READER]:.2f}" for one in measured)],
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="photos, a column for each")
    parser.add_argument("--sample", type=int, default=20, help="photos of each folder (%(default)s)")
    parser.add_argument("--passes", type=int, default=3, help="whose median is given (%(default)s)")
    args = parser.parse_args(argv)
    columns = {}
    with tempfile.TemporaryDirectory() as output:
        for folder in args.folders:
            plan = default_plan(folder, Path(output))
            columns[folder.name] = time_stages(find_photos(folder, args.sample), plan, args.passes)
    print(f"One thread; detector, detection size: {setting(plan)}; median of {args.passes} passes\n")
    print_table(["ms a photo", *columns], table_rows(list(columns.values())))


if __name__ == "__main__":
    main()
