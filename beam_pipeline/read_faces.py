"""ReadFaces: the way from places to rows as one transform, for a Beam pipeline of your own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam import coders
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import GlobalWindows

from headcount.beam_pipeline.options import read_options, with_options
from headcount.beam_pipeline.seeing import describe_settings, read_settings
from headcount.beam_pipeline.settings import Reading
from headcount.models.attributes import load_attribute_model
from headcount.models.detectors import load_detector
from headcount.schemas.errors import UsageError
from headcount.schemas.photos import Photo
from headcount.schemas.rows import FaceRow, FailureRow, PhotoRow, as_row
from headcount.transforms.cameras import camera_of, folder_of
from headcount.transforms.match_photos import MatchPhotos
from headcount.transforms.photo.reader_pool import PoolSettings
from headcount.transforms.see_photos import SeePhotos

for _type in (PhotoRow, FaceRow, FailureRow):
    coders.registry.register_coder(_type, coders.RowCoder)


class ReadRows(NamedTuple):
    """What ReadFaces gives: PCollections of named tuples with the columns of the tables of these names."""

    photos: PCollection
    faces: PCollection
    failures: PCollection


class ReadFaces(beam.PTransform):
    """Places -> ReadRows: all photos in them, their faces, and what could not be read.

        rows = pipeline | beam.Create(["gs://photos/2024"]) | headcount.ReadFaces(attributes="age,gender")
        rows.faces | beam.GroupBy("age_group").aggregate_field("face_id", CountCombineFn(), "faces")

    A place is a text or a Path, and names what `headcount run --input` takes: a folder, a glob, a photo, a
    list or a bucket. It is opened by the workers. A file comes once, however many places hold it; byte
    copies have a row and faces each, with the same `photo_id`, and `duplicate_of` stays null, for nothing
    here compares photos. The options are those of `headcount run` that decide what is read; raises
    UsageError for one that cannot be used, and for a PCollection without an end.
    """

    @with_options(Reading)
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = Reading(**read_options(Reading, options))

    def expand(self, places: PCollection) -> ReadRows:
        if not places.is_bounded:
            raise UsageError("ReadFaces needs all places before it begins; give it a bounded PCollection")
        options = self._options
        load_detector(options.detector, options.detector_model)
        model = load_attribute_model(options.attribute_model)
        reading = replace(
            read_settings(options, model.side, datetime.now(UTC).replace(tzinfo=None)),
            keep_location=options.keep_location,
        )
        pool = PoolSettings(processes=options.processes, photo_timeout=options.photo_timeout)
        matched = (
            places
            | "InOneWindow" >> beam.WindowInto(GlobalWindows())
            | "AllPlaces" >> beam.combiners.ToList()
            | "Inputs" >> beam.FlatMap(_as_inputs)
            | MatchPhotos(exclude=None)
        )
        seen = matched.found | SeePhotos(reading, pool, describe_settings(options, options.processes))
        failures = (matched.failures, seen.unread, seen.undescribed) | "AllFailures" >> beam.Flatten()
        return ReadRows(
            seen.photos | "PhotoRows" >> beam.Map(_photo_row).with_output_types(PhotoRow),
            seen.faces | "FaceRows" >> beam.Map(as_row).with_output_types(FaceRow),
            failures | "FailureRows" >> beam.Map(as_row).with_output_types(FailureRow),
        )


def _as_inputs(places: Sequence[str | os.PathLike[str]]) -> Iterable[tuple[bytes, ...]]:
    if places:
        yield tuple(os.fsencode(os.path.expanduser(place)) for place in places)


def _photo_row(photo: Photo) -> Any:
    """With the columns that a run fills at its end, as far as one photo is enough."""
    folder = folder_of(photo.uri)
    return as_row(replace(photo, folder=folder, camera=camera_of(folder)))
