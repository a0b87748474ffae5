"""The pipeline: how the steps are put together."""

from __future__ import annotations

import os
from dataclasses import dataclass

import apache_beam as beam

from headcount.transforms.describe_faces import DescribeSettings
from headcount.transforms.finish_run import FinishRun, RunInfo
from headcount.transforms.match_photos import MatchPhotos
from headcount.transforms.photo.reader import ReadSettings
from headcount.transforms.photo.reader_pool import PoolSettings
from headcount.transforms.see_photos import SeePhotos
from headcount.transforms.skip_known import Again, SkipKnown
from headcount.transforms.write_rows import KEPT, WriteRows


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the graph needs, checked and complete."""

    input: tuple[str, ...]
    reading: ReadSettings
    pool: PoolSettings
    describing: DescribeSettings
    again: Again
    info: RunInfo


def build(pipeline: beam.Pipeline, plan: Plan) -> beam.PCollection:
    """Adds the whole way from inputs to published tables; gives the Manifest of the run.

    Paths cross the only shuffle before the end. Pixels cross none: reading, describing and writing
    are fused by every engine, and only the names of written parts go on.
    """
    folder = plan.info.output.parts_folder
    # As bytes, since a place need not be UTF-8, and text in a pipeline must.
    inputs = pipeline | beam.Create([tuple(map(os.fsencode, plan.input))])
    matched = inputs | MatchPhotos(exclude=plan.info.output.root)
    sorted_out = matched.found | SkipKnown(plan.reading.earlier, plan.again, plan.info.forgotten)
    seen = sorted_out.changed | SeePhotos(plan.reading, plan.pool, plan.describing)
    rows = {
        "photos": (seen.photos,),
        "faces": (seen.faces,),
        "failures": (matched.failures, seen.unread, seen.undescribed),
        "files": (matched.files, seen.files),
        KEPT: (sorted_out.kept,),
    }
    parts = [
        source | f"Write {table} {number}" >> WriteRows(table, folder)
        for table, sources in rows.items()
        for number, source in enumerate(sources)
    ]
    return parts | "Parts" >> beam.Flatten() | FinishRun(plan.info)
